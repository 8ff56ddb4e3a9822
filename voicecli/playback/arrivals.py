"""What an arrival timeline implies for playback; pure."""

from __future__ import annotations

from array import array
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(NamedTuple):
    """An arrival timeline so far, in a few numbers; times are clock seconds.

    ``needed_s`` is the least delay of the start that plays what has arrived
    without a gap; see `Arrivals.needed_prebuffer_s`. Here it is negative if all that
    followed came early: so far ahead of need is the tightest of it.
    """

    first_at: float
    latest_at: float
    first_s: float
    latest_s: float
    audio_s: float
    needed_s: float

    @classmethod
    def begin(cls, at: float, duration_s: float) -> Progress:
        """Start a timeline with its first arrival."""
        return cls(at, at, duration_s, duration_s, duration_s, -duration_s)

    def after(self, at: float, duration_s: float) -> Progress:
        """Return the timeline with one more arrival."""
        return Progress(
            self.first_at,
            at,
            self.first_s,
            duration_s,
            self.audio_s + duration_s,
            max(self.needed_s, at - self.first_at - self.audio_s),
        )

    @property
    def rate(self) -> float:
        """Speed at which audio arrived after the first, in times real time; ``inf`` at once."""
        elapsed_s = self.latest_at - self.first_at
        return (self.audio_s - self.first_s) / elapsed_s if elapsed_s > 0 else inf

    @property
    def next_needed_s(self) -> float:
        """What the next piece will need if it takes as long as the latest, at this `rate`."""
        wait_s = self.latest_s / self.rate if self.latest_s else 0.0
        return self.latest_at - self.first_at + wait_s - self.audio_s


class Arrivals:
    """Records when audio became playable, and how much.

    One thread adds; the results are read when it has finished. A block takes 16 bytes: an
    hour in blocks of 20 ms, 3 MB.
    """

    def __init__(self) -> None:
        self._times, self._durations_s = array("d"), array("d")
        self._audio_s = 0.0

    def add(self, at: float, duration_s: float) -> None:
        """Add ``duration_s`` seconds of audio that became playable at ``at`` (clock seconds)."""
        self._times.append(at)
        self._durations_s.append(duration_s)
        self._audio_s += duration_s

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """Iterate over the blocks: (clock seconds, seconds of audio)."""
        return zip(self._times, self._durations_s, strict=True)

    @property
    def audio_s(self) -> float:
        """Seconds of audio that arrived."""
        return self._audio_s

    @property
    def needed_prebuffer_s(self) -> float | None:
        """The least delay of the start, after the first arrival, that plays without a gap.

        A block is needed when everything before it has been played: it must not arrive
        later than start + (audio before it). None if nothing arrived.
        """
        if not self._times:
            return None
        first_at = self._times[0]
        before_s = needed_s = 0.0
        for at, duration_s in self:
            needed_s = max(needed_s, at - first_at - before_s)
            before_s += duration_s
        return needed_s

    def arrived_at(self, position_s: float) -> float | None:
        """Return when the audio at this position became playable; None if it never did."""
        before_s = 0.0
        for at, duration_s in self:
            before_s += duration_s
            if before_s > position_s:
                return at
        return None

    def starvation(self, started_at: float | None) -> list[tuple[float, float]]:
        """Return the gaps of a perfect player: (position, length), both in seconds.

        It starts at ``started_at``, plays each block as soon as it can, and never
        waits for more. If nothing was played (None), there are no gaps.
        """
        if started_at is None:
            return []
        gaps: list[tuple[float, float]] = []
        played_until, position_s = started_at, 0.0
        for at, duration_s in self:
            if at > played_until:
                if played_until > started_at:
                    gaps.append((position_s, at - played_until))
                played_until = at
            played_until += duration_s
            position_s += duration_s
        return gaps
