"""When bytes come out of a link that they were put into: latency, jitter, bandwidth, stalls.

Pure: times are handed in and handed out, nothing waits. What the link is like at
a moment follows from the seed and that moment alone, not from what was sent, so
that two runs with the same seed meet the same stalls.

The way of a byte::

    put in ─► queue (bounded) ─► the link itself: rate, stalls ─► latency + jitter ─► out
"""

from __future__ import annotations

import random
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from voicecli.bench.network.profiles import Network

SEGMENT_BYTES = 1460
"""What a TCP segment carries over Ethernet: 1500 bytes less 20 of IPv4 and 20 of TCP."""

JITTER_HOLD_S = 0.05
"""How long one lateness lasts. Were it drawn for each piece, the order being kept,
each would wait for the latest of those before it, and jitter be latency."""

_PIECE_S = 0.002
_QUEUE_S = 0.2
_LEAST_QUEUE_BYTES = 16 * 1024
_MOST_PIECE_BYTES = 64 * 1024
_MOST_QUEUE_BYTES = 1024 * 1024
_MOST_WINDOW_BYTES = 4 * 1024 * 1024
_BYTES_PER_KBIT = 125

Way = Literal["down", "up"]


class Passing(NamedTuple):
    """So many bytes come out at that moment."""

    at_s: float
    size: int


class Shaper:
    """One direction of a link, shared by all that goes over it.

    A leaky bucket with a bounded queue in front: at ``room_at`` or later the
    bytes may be sent. They come out in order, no earlier than the latency after
    they went in, in pieces of at most `piece_bytes`.

    Args:
        network: what the link is like.
        way: which of its directions.
        seed: the same for both directions: a stall stops both.
        starts_at_s: when the link begins to be, by the clock that all times are told by.
    """

    def __init__(
        self, network: Network, way: Way, *, seed: int = 0, starts_at_s: float = 0.0
    ) -> None:
        kbit_s = network.down_kbit_s if way == "down" else network.up_kbit_s
        self._bytes_per_s = kbit_s * _BYTES_PER_KBIT if kbit_s else inf
        self._latency_s = network.latency_ms / 1e3
        self._jitter_s = network.jitter_ms / 1e3
        self._stalls = Stalls(network, seed=seed, starts_at_s=starts_at_s)
        self._rng = random.Random(f"{seed} {way}")  # noqa: S311  repeatable, no secret
        self._late_s = 0.0
        self._late_until = starts_at_s
        self._free_at = starts_at_s
        self._out_at = starts_at_s
        self._queue: deque[Passing] = deque()
        self._queued = 0

    @property
    def piece_bytes(self) -> int:
        """The most that comes out at once: a segment, or 2 ms of a faster link."""
        return int(min(_MOST_PIECE_BYTES, max(SEGMENT_BYTES, self._bytes_per_s * _PIECE_S)))

    @property
    def queue_bytes(self) -> int:
        """The most that waits for the link: 0.2 s of it, as in a home's router, from 16 KB on."""
        return int(min(_MOST_QUEUE_BYTES, max(_LEAST_QUEUE_BYTES, self._bytes_per_s * _QUEUE_S)))

    @property
    def window_bytes(self) -> int:
        """What a link at work holds of one connection: its queue, and what is on the way."""
        on_the_way = self._bytes_per_s * (self._latency_s + self._jitter_s)
        return int(min(_MOST_WINDOW_BYTES, 2 * self.queue_bytes + on_the_way))

    def room_at(self, at_s: float, size: int) -> float:
        """When, from ``at_s`` on, the queue takes ``size`` bytes.

        Raises:
            ValueError: it never does: more than `queue_bytes`.
        """
        if size > self.queue_bytes:
            raise ValueError(f"{size} bytes never fit into a queue of {self.queue_bytes}")
        while self._queue and self._queue[0].at_s <= at_s:
            self._queued -= self._queue.popleft().size
        excess = self._queued + size - self.queue_bytes
        for leaving in self._queue:
            if excess <= 0:
                break
            at_s = leaving.at_s
            excess -= leaving.size
        return at_s

    def send(self, at_s: float, size: int) -> list[Passing]:
        """Put ``size`` bytes in at ``at_s``; when which of them come out, in order.

        No bytes are an empty packet, which waits its turn like any other.

        Raises:
            ValueError: the queue has no room for them yet.
        """
        if self.room_at(at_s, size) > at_s:
            raise ValueError(f"no room for {size} bytes yet")
        return [
            self._pass(at_s, min(self.piece_bytes, size - done))
            for done in range(0, max(1, size), self.piece_bytes)
        ]

    def _pass(self, at_s: float, size: int) -> Passing:
        work_s = size / self._bytes_per_s
        self._free_at = self._stalls.after_work(max(at_s, self._free_at), work_s)
        self._queue.append(Passing(self._free_at, size))
        self._queued += size
        late_s = self._latency_s + self._lateness_s(self._free_at)
        self._out_at = max(self._out_at, self._free_at + late_s)
        return Passing(self._out_at, size)

    def _lateness_s(self, at_s: float) -> float:
        while self._late_until <= at_s:
            self._late_s = self._rng.uniform(0.0, self._jitter_s)
            self._late_until += JITTER_HOLD_S
        return self._late_s


class Stalls:
    """When a link passes nothing on; asked for later and later moments only."""

    def __init__(self, network: Network, *, seed: int, starts_at_s: float) -> None:
        self._every_s = (network.stall_every_ms or inf) / 1e3
        self._length_s = network.stall_ms / 1e3
        self._rng = random.Random(f"{seed} stalls")  # noqa: S311  repeatable, no secret
        self._begins_at = self._ends_at = starts_at_s

    def after_work(self, at_s: float, work_s: float) -> float:
        """When ``work_s`` seconds of the link's work are done that began at ``at_s``."""
        while True:
            self._look_ahead(at_s)
            if at_s < self._begins_at:
                if at_s + work_s <= self._begins_at:
                    return at_s + work_s
                work_s -= self._begins_at - at_s
            at_s = self._ends_at

    def _look_ahead(self, at_s: float) -> None:
        """Come to the stall that lasts at ``at_s``, or to the next one."""
        while self._ends_at <= at_s:
            if self._every_s == inf:
                self._begins_at = self._ends_at = inf
            else:
                self._begins_at = self._ends_at + self._rng.expovariate(1 / self._every_s)
                self._ends_at = self._begins_at + self._rng.expovariate(1 / self._length_s)
