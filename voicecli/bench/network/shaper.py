"""When bytes come out of a link: latency, jitter, bandwidth and stalls.

Pure: times are arguments and results, nothing waits. The state of the link at any moment
depends on the seed and that moment alone, not on what was sent, so two runs with the same
seed meet the same stalls.

The path of a byte::

    send ─► queue (bounded) ─► the link itself: rate, stalls ─► latency + jitter ─► out
"""

from __future__ import annotations

import random
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from voicecli.bench.network.profiles import Network

SEGMENT_BYTES = 1460
"""Payload of a TCP segment over Ethernet: 1500 bytes less 20 of IPv4 and 20 of TCP."""

JITTER_HOLD_S = 0.05
"""How long one random delay lasts. If each chunk drew its own, every chunk would wait for
the latest of those before it, because order is kept: jitter would become latency."""

_CHUNK_S = 0.002
_QUEUE_S = 0.2
_MIN_QUEUE_BYTES = 16 * 1024
_MAX_CHUNK_BYTES = 64 * 1024
_MAX_QUEUE_BYTES = 1024 * 1024
_MAX_WINDOW_BYTES = 4 * 1024 * 1024
_BYTES_PER_KBIT = 125

Direction = Literal["down", "up"]


class Shaper:
    """One direction of a link, shared by everything that crosses it.

    A leaky bucket behind a bounded queue: bytes may be sent at ``room_at`` or later. They
    come out in order, no earlier than the latency after they went in.

    Args:
        network: the link's properties.
        direction: which of its directions.
        seed: the same for both directions, as a stall stops both.
        starts_at_s: the link's first moment, on the clock of all other times.
    """

    def __init__(
        self, network: Network, direction: Direction, *, seed: int = 0, starts_at_s: float = 0.0
    ) -> None:
        kbit_s = network.down_kbit_s if direction == "down" else network.up_kbit_s
        self._bytes_per_s = kbit_s * _BYTES_PER_KBIT if kbit_s else inf
        self._latency_s = network.latency_ms / 1e3
        self._jitter_s = network.jitter_ms / 1e3
        self._stalls = Stalls(network, seed=seed, starts_at_s=starts_at_s)
        self._rng = random.Random(f"{seed} {direction}")  # noqa: S311  repeatable, not a secret
        self._late_s = 0.0
        self._late_until = starts_at_s
        self._free_at = starts_at_s
        self._out_at = starts_at_s
        self._queue: deque[tuple[float, int]] = deque()
        self._queued = 0

    @property
    def chunk_bytes(self) -> int:
        """The most that comes out at once: a segment, or 2 ms of a faster link."""
        return int(min(_MAX_CHUNK_BYTES, max(SEGMENT_BYTES, self._bytes_per_s * _CHUNK_S)))

    @property
    def queue_bytes(self) -> int:
        """The most that waits for the link: 0.2 s of it, as in a home router, at least 16 KB."""
        return int(min(_MAX_QUEUE_BYTES, max(_MIN_QUEUE_BYTES, self._bytes_per_s * _QUEUE_S)))

    @property
    def window_bytes(self) -> int:
        """Bytes of one connection that a busy link holds: two queues, and those in flight."""
        in_flight = self._bytes_per_s * (self._latency_s + self._jitter_s)
        return int(min(_MAX_WINDOW_BYTES, 2 * self.queue_bytes + in_flight))

    def room_at(self, at_s: float, size: int) -> float:
        """Return when the queue has room for ``size`` bytes, ``at_s`` at the earliest."""
        while self._queue and self._queue[0][0] <= at_s:
            self._queued -= self._queue.popleft()[1]
        excess = self._queued + size - self.queue_bytes
        for leaves_at, leaving in self._queue:
            if excess <= 0:
                break
            at_s = leaves_at
            excess -= leaving
        return at_s

    def send(self, at_s: float, size: int) -> float:
        """Put in up to `chunk_bytes`, for which there is room; return when they come out.

        Zero bytes are an empty packet, which waits its turn like any other.
        """
        work_s = size / self._bytes_per_s
        self._free_at = self._stalls.after_work(max(at_s, self._free_at), work_s)
        self._queue.append((self._free_at, size))
        self._queued += size
        late_s = self._latency_s + self._jitter_at(self._free_at)
        self._out_at = max(self._out_at, self._free_at + late_s)
        return self._out_at

    def _jitter_at(self, at_s: float) -> float:
        while self._late_until <= at_s:
            self._late_s = self._rng.uniform(0.0, self._jitter_s)
            self._late_until += JITTER_HOLD_S
        return self._late_s


class Stalls:
    """When a link passes nothing on; moments must be asked about in ascending order."""

    def __init__(self, network: Network, *, seed: int, starts_at_s: float) -> None:
        self._every_s = (network.stall_every_ms or inf) / 1e3
        self._length_s = network.stall_ms / 1e3
        self._rng = random.Random(f"{seed} stalls")  # noqa: S311  repeatable, not a secret
        self._begins_at = self._ends_at = starts_at_s

    def after_work(self, at_s: float, work_s: float) -> float:
        """Return when work that begins at ``at_s`` and takes ``work_s`` is done."""
        while True:
            self._advance(at_s)
            if at_s < self._begins_at:
                if at_s + work_s <= self._begins_at:
                    return at_s + work_s
                work_s -= self._begins_at - at_s
            at_s = self._ends_at

    def _advance(self, at_s: float) -> None:
        """Go on to the stall that is under way at ``at_s``, or to the next one."""
        while self._ends_at <= at_s:
            if self._every_s == inf:
                self._begins_at = self._ends_at = inf
            else:
                self._begins_at = self._ends_at + self._rng.expovariate(1 / self._every_s)
                self._ends_at = self._begins_at + self._rng.expovariate(1 / self._length_s)
