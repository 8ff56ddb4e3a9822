"""Saves the audio of one run: ``--save FILE`` and the folder of ``--debug-audio``.

The suffix of FILE selects the format: .wav (the default), .opus or .ogg, .mp3, .flac,
.aac, or .pcm for raw samples. A run leaves three files and a link in the debug folder::

    recordings/
      latest.wav -> 2026/11/2026-11-20T14-03-09_5f0c2a.wav
      2026/11/2026-11-20T14-03-09_5f0c2a.wav      the decoded audio
      2026/11/2026-11-20T14-03-09_5f0c2a.opus     the bytes as received
      2026/11/2026-11-20T14-03-09_5f0c2a.1.opus   those of the second request, and so on
      2026/11/2026-11-20T14-03-09_5f0c2a.json     the run's metrics

Saving never gets in the way of playback: a `Saver` collects errors instead of raising
them. After an error a file is not written to any further, but what it has by then is
put in place; other files are not affected.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from voicecli.audio.pcm import AudioFormat
from voicecli.errors import SaveError, VoiceError
from voicecli.recording.partfile import save_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.audio.convert import SampleConverter
    from voicecli.audio.pcm import Pcm, Samples
    from voicecli.recording.encodedfile import EncodedWriter
    from voicecli.recording.wavfile import WavWriter


@dataclass(frozen=True, slots=True)
class SaveReport:
    """The result of saving: the paths written, audio first, and the first error, if any.

    ``clip`` has the path, loudness and silence of the first WAV, if there is one.
    """

    saved: list[str] = field(default_factory=list)
    error: SaveError | None = None
    clip: dict[str, str | float | None] | None = field(default=None, compare=False)


def recordings_dir() -> Path:
    """Return the default folder of ``--debug-audio``."""
    import platformdirs  # noqa: PLC0415  only with --debug-audio

    return platformdirs.user_data_path("voicecli", appauthor=False) / "recordings"


class Saver:
    """Writes the audio of one run.

    ``save`` is the file of ``--save``, ``debug_dir`` the folder of ``--debug-audio``;
    either may be None. ``run_id`` and ``started_wall_s`` (seconds since the epoch)
    name the recording. A file is created when there is something to write to it. One
    thread calls `pcm` and `raw` as data arrives, then `finish`, then `write_metrics`.
    No method raises because of the file system.
    """

    def __init__(
        self, save: Path | None, debug_dir: Path | None, *, run_id: str, started_wall_s: float
    ) -> None:
        self._recording = _Recording(debug_dir, run_id, started_wall_s) if debug_dir else None
        self._audio_files = [_AudioFile(save)] if save else []
        if self._recording:
            self._audio_files.append(self._recording.wav)
        self.error: SaveError | None = None
        """The first error so far."""
        self.is_finishing = False
        """Whether the files are being put in place; any thread."""

    def pcm(self, block: Pcm) -> None:
        """Append a decoded block, converted to the rate and channels of the first one."""
        for file in self._audio_files:
            with self._collect_error(file):
                file.write(block)

    def raw(self, data: bytes, number: int = 0) -> None:
        """Append bytes as received, of the answer to the utterance ``number``."""
        if self._recording:
            received = self._recording.received(number)
            with self._collect_error(received):
                received.write(data)

    def finish(self, heard_frames: int | None = None, raw_format: str = "bin") -> SaveReport:
        """Put every file in place. Called once.

        ``heard_frames``, at the rate of the first block, is where to cut the audio;
        None keeps all of it. ``raw_format`` is the format of the received bytes and
        becomes the extension of their file.
        """
        files: list[_AudioFile | _ReceivedFile] = [*self._audio_files]
        for file in self._audio_files:
            with self._collect_error(file):
                file.finish(heard_frames)
        if self._recording:
            for number, received in self._recording.all_received():
                files.append(received)
                with self._collect_error(received):
                    received.finish(self._recording.received_path(number, raw_format))
            if self._recording.wav.is_in_place:
                self._recording.link_latest()
        clip = next((file.clip for file in self._audio_files if file.clip), None)
        saved = [str(file.path) for file in files if file.is_in_place]
        return SaveReport(saved, self.error, clip)

    def write_metrics(self, metrics: Mapping[str, object]) -> SaveError | None:
        """Write the run's metrics to the debug folder; return the first error of all."""
        if self._recording:
            with self._collect_error():
                self._recording.write_metrics(metrics)
        return self.error

    @contextmanager
    def _collect_error(self, file: _AudioFile | _ReceivedFile | None = None) -> Iterator[None]:
        try:
            yield
        except SaveError as error:
            self.error = self.error or error
            if file is not None:
                file.has_failed = True


