"""Find the pauses in decoded speech: 0.15 s or more below −45 dBFS; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.audio.pcm import to_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voicecli.audio.pcm import Pcm

WINDOW_S = 0.010
THRESHOLD_RMS = 10 ** (-45 / 20)
SHORTEST_S = 0.15
"""A shorter silence is as likely to be part of a word."""


class Pause(NamedTuple):
    """Silence between two sounds, in seconds of the sound."""

    starts_s: float
    ends_s: float

    @property
    def length_s(self) -> float:
        """Its length."""
        return self.ends_s - self.starts_s


class PauseDetector:
    """Finds the pauses as audio streams by; edges are multiples of 10 ms.

    ``at_s`` is where the first block begins. A window at a change of the sample rate is cut
    short. One thread feeds.
    """

    def __init__(self, at_s: float = 0.0) -> None:
        self.pauses: list[Pause] = []
        self._rate_hz = 0
        self._rest: NDArray[np.float32] | None = None  # powers of a window that is not whole
        self._at_s = at_s  # where the next window begins
        self._silent_since_s: float | None = None

    def feed(self, pcm: Pcm) -> None:
        """Examine one block."""
        import numpy as np  # noqa: PLC0415  loaded before the first block is

        powers = np.mean(np.square(to_float32(pcm.samples), dtype=np.float32), axis=1)
        if self._rest is not None and pcm.rate_hz == self._rate_hz:
            powers = np.concatenate([self._rest, powers])
        elif self._rest is not None:
            self._at_s += len(self._rest) / self._rate_hz
        self._rate_hz = pcm.rate_hz
        window = max(1, round(pcm.rate_hz * WINDOW_S))
        whole = len(powers) // window * window
        self._rest = powers[whole:]
        silent = powers[:whole].reshape(-1, window).mean(axis=1) < THRESHOLD_RMS**2
        begin = 0
        for edge in [*(np.flatnonzero(np.diff(silent)) + 1), len(silent)]:
            if edge > begin:
                self._run(self._at_s + begin * window / pcm.rate_hz, is_silent=bool(silent[begin]))
                begin = int(edge)
        self._at_s += whole / pcm.rate_hz

    def so_far(self) -> list[Pause]:
        """Return the pauses so far, including one that has not ended."""
        if self._silent_since_s is None or self._at_s - self._silent_since_s < SHORTEST_S:
            return list(self.pauses)
        return [*self.pauses, Pause(self._silent_since_s, self._at_s)]

    def forget_before(self, at_s: float) -> None:
        """Drop the pauses that begin before ``at_s``."""
        self.pauses = [pause for pause in self.pauses if pause.starts_s >= at_s]

    def _run(self, at_s: float, *, is_silent: bool) -> None:
        """Note that silence, or sound, begins or continues at ``at_s``."""
        if is_silent:
            self._silent_since_s = at_s if self._silent_since_s is None else self._silent_since_s
        elif self._silent_since_s is not None:
            pause = Pause(self._silent_since_s, at_s)
            self._silent_since_s = None
            if pause.length_s >= SHORTEST_S:
                self.pauses.append(pause)
