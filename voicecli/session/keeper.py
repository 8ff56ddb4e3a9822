"""The saving thread's work: disks may be slow, and playback must not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.handoff import Handoff
from voicecli.saving import SaveReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio import Pcm
    from voicecli.saving import Saver

BACKLOG_BYTES = 64 * 1024 * 1024
"""What may wait for the disk: minutes of speech. Beyond it saving is given up."""

PACED_BYTES = 1024 * 1024
"""What may wait where nothing is heard: little, as an interrupted run ends only after it."""


class Keeper:
    """Queues what a `Saver` is to write, and writes it on a thread of its own.

    `pcm` belongs to the decoder thread, `raw` to the source thread; neither
    waits for the disk, unless ``may_wait``, asked each time, says that nothing
    is heard which that would disturb. `run` is the saving thread's.
    """

    def __init__(self, saver: Saver, may_wait: Callable[[], bool]) -> None:
        self._saver = saver
        self._may_wait = may_wait
        self._queue: Handoff[Pcm | bytes] = Handoff(BACKLOG_BYTES)
        self._error: SaveError | None = None

    def pcm(self, block: Pcm) -> None:
        """Keep decoded samples."""
        self._keep(block, block.samples.nbytes)

    def raw(self, data: bytes) -> None:
        """Keep bytes as they were received."""
        self._keep(data, len(data))

    def _keep(self, item: Pcm | bytes, weight: int) -> None:
        if self._error is not None:
            return
        if self._may_wait():
            self._queue.put(item, weight, capacity=PACED_BYTES)
        elif not self._queue.offer(item, weight):
            # Given up rather than resumed: a recording with a hole lies about what was said.
            self._error = SaveError("the disk is too slow to save to; the recording stops early")

    def run(self) -> None:
        """Write what is queued until `end`."""
        while items := self._queue.take():
            for item in items:
                if isinstance(item, bytes):
                    self._saver.raw(item)
                else:
                    self._saver.pcm(item)

    def end(self) -> None:
        """Say that nothing follows; what is queued is still written."""
        self._queue.end()

    def finish(self, heard_frames: int | None, raw_format: str | None) -> SaveReport:
        """Put the files in their places, after `run` has returned."""
        report = self._saver.finish(heard_frames, raw_format or "bin")
        return SaveReport(report.saved, report.error or self._error)
