"""The thread that saves: it writes recordings without holding up playback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.session.channel import Channel

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from voicecli.audio.pcm import Pcm
    from voicecli.recording.saver import Saver, SaveReport

BACKLOG_BYTES = 64 * 1024 * 1024
"""What may wait for the disk: minutes of speech. Beyond this, saving is given up."""

PACED_BYTES = 1024 * 1024
"""What may wait if nothing is heard: little, because an interrupted run writes it all."""

SAVE_S = 30.0
"""How long writing the rest may take after the sound has ended, unless a program reads it."""


class RecordingThread:
    """Queues what a `Saver` is to write, and writes it on a thread of its own.

    `pcm` is called by the decoder thread, `raw` by the fetch threads. They wait for
    the disk only if ``may_wait``, which is called each time, says that this
    disturbs no sound. ``thread`` is the saving thread, None before `start`.
    """

    def __init__(self, saver: Saver, may_wait: Callable[[], bool]) -> None:
        self._saver = saver
        self._may_wait = may_wait
        self._queue: Channel[Pcm | tuple[int, bytes]] = Channel(BACKLOG_BYTES)
        self._error: SaveError | None = None
        self.thread: threading.Thread | None = None

    def start(self, spawn: Callable[[Callable[[], None], str], threading.Thread]) -> None:
        """Start the saving thread."""
        self.thread = spawn(self._write, "voicecli-saving")

    def pcm(self, block: Pcm) -> None:
        """Queue decoded samples."""
        self._put(block, block.samples.nbytes)

    def raw(self, number: int, data: bytes) -> None:
        """Queue bytes as they were received, of the utterance ``number``."""
        self._put((number, data), len(data))

    def _put(self, item: Pcm | tuple[int, bytes], weight: int) -> None:
        if self._error is not None or self._saver.is_finishing:
            return
        if self._may_wait():
            self._queue.put(item, weight, capacity=PACED_BYTES)
        elif not self._queue.offer(item, weight) and not self._saver.is_finishing:
            # Given up rather than resumed: a recording must not have gaps.
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
        """End the queue, wait until it is written, and finish the files."""
        from voicecli.recording.saver import SaveReport  # noqa: PLC0415  after the sound

        self._saver.is_finishing = True
        self._queue.end()
        if self.thread is None:
            return self._saver.finish(0)
        self.thread.join(SAVE_S)
        while self.thread.is_alive() and self._saver.waits_for_reader:
            self.thread.join(SAVE_S)
        if self.thread.is_alive():  # it may still be writing, so the files cannot be finished
            return SaveReport([], SaveError("the disk does not answer; the recording is lost"))
        report = self._saver.finish(heard_frames, raw_format or "bin")
        return SaveReport(report.saved, report.error or self._error, report.clip)
