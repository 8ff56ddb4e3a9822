"""One audio file of a run: a WAV, an encoded file or a stream, by its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from voicecli.audio.pcm import AudioFormat
from voicecli.errors import SaveError, VoiceError
from voicecli.recording.partfile import PartFile, save_errors
from voicecli.recording.streamfile import StreamFile, StreamWriter, is_stream

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.audio.convert import SampleConverter
    from voicecli.audio.pcm import Pcm, Samples
    from voicecli.recording.encodedfile import EncodedWriter
    from voicecli.recording.wavfile import WavWriter

Writer: TypeAlias = "WavWriter | EncodedWriter | StreamWriter"


class AudioFile:
    """An audio file, at the rate and channels of its first block.

    ``codec`` overrides what the suffix says. ``mode`` is that of the file, less the umask.
    One thread at a time; `open` is called by the first `write` at the latest.
    """

    def __init__(self, path: Path, codec: str | None = None, *, mode: int = 0o666) -> None:
        self.path = path
        self.is_in_place = False
        self.has_failed = False
        self.clip: dict[str, str | float | None] | None = None
        """The path and the measurements of a WAV that is in place."""
        self.left_behind: Path | None = None
        """What a killed run left and this one replaces; None for nothing."""
        self._codec = codec
        self._mode = mode
        self._opened: PartFile | StreamFile | None = None
        self._writing: tuple[Writer, SampleConverter] | None = None

    def open(self) -> None:
        """Create the file, or wait for the reader of a pipe; idempotent.

        Raises:
            SaveError: it cannot be written.
        """
        if self._opened is None:
            if is_stream(self.path):
                self._opened = StreamFile(self.path)
            else:
                self._opened = part = PartFile(self.path, mode=self._mode)
                self.left_behind = part.left_behind

    @property
    def is_stream(self) -> bool:
        """Whether it is open, and its reader decides how fast it can be written."""
        return isinstance(self._opened, StreamFile) and not self.has_failed

    def write(self, block: Pcm) -> None:
        """Append a block, converted to the format of the first.

        Raises:
            SaveError: it cannot be written.
        """
        if self.has_failed:
            return
        if self._writing is None:
            self._writing = self._begin(block)
        writer, converter = self._writing
        _write_all(writer, converter.convert(block))

    def finish(self, heard_frames: int | None) -> None:
        """Put the file in place, even if the disk is too full for its last block.

        A stream is in place only if it took everything.

        Raises:
            SaveError: it cannot be written.
        """
        if self._writing is None:
            self._discard()
            return
        writer, converter = self._writing
        is_whole = False
        try:
            if not self.has_failed:
                _write_all(writer, converter.flush())
            if heard_frames is not None:
                writer.truncate_to(heard_frames)
            writer.end()
            is_whole = not self.has_failed
        finally:
            writer.finish()
            self.is_in_place = is_whole or isinstance(self._opened, PartFile)
            if (measured := writer.measure()) is not None:
                self.clip = {"path": str(self.path), **measured}

    def _discard(self) -> None:
        if isinstance(self._opened, PartFile):
            self._opened.discard()
        elif self._opened is not None:
            self._opened.close()

    def _begin(self, block: Pcm) -> tuple[Writer, SampleConverter]:
        # Imported here because they bring numpy, which may load while the server works.
        from voicecli.audio.convert import SampleConverter  # noqa: PLC0415
        from voicecli.codecs.formats import codec_for_suffix  # noqa: PLC0415
        from voicecli.recording.wavfile import WavWriter  # noqa: PLC0415

        self.open()
        codec = self._codec or codec_for_suffix(str(self.path)) or "wav"
        rate_hz, channels = block.rate_hz, block.channels
        if codec == "wav" and isinstance(self._opened, PartFile):
            writer: Writer = WavWriter(self._opened, rate_hz, channels)
        else:
            channels = min(channels, 2)  # encoders support mono and stereo
            writer = self._encoded(codec, rate_hz, channels)
        return writer, SampleConverter(AudioFormat(rate_hz, channels, "int16"))

    def _encoded(self, codec: str, rate_hz: int, channels: int) -> EncodedWriter | StreamWriter:
        from voicecli.codecs.encoding import make_encoder  # noqa: PLC0415  as above
        from voicecli.recording.encodedfile import EncodedWriter  # noqa: PLC0415  as above

        try:
            encoder = make_encoder(codec, rate_hz, channels)
        except VoiceError as error:  # for example, libopus is missing
            message = f"cannot save {self.path}: {error.message}"
            raise SaveError(message, remedy=error.remedy) from error
        if isinstance(self._opened, StreamFile):
            return StreamWriter(self._opened, encoder, rate_hz)
        assert self._opened is not None
        return EncodedWriter(self._opened, encoder, rate_hz)


def make_folder(folder: Path, mode: int) -> None:
    """Create a folder and those above it, each with ``mode`` less the umask.

    Raises:
        SaveError: one cannot be created.
    """
    with save_errors(folder):
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode, exist_ok=True)
        folder.mkdir(mode, exist_ok=True)  # fails if it is not a folder


def _write_all(writer: Writer, blocks: list[Samples]) -> None:
    """Write blocks of at most a second: a crash can lose one."""
    for samples in blocks:
        for start in range(0, samples.shape[0], writer.rate_hz):
            writer.write(samples[start : start + writer.rate_hz])
