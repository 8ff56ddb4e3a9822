"""Keeping what was heard: ``--save FILE`` and the debug folder.

The suffix of FILE says the format: .wav (also where there is none), .opus or .ogg, .mp3,
.flac, .aac, or .pcm for raw samples.

A run in the debug folder leaves three files and a link::

    recordings/
      latest.wav -> 2026/11/2026-11-20T14-03-09_5f0c2a.wav
      2026/11/2026-11-20T14-03-09_5f0c2a.wav      what was decoded
      2026/11/2026-11-20T14-03-09_5f0c2a.opus     the bytes as received
      2026/11/2026-11-20T14-03-09_5f0c2a.json     the run's metrics

Saving is never in the way of playing: a `Saver` collects its errors instead of
raising them. A target that failed is left alone from then on, with what it held
by then put in its place; the others go on.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from voicecli.audio.pcm import AudioFormat
from voicecli.errors import SaveError, VoiceError
from voicecli.recording.partfile import save_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicecli.audio.convert import SampleConverter
    from voicecli.audio.pcm import Pcm, Samples
    from voicecli.recording.encodedfile import EncodedWriter
    from voicecli.recording.wavfile import WavWriter


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What came of saving: the paths written, WAVs first, and the first error, if any."""

    saved: list[str] = field(default_factory=list)
    error: SaveError | None = None


def recordings_dir() -> Path:
    """Where ``--debug-audio`` keeps its recordings unless told otherwise."""
    import platformdirs  # noqa: PLC0415  only where recordings are asked for

    return platformdirs.user_data_path("voicecli", appauthor=False) / "recordings"


class Saver:
    """Writes one run's sound to the targets that were asked for.

    ``save`` is the file of ``--save``, ``debug_dir`` the folder of
    ``--debug-audio``; either may be None. ``run_id`` and ``started_wall_s``
    (seconds since the epoch) name the recording. No file is made before there
    is something to put in it. One thread drives it, in this order: `pcm` and
    `raw` as things arrive, `finish`, `write_metrics`. No method raises for what
    the file system does.
    """

    def __init__(
        self, save: Path | None, debug_dir: Path | None, *, run_id: str, started_wall_s: float
    ) -> None:
        self._recording = _Recording(debug_dir, run_id, started_wall_s) if debug_dir else None
        self._sounds = [_SoundTarget(save)] if save else []
        if self._recording:
            self._sounds.append(self._recording.wav)
        self._failed: list[object] = []
        self._error: SaveError | None = None

    @property
    def error(self) -> SaveError | None:
        """The first thing that went wrong so far."""
        return self._error

    def pcm(self, block: Pcm) -> None:
        """Append a decoded block, converted to the first block's rate and channels."""
        for sound in self._sounds:
            self._feed(sound, partial(sound.write, block))

    def raw(self, data: bytes) -> None:
        """Append bytes as they were received."""
        if self._recording:
            self._feed(self._recording.received, partial(self._recording.received.write, data))

    def finish(self, heard_frames: int | None = None, raw_format: str = "bin") -> SaveReport:
        """Put every file in its place and say which.

        ``heard_frames``, at the first block's rate, cuts what is saved; None leaves
        them whole. ``raw_format`` is what the received bytes turned out to be,
        which their file's extension tells. Called once.
        """
        for sound in self._sounds:  # failed ones too: what they hold is worth having
            self._attempt(sound, partial(sound.finish, heard_frames))
        saved = [sound.path for sound in self._sounds if sound.in_place]
        if self._recording:
            received = self._recording.received
            path = self._recording.raw_path(raw_format)
            self._attempt(received, partial(received.finish, path))
            saved += [path] if received.in_place else []
            if self._recording.wav.in_place:
                self._recording.link_latest()
        return SaveReport([str(path) for path in saved], self._error)

    def write_metrics(self, metrics: Mapping[str, object]) -> SaveError | None:
        """Put the run's metrics beside its recording; returns the first error of all."""
        if self._recording:
            self._attempt(self._recording, partial(self._recording.write_metrics, metrics))
        return self._error

    def _feed(self, target: object, write: Callable[[], None]) -> None:
        if target not in self._failed:
            self._attempt(target, write)

    def _attempt(self, target: object, step: Callable[[], None]) -> None:
        try:
            step()
        except SaveError as error:
            self._failed.append(target)
            self._error = self._error or error


