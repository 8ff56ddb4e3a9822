"""Measure how long answers took to arrive, without the waits for a text or for room."""

from __future__ import annotations


class GenerationTime:
    """Adds up the time in which an answer was awaited or arrived, each second once.

    Segments are requested in order of their numbers, several at once. One that is requested
    again before it ended counts from its first request on. When the rest of one that broke off
    is requested, those fetched ahead of it meanwhile may count too little. Memory grows only
    with the segments under way. Times are clock seconds.
    """

    def __init__(self) -> None:
        self._under_way: dict[int, tuple[float, float]] = {}  # requested at, last byte at
        self._counted_s = 0.0
        self._counted_until = float("-inf")

    def requested(self, segment: int, at: float) -> None:
        """Note a request."""
        self._under_way.setdefault(segment, (at, at))

    def received(self, segment: int, at: float) -> None:
        """Note bytes."""
        began_at, _ = self._under_way.get(segment, (at, at))
        self._under_way[segment] = began_at, at

    def received_all(self, at: float) -> None:
        """Note when the last answer ended, which may be later than its last byte."""
        if self._under_way:
            self.received(max(self._under_way), at)

    def ended(self, segment: int) -> None:
        """Note that all of a segment was decoded, and so are those before it."""
        for number in sorted(each for each in self._under_way if each <= segment):
            began_at, last_at = self._under_way.pop(number)
            self._counted_s += max(0.0, last_at - max(began_at, self._counted_until))
            self._counted_until = max(self._counted_until, last_at)

    def seconds(self) -> float:
        """Return the sum, once everything has arrived."""
        if self._under_way:
            self.ended(max(self._under_way))
        return self._counted_s
