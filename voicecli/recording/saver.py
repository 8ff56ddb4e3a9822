"""Save the audio of one run: ``--save FILE`` and the folder of ``--debug-audio``.

The suffix of FILE selects the format: .wav (the default), .opus or .ogg, .mp3, .flac,
.aac, or .pcm for raw samples. `voicecli.recording.debugfolder` has what a run leaves there.

Saving never gets in the way of playback: once the run has begun, a `Saver` collects errors
instead of raising them. After an error a file is not written to any further, but what it
has by then is put in place; other files are not affected.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.recording.audiofile import AudioFile
from voicecli.recording.debugfolder import DebugFolder, ReceivedFile
from voicecli.recording.streamfile import ReaderGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from voicecli.audio.pcm import Pcm


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

    ``save`` is the file of ``--save`` (``-`` is standard output), ``codec`` its format if not
    that of its suffix, ``debug_dir`` the folder of ``--debug-audio``; None for neither.
    ``run_id`` and ``started_wall_s`` (seconds since the epoch) name the recording, which
    ``is_private`` hides from other users. One thread calls `pcm` and `raw` as data arrives,
    then `finish`, then `write_metrics`. Those do not raise because of the file system.
    """

    def __init__(
        self,
        save: Path | None,
        debug_dir: Path | None,
        *,
        run_id: str,
        started_wall_s: float,
        codec: str | None = None,
        is_private: bool = False,
    ) -> None:
        self._debug = (
            DebugFolder(debug_dir, run_id, started_wall_s, is_private=is_private)
            if debug_dir
            else None
        )
        self._audio_files = [AudioFile(save, codec)] if save else []
        if self._debug:
            self._audio_files.append(self._debug.wav)
        self.error: SaveError | None = None
        """The first error so far."""
        self.is_finishing = False
        """Whether the files are being put in place; any thread."""
        self.on_reader_gone: Callable[[], None] = lambda: None
        """Called on the saving thread when the program at the other end of a pipe has exited."""
        self.has_lost_reader = False
        """Whether that has happened."""

    def open(self) -> list[str]:
        """Create all files, so that mistakes show before anything is requested.

        Returns sentences about what killed runs have left.

        Raises:
            SaveError: one cannot be written.
        """
        notes: list[str] = []
        if self._debug:
            found = self._debug.make()
            notes += [f"{path} was left by a run that was killed" for path in found]
        try:
            for file in self._audio_files:
                file.open()
                if file.left_behind:
                    notes.append(f"{file.left_behind}, left by a run that was killed, is replaced")
        except SaveError:
            self.finish()
            raise
        return notes

    @property
    def waits_for_reader(self) -> bool:
        """Whether another program decides how fast the audio can be written; any thread."""
        return any(file.is_stream for file in self._audio_files)

    def pcm(self, block: Pcm) -> None:
        """Append a decoded block, converted to the rate and channels of the first one."""
        for file in self._audio_files:
            with self._collect_error(file):
                if self._debug and file is self._debug.wav:
                    self._debug.make()
                file.write(block)

    def raw(self, data: bytes, number: int = 0) -> None:
        """Append bytes as received, of the answer to the utterance ``number``."""
        if self._debug:
            received = self._debug.received(number)
            with self._collect_error(received):
                self._debug.make()
                received.write(data)

    def finish(self, heard_frames: int | None = None, raw_format: str = "bin") -> SaveReport:
        """Put every file in place. Called once.

        ``heard_frames``, at the rate of the first block, is where to cut the audio;
        None keeps all of it. ``raw_format`` is the format of the received bytes and
        becomes the extension of their file.
        """
        files: list[AudioFile | ReceivedFile] = [*self._audio_files]
        for file in self._audio_files:
            with self._collect_error(file):
                file.finish(heard_frames)
        if self._debug:
            for number, received in self._debug.all_received():
                files.append(received)
                with self._collect_error(received):
                    received.finish(self._debug.received_path(number, raw_format))
            if self._debug.wav.is_in_place:
                self._debug.link_latest()
        clip = next((file.clip for file in self._audio_files if file.clip), None)
        saved = [str(file.path) for file in files if file.is_in_place]
        return SaveReport(saved, self.error, clip)

    def write_metrics(self, metrics: Mapping[str, object]) -> SaveError | None:
        """Write the run's metrics to the debug folder; return the first error of all."""
        if self._debug:
            with self._collect_error():
                self._debug.write_metrics(metrics)
        return self.error

    @contextmanager
    def _collect_error(self, file: AudioFile | ReceivedFile | None = None) -> Iterator[None]:
        try:
            yield
        except SaveError as error:
            if file is not None:
                file.has_failed = True
            if isinstance(error, ReaderGone):
                self.has_lost_reader = True
                self.on_reader_gone()
            else:
                self.error = self.error or error
