"""What lets sound start and resume: a policy, applied to what one sink has received.

The producer reports every arrival; the thread or callback that feeds the device reads the
thresholds. No lock is needed: it sees either the old or the new ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.playback.arrivals import Progress

if TYPE_CHECKING:
    from voicecli.playback.policy import Policy


class Gate:
    """Applies a policy to one sink.

    The producer calls `arrived` and `await_input`. ``thresholds`` and ``is_awaiting`` are
    replaced in one step and may be read from any thread, including the audio callback.
    ``first_at`` is when the first audio arrived; ``needed_s`` is the least delay of the
    start that plays what arrived without a gap, negative if all came early; both are None
    before. ``released_at`` is set by the thread that feeds the device, when it takes the
    first frame.
    """

    __slots__ = (
        "_ahead_s",
        "_paused_s",
        "_policy",
        "_progress",
        "first_at",
        "is_awaiting",
        "needed_s",
        "released_at",
        "thresholds",
    )

    def __init__(self, policy: Policy, *, ahead_s: float = 0.0) -> None:
        self._policy = policy
        self._ahead_s = ahead_s
        self._progress: Progress | None = None
        self._paused_s = 0.0
        self.released_at: float | None = None
        self.first_at: float | None = None
        self.needed_s: float | None = None
        self.is_awaiting = False
        self.thresholds = policy.thresholds(None, ahead_s)

    def arrived(self, at: float, duration_s: float, paused_s: float = 0.0) -> None:
        """Note that ``duration_s`` seconds of audio can be played since ``at``.

        Pauses took ``paused_s`` until then, in which nothing can be late.
        """
        before = None if self.is_awaiting else self._progress
        if before is None:
            progress, self._paused_s = Progress.begin(at, duration_s), paused_s
        else:
            progress = before.after(at - (paused_s - self._paused_s), duration_s)
        self._progress = progress
        self.first_at = progress.first_at if self.first_at is None else self.first_at
        needed_s = self.needed_s
        self.needed_s = progress.needed_s if needed_s is None else max(progress.needed_s, needed_s)
        self.thresholds = self._policy.thresholds(progress, self._ahead_s)
        self.is_awaiting = False

    def await_input(self) -> None:
        """Play what is buffered to its end: more will come, but was not requested yet.

        What arrives next is judged like the first audio of a run.
        """
        self.is_awaiting = True
