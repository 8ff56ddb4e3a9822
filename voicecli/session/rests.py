"""Which endpoints failed lately and rest, so that nobody waits for them again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.clock import Clock
    from voicecli.config.cachefile import CacheFile

FILE_NAME = "resting.json"

FIRST_REST_S = 5.0
LONGEST_REST_S = 300.0

_MOST_ENDPOINTS = 100
_FORGIVEN_S = 600.0
"""How long after a rest an endpoint must not have failed for its next rest to be short."""


class EndpointRests:
    """The endpoints that rest, by their labels; each rest is twice as long as the one before.

    Kept between runs if ``file`` is given: for each label the time until which it rests, and
    for how long it does. All methods may be called from any thread.
    """

    def __init__(self, clock: Clock, file: CacheFile | None = None) -> None:
        self._clock = clock
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, float]] | None = None

    def is_resting(self, label: str) -> bool:
        """Return whether the endpoint failed so recently that it should not be asked."""
        with self._lock:
            until, _ = self._all().get(label, (0.0, 0.0))
        # A clock that was set back must not let it rest for years.
        return 0 < until - self._clock.wall() <= LONGEST_REST_S

    def failed(self, label: str) -> None:
        """Let an endpoint rest, unless it does already."""
        if self.is_resting(label):
            return
        with self._lock:
            now, known = self._clock.wall(), self._all()
            until, rest_s = known.pop(label, (0.0, 0.0))
            is_recent = abs(now - until) < _FORGIVEN_S
            rest_s = min(2 * rest_s, LONGEST_REST_S) if is_recent and rest_s else FIRST_REST_S
            known[label] = (now + rest_s, rest_s)
            self._known = dict(list(known.items())[-_MOST_ENDPOINTS:])
            if self._file is not None:
                self._file.write({name: list(rest) for name, rest in self._known.items()})

    def _all(self) -> dict[str, tuple[float, float]]:
        if self._known is None:
            self._known = {}
            for label, rest in self._file.read().items() if self._file is not None else ():
                match rest:
                    case [int() | float() as until, int() | float() as rest_s]:
                        self._known[label] = (float(until), float(rest_s))
        return self._known
