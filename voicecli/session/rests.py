"""Which endpoints failed lately and rest, so that nobody waits for them again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

from voicecli.config.learnedfile import MOST_NAME, LearnedFile

if TYPE_CHECKING:
    from voicecli.clock import Clock

FIRST_REST_S = 5.0
LONGEST_REST_S = 300.0

_FORGIVEN_S = 600.0
"""How long after a rest an endpoint must not have failed for its next rest to be short."""


_MOST_WALL_S = 1e11
"""A time that no clock shows: the file may say anything."""


class RestFile(LearnedFile):
    """The file of all rests: until when (seconds since the epoch), and how long."""

    name: ClassVar[str] = "resting.json"

    def get(self, endpoint: str) -> tuple[float, float]:
        """Return until when an endpoint rests, and for how long; zeros if it never did."""
        match self._read().get(endpoint[:MOST_NAME]):
            case [int() | float() as until, int() | float() as rest_s] if (
                0 <= until < _MOST_WALL_S and 0 <= rest_s <= LONGEST_REST_S
            ):
                return float(until), float(rest_s)
        return 0.0, 0.0

    def put(self, endpoint: str, until: float, rest_s: float) -> None:
        """Remember a rest."""
        self._write(endpoint[:MOST_NAME], [until, rest_s])


class EndpointRests:
    """The endpoints that rest, by their labels; each rest is twice as long as the one before.

    Kept between runs if there is a ``file``. All methods may be called from any thread.
    """

    def __init__(self, clock: Clock, file: RestFile | None = None) -> None:
        self._clock = clock
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, float]] = {}

    def is_resting(self, label: str) -> bool:
        """Return whether the endpoint failed so recently that it should not be asked."""
        with self._lock:
            until, _ = self._rest_of(label)
        # A clock that was set back must not let it rest for years.
        return 0 < until - self._clock.wall() <= LONGEST_REST_S

    def failed(self, label: str, at_least_s: float | None = None) -> None:
        """Let an endpoint rest, unless it does already; ``at_least_s`` is what it asked for."""
        if self.is_resting(label):
            return
        with self._lock:
            now = self._clock.wall()
            until, rest_s = self._rest_of(label)
            is_recent = abs(now - until) < _FORGIVEN_S
            rest_s = min(2 * rest_s, LONGEST_REST_S) if is_recent and rest_s else FIRST_REST_S
            rest_s = min(max(rest_s, at_least_s or 0.0), LONGEST_REST_S)
            self._known[label] = now + rest_s, rest_s
            if self._file is not None:
                self._file.put(label, now + rest_s, rest_s)

    def _rest_of(self, label: str) -> tuple[float, float]:
        if label not in self._known:
            self._known[label] = (0.0, 0.0) if self._file is None else self._file.get(label)
        return self._known[label]