class _AudioFile:
    """An audio file, at the rate and channels of its first block."""

    def __init__(self, path: Path, *, make_folder: bool = False) -> None:
        self.path = path
        self.is_in_place = False
        self.has_failed = False
        self.clip: dict[str, str | float | None] | None = None
        """The path and the measurements of a WAV that is in place."""
        self._make_folder = make_folder
        self._open_file: tuple[WavWriter | EncodedWriter, SampleConverter] | None = None

    def write(self, block: Pcm) -> None:
        if self.has_failed:
            return
        if self._open_file is None:
            self._open_file = self._open(block)
        writer, converter = self._open_file
        _write_all(writer, converter.convert(block))

    def finish(self, heard_frames: int | None) -> None:
        """Put the file in place, even if the disk is too full for its last block."""
        if self._open_file is None:
            return
        writer, converter = self._open_file
        try:
            _write_all(writer, converter.flush())
            if heard_frames is not None:
                writer.truncate_to(heard_frames)
            writer.end()
        finally:
            writer.finish()
            self.is_in_place = True
            if (measured := writer.measure()) is not None:
                self.clip = {"path": str(self.path), **measured}

    def _open(self, block: Pcm) -> tuple[WavWriter | EncodedWriter, SampleConverter]:
        # Imported here because they bring numpy, which may load while the server works.
        from voicecli.audio.convert import SampleConverter  # noqa: PLC0415
        from voicecli.codecs.encoding import make_encoder  # noqa: PLC0415
        from voicecli.codecs.formats import codec_for_suffix  # noqa: PLC0415
        from voicecli.recording.encodedfile import EncodedWriter  # noqa: PLC0415
        from voicecli.recording.wavfile import WavWriter  # noqa: PLC0415

        if self._make_folder:
            with save_errors(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
        codec = codec_for_suffix(str(self.path)) or "wav"
        rate_hz, channels = block.rate_hz, block.channels
        if codec == "wav":
            writer: WavWriter | EncodedWriter = WavWriter(self.path, rate_hz, channels)
        else:
            channels = min(channels, 2)  # encoders support mono and stereo
            try:
                encoder = make_encoder(codec, rate_hz, channels)
            except VoiceError as error:  # for example, libopus is missing
                message = f"cannot save {self.path}: {error.message}"
                raise SaveError(message, remedy=error.remedy) from error
            writer = EncodedWriter(self.path, encoder, rate_hz)
        return writer, SampleConverter(AudioFormat(rate_hz, channels, "int16"))


def _write_all(writer: WavWriter | EncodedWriter, blocks: list[Samples]) -> None:
    """Write blocks of at most a second: a crash can lose one."""
    for samples in blocks:
        for start in range(0, samples.shape[0], writer.rate_hz):
            writer.write(samples[start : start + writer.rate_hz])


class _ReceivedFile:
    """The received bytes, under a provisional name until their format is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_in_place = False
        self.has_failed = False
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if self.has_failed:
            return
        with save_errors(self.path):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("xb", buffering=0)
            while data:
                data = data[self._file.write(data) :]

    def close(self) -> None:
        """Close the file, whose answer is complete, so that few are open."""
        if self._file is not None:
            self._file.close()

    def finish(self, path: Path) -> None:
        if self._file is None:
            return
        with save_errors(path):
            self.close()
            self.path = self.path.replace(path)
        self.is_in_place = True


_MOST_OPEN = 32
"""Answers that may be under way at once."""


def _infix(number: int) -> str:
    """Return what tells the answers to several requests apart; the first has nothing."""
    return f"{number}." if number else ""


class _Recording:
    """The files of one run in the debug folder."""

    def __init__(self, folder: Path, run_id: str, started_wall_s: float) -> None:
        started = time.localtime(started_wall_s)
        self._folder = folder
        self._month = Path(time.strftime("%Y", started)) / time.strftime("%m", started)
        self._stem = f"{time.strftime('%Y-%m-%dT%H-%M-%S', started)}_{run_id}"
        self.wav = _AudioFile(self._path("wav"), make_folder=True)
        self._received: dict[int, _ReceivedFile] = {}

    def received(self, number: int) -> _ReceivedFile:
        """Return the file of an utterance's answer; those before it are complete."""
        if number not in self._received:
            self._received[number] = _ReceivedFile(self._path(f"{_infix(number)}part"))
            if (earlier := self._received.get(number - _MOST_OPEN)) is not None:
                earlier.close()
        return self._received[number]

    def all_received(self) -> list[tuple[int, _ReceivedFile]]:
        """Return the files of all answers, in order."""
        return sorted(self._received.items())

    def _path(self, extension: str) -> Path:
        return self._folder / self._month / f"{self._stem}.{extension}"

    def received_path(self, number: int, raw_format: str) -> Path:
        """Return where the received bytes go; a WAV must not replace the decoded one."""
        extension = "received.wav" if raw_format == "wav" else raw_format
        return self._path(f"{_infix(number)}{extension}")

    def write_metrics(self, metrics: Mapping[str, object]) -> None:
        path = self._path("json")
        with save_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(metrics, indent=2, allow_nan=False)
            path.write_text(text + "\n", encoding="utf-8")

    def link_latest(self) -> None:
        """Point ``latest.wav`` at this run, if the file system has links."""
        link = self._folder / "latest.wav"
        fresh = self._folder / f".latest-{os.urandom(4).hex()}"
        try:
            fresh.symlink_to(self._month / self.wav.path.name)
            fresh.replace(link)
        except (OSError, NotImplementedError):
            with suppress(OSError):
                fresh.unlink()
