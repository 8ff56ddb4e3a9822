"""Sum up the silences in a run: gaps, waits for the text, and pauses; pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.playback.base import SinkReport


class Silences:
    """All silences of a run by their position in the sound, in seconds.

    Without ``with_pauses``, those that the listener made are left out.
    """

    def __init__(self, report: SinkReport, *, with_pauses: bool = True) -> None:
        silences = report.underruns + report.text_waits
        silences += report.pauses if with_pauses else ()
        found = sorted((each.at_s, each.silence_s) for each in silences)
        self._at_s = [at_s for at_s, _ in found]
        self._total_s = [0.0, *accumulate(silence_s for _, silence_s in found)]

    def until_s(self, position_s: float) -> float:
        """Return how much silence was heard before the sound at ``position_s``."""
        return self._total_s[bisect_right(self._at_s, position_s)]

    def between_s(self, first_s: float, last_s: float) -> float:
        """Return how much silence was heard at the positions from ``first_s`` to ``last_s``."""
        if last_s < first_s:
            return 0.0
        return self.until_s(last_s) - self._total_s[bisect_left(self._at_s, first_s)]
