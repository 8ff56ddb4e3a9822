"""Cooldowns: endpoints that failed recently are not asked, so that no run waits for them again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, LearnedFile

if TYPE_CHECKING:
    from voicecli.clock import Clock

FIRST_COOLDOWN_S = 5.0
LONGEST_COOLDOWN_S = 300.0

_FORGIVEN_S = 600.0
"""An endpoint that did not fail for this long after a cooldown starts over with a short one."""

_MAX_WALL_S = 1e11
"""A time that no clock shows: the file may say anything."""


class CooldownFile(LearnedFile):
    """The file of all cooldowns: when each ends (seconds since the epoch), and its length."""

    name: ClassVar[str] = "cooldowns.json"

    def get(self, endpoint: str) -> tuple[float, float]:
        """Return when the latest cooldown of an endpoint ends, and its length; zeros for none."""
        return self.all().get(endpoint[:MAX_NAME_CHARACTERS], (0.0, 0.0))

    def all(self) -> dict[str, tuple[float, float]]:
        """Return what `get` does for every endpoint that is known, oldest first."""
        found: dict[str, tuple[float, float]] = {}
        for endpoint, kept in self._read().items():
            match kept:
                case [int() | float() as until, int() | float() as cooldown_s] if (
                    0 <= until < _MAX_WALL_S and 0 <= cooldown_s <= LONGEST_COOLDOWN_S
                ):
                    found[endpoint] = float(until), float(cooldown_s)
        return found

    def put(self, endpoint: str, until: float, cooldown_s: float) -> None:
        """Remember a cooldown."""
        self._write(endpoint[:MAX_NAME_CHARACTERS], [until, cooldown_s])


class EndpointCooldowns:
    """The cooldown of each endpoint, by label; each is twice as long as the one before.

    They are kept between runs if there is a ``file``. All methods may be called from any thread.
    """

    def __init__(self, clock: Clock, file: CooldownFile | None = None) -> None:
        self._clock = clock
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, float]] = {}

    def is_active(self, label: str) -> bool:
        """Return whether the endpoint failed so recently that it should not be asked."""
        return self.left_s(label) > 0

    def left_s(self, label: str) -> float:
        """Return the seconds until the endpoint may be asked again; 0 if it may be now."""
        with self._lock:
            until, _ = self._cooldown_of(label)
        left_s = until - self._clock.wall()
        # A clock that was set back must not make it last for years.
        return left_s if 0 < left_s <= LONGEST_COOLDOWN_S else 0.0

    def failed(self, label: str, at_least_s: float | None = None) -> None:
        """Start a cooldown, unless one is active; ``at_least_s`` is the server's Retry-After."""
        if self.is_active(label):
            return
        with self._lock:
            now = self._clock.wall()
            until, cooldown_s = self._cooldown_of(label)
            is_recent = abs(now - until) < _FORGIVEN_S
            cooldown_s = max(2 * cooldown_s if is_recent else 0.0, FIRST_COOLDOWN_S)
            cooldown_s = min(max(cooldown_s, at_least_s or 0.0), LONGEST_COOLDOWN_S)
            self._known[label] = now + cooldown_s, cooldown_s
            if self._file is not None:
                self._file.put(label, now + cooldown_s, cooldown_s)

    def _cooldown_of(self, label: str) -> tuple[float, float]:
        if label not in self._known:
            self._known[label] = (0.0, 0.0) if self._file is None else self._file.get(label)
        return self._known[label]
