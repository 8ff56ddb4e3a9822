"""How long a sound device may stand still before it is given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.errors import DeviceError

if TYPE_CHECKING:
    from voicecli.clock import Clock

STUCK_S = 5.0
"""A device that has done nothing for so long, though it had something to do, will not any more."""


class StallDetector:
    """Notices a device that stands still; made for one wait, on which it is asked every so often.

    ``doing`` is what the device should be at, for the message. ``grace_s`` is time
    on top of `STUCK_S` in which it rightly does nothing. It begins with the first
    `remaining_s`. One thread at a time.
    """

    def __init__(self, clock: Clock, doing: str, grace_s: float = 0.0) -> None:
        self._clock = clock
        self._doing = doing
        self._limit_s = STUCK_S + grace_s
        self._progress: int | None = None
        self._over_at = 0.0

    def remaining_s(self, progress: int) -> float:
        """Seconds for which the device may still stand at ``progress``, a count that moves with it.

        Raises:
            DeviceError: it has stood there too long.
        """
        now = self._clock.now()
        if progress != self._progress:
            self._progress, self._over_at = progress, now + self._limit_s
        elif now >= self._over_at:
            raise DeviceError(f"the sound device has stopped {self._doing}")
        return self._over_at - now
