"""Detect a sound device that no longer makes progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.errors import DeviceError

if TYPE_CHECKING:
    from voicecli.clock import Clock

STUCK_S = 5.0
"""A device that has made no progress for this long while audio was queued is considered dead."""


class StallDetector:
    """Watches a device's progress during one wait.

    ``doing`` says what the device should be doing, for the message. ``grace_s``
    is time, on top of `STUCK_S`, in which it rightly does nothing. Time counts
    from the first `remaining_s`. One thread at a time.
    """

    def __init__(self, clock: Clock, doing: str, grace_s: float = 0.0) -> None:
        self._clock = clock
        self._doing = doing
        self._limit_s = STUCK_S + grace_s
        self._progress: int | None = None
        self._gives_up_at = 0.0

    def remaining_s(self, progress: int, *, paused: bool = False) -> float:
        """Return the seconds for which the device may stay at ``progress``, a growing count.

        While it is ``paused``, it may stay there indefinitely.

        Raises:
            DeviceError: it has been there for too long.
        """
        now = self._clock.now()
        if paused or progress != self._progress:
            self._progress, self._gives_up_at = progress, now + self._limit_s
        elif now >= self._gives_up_at:
            raise DeviceError(f"the sound device has stopped {self._doing}")
        return self._gives_up_at - now