class _SoundTarget:
    """A sound file in the making, at the rate and channels of the first block that comes."""

    def __init__(self, path: Path, *, make_folder: bool = False) -> None:
        self.path = path
        self.in_place = False
        self._make_folder = make_folder
        self._writer: WavWriter | EncodedWriter | None = None
        self._converter: SampleConverter | None = None

    def write(self, block: Pcm) -> None:
        if self._writer is None:
            self._writer, self._converter = self._open(block)
        assert self._converter is not None
        for samples in self._converter.convert(block):
            self._append(samples)

    def finish(self, heard_frames: int | None) -> None:
        if self._writer is None or self._converter is None:
            return
        from voicecli.recording.encodedfile import EncodedWriter  # noqa: PLC0415  loaded by now

        try:
            for samples in self._converter.flush():
                self._append(samples)
            if heard_frames is not None:
                self._writer.truncate_to(heard_frames)
            if isinstance(self._writer, EncodedWriter):
                self._writer.end()
        finally:  # a disk too full for the last block still takes the name
            self._writer.finish()
            self.in_place = True

    def _open(self, block: Pcm) -> tuple[WavWriter | EncodedWriter, SampleConverter]:
        # Here, not above: all of them bring numpy, which may load while the server thinks.
        from voicecli.audio.convert import SampleConverter  # noqa: PLC0415
        from voicecli.codecs.formats import codec_for_suffix  # noqa: PLC0415

        if self._make_folder:
            with save_errors(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
        codec = codec_for_suffix(str(self.path)) or "wav"
        # Encoders know mono and stereo; a WAV keeps what comes.
        channels = block.format.channels if codec == "wav" else min(block.format.channels, 2)
        format = AudioFormat(block.rate_hz, channels, "int16")
        return _writer(codec, self.path, format), SampleConverter(format)

    def _append(self, samples: Samples) -> None:
        """Write in steps of a second, the most that a crash may lose."""
        assert self._writer is not None
        for start in range(0, samples.shape[0], self._writer.rate_hz):
            self._writer.write(samples[start : start + self._writer.rate_hz])


def _writer(codec: str, path: Path, format: AudioFormat) -> WavWriter | EncodedWriter:
    from voicecli.recording.encodedfile import EncodedWriter  # noqa: PLC0415  numpy, again
    from voicecli.recording.wavfile import WavWriter  # noqa: PLC0415

    if codec == "wav":
        return WavWriter(path, format.rate_hz, format.channels)
    from voicecli.codecs.encoding import make_encoder  # noqa: PLC0415

    try:
        encoder = make_encoder(codec, format.rate_hz, format.channels)
    except VoiceError as error:  # no libopus here, a rate that no sound has
        raise SaveError(f"cannot save {path}: {error.message}", remedy=error.remedy) from error
    return EncodedWriter(path, encoder, format.rate_hz)


class _ReceivedTarget:
    """The received bytes, under a provisional name until their format is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.in_place = False

    def write(self, data: bytes) -> None:
        with save_errors(self._path):
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("xb", buffering=0)
            while data:
                data = data[self._file.write(data) :]

    def finish(self, path: Path) -> None:
        if self._file is None:
            return
        with save_errors(path):
            self._file.close()
            self._path.replace(path)
        self.in_place = True


class _Recording:
    """The names of one run's files in the debug folder."""

    def __init__(self, folder: Path, run_id: str, started_wall_s: float) -> None:
        moment = time.localtime(started_wall_s)
        self._folder = folder
        self._month = Path(time.strftime("%Y", moment)) / time.strftime("%m", moment)
        self._stem = f"{time.strftime('%Y-%m-%dT%H-%M-%S', moment)}_{run_id}"
        self.wav = _SoundTarget(self._path("wav"), make_folder=True)
        self.received = _ReceivedTarget(self._path("part"))

    def _path(self, extension: str) -> Path:
        return self._folder / self._month / f"{self._stem}.{extension}"

    def raw_path(self, raw_format: str) -> Path:
        """Where the received bytes go; received WAVs make way for the decoded one."""
        return self._path("received.wav" if raw_format == "wav" else raw_format)

    def write_metrics(self, metrics: Mapping[str, object]) -> None:
        path = self._path("json")
        with save_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(metrics, indent=2, allow_nan=False)
            path.write_text(text + "\n", encoding="utf-8")

    def link_latest(self) -> None:
        """Point ``latest.wav`` at this run; without it where links are not to be had."""
        link = self._folder / "latest.wav"
        fresh = self._folder / f".latest-{os.urandom(4).hex()}"
        try:
            fresh.symlink_to(self._month / self.wav.path.name)
            fresh.replace(link)
        except (OSError, NotImplementedError):
            with suppress(OSError):
                fresh.unlink()
