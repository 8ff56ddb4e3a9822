"""The saving thread's work: disks may be slow, and playback must not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.recording.saver import SaveReport
from voicecli.session.channel import Channel

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from voicecli.audio.pcm import Pcm
    from voicecli.recording.saver import Saver

BACKLOG_BYTES = 64 * 1024 * 1024
"""What may wait for the disk: minutes of speech. Beyond it saving is given up."""

PACED_BYTES = 1024 * 1024
"""What may wait where nothing is heard: little, as an interrupted run ends only after it."""

SAVE_S = 30.0
"""How long the disk may take for what still waits for it when the sound is over."""


class RecordingThread:
    """Queues what a `Saver` is to write, and writes it on a thread of its own.

    `pcm` belongs to the decoder thread, `raw` to the source thread; neither
    waits for the disk, unless ``may_wait``, asked each time, says that nothing
    is heard which that would disturb. ``thread`` is the saving thread, None before
    `start`.
    """

    def __init__(self, saver: Saver, may_wait: Callable[[], bool]) -> None:
        self._saver = saver
        self._may_wait = may_wait
        self._queue: Channel[Pcm | tuple[int, bytes]] = Channel(BACKLOG_BYTES)
        self._error: SaveError | None = None
        self.thread: threading.Thread | None = None

    def start(self, spawn: Callable[[Callable[[], None], str], threading.Thread]) -> None:
        """Begin to write what is queued, on a thread of ``spawn``'s making."""
        self.thread = spawn(self._write, "voicecli-saving")

    def pcm(self, block: Pcm) -> None:
        """Keep decoded samples."""
        self._keep(block, block.samples.nbytes)

    def raw(self, data: bytes, number: int = 0) -> None:
        """Keep bytes as they were received, of the utterance ``number``."""
        self._keep((number, data), len(data))

    def _keep(self, item: Pcm | tuple[int, bytes], weight: int) -> None:
        if self._error is not None:
            return
        if self._may_wait():
            self._queue.put(item, weight, capacity=PACED_BYTES)
        elif not self._queue.offer(item, weight):
            # Given up rather than resumed: a recording with a hole lies about what was said.
            self._error = SaveError("the disk is too slow to save to; the recording stops early")

    def _write(self) -> None:
        while items := self._queue.take():
            for item in items:
                if isinstance(item, tuple):
                    number, data = item
                    self._saver.raw(data, number)
                else:
                    self._saver.pcm(item)

    def finish(self, heard_frames: int | None, raw_format: str | None) -> SaveReport:
        """Say that nothing follows, wait for what is queued, put the files in their places."""
        self._queue.end()
        if self.thread is None:
            return SaveReport()
        self.thread.join(SAVE_S)
        if self.thread.is_alive():  # and writing: the files are not ours to finish
            return SaveReport([], SaveError("the disk does not answer; the recording is lost"))
        report = self._saver.finish(heard_frames, raw_format or "bin")
        return SaveReport(report.saved, report.error or self._error)
