"""What an `AudioSource` lets in: as much as its queue has room for, and what becomes of the rest.

Frames are int16 of shape (frames, channels); room is what the queue may hold
less what the pump counts as unheard, so it is never timed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.streams.pump import Pump

OnFull = Literal["wait", "drop_oldest", "drop_newest"]
"""What becomes of a frame that does not fit; see `AudioSource`."""

LEAD_MS = 200
"""Audio with the sink; what a sound device takes ahead of need is part of it."""

DEVICE_LEAD_MS = 150
"""The least of it on a sound device, which takes 125 ms at once and stutters on less."""

STRAIGHT_MS = 200
"""What a sink may hold where the source queues nothing, so that nothing grows without end."""


def queue_and_lead_ms(queue_size_ms: int, lead_ms: int, on_full: OnFull) -> tuple[int, int]:
    """How long the queue may be in truth, lead included, and how much of it the lead is.

    Raises:
        ValueError: a negative size, no lead, or another ``on_full``.
    """
    if queue_size_ms < 0 or lead_ms < 1:
        raise ValueError("a queue cannot be shorter than 0 ms, nor its lead than 1 ms")
    if on_full not in get_args(OnFull):
        raise ValueError(f"on_full is one of {get_args(OnFull)}, not {on_full!r}")
    if not queue_size_ms:
        return STRAIGHT_MS, STRAIGHT_MS
    if on_full == "drop_oldest":  # what is not with the sink must be there to give way
        lead_ms = min(lead_ms, queue_size_ms // 2)
    return queue_size_ms, min(lead_ms, queue_size_ms)


def device_queue_ms(queue_size_ms: int, on_full: OnFull) -> int:
    """How long a queue in front of a sound device has to be, where so much is wanted."""
    if queue_size_ms < 1:  # where nothing is queued, the sink has `STRAIGHT_MS`
        return queue_size_ms
    shares = 2 if on_full == "drop_oldest" else 1  # the lead has one of them
    return max(queue_size_ms, shares * DEVICE_LEAD_MS)


class Intake:
    """The way into a pump's queue, for one event loop's thread.

    Args:
        pump: counts what is unheard, and holds the queue.
        limit: frames that may be unheard at once.
        on_full: what gives way in `add_or_drop`.
    """

    def __init__(self, pump: Pump, limit: int, on_full: OnFull) -> None:
        self._pump = pump
        self._limit = limit
        self._drops_oldest = on_full == "drop_oldest"
        self.drops = 0
        """Captured frames that were dropped, wholly or in part."""
        self.dropped = 0
        """Samples per channel in them."""

    def add(self, samples: Samples) -> tuple[Samples, int]:
        """Queue as much as fits; the rest, and how many frames must be heard before more does.

        A rest as long as the queue goes in by halves, lest it ran empty between them.
        """
        unheard = self._pump.unheard
        room = max(0, self._limit - unheard)
        if room and len(samples):
            self._pump.add(samples[:room])
            unheard += len(samples[:room])
            samples = samples[room:]
        return samples, unheard + min(len(samples), max(1, self._limit // 2)) - self._limit

    def add_or_drop(self, samples: Samples) -> None:
        """Queue all or nothing: queued frames give way, where they may, or these are dropped.

        Raises:
            ValueError: they are more than the queue ever holds.
        """
        if len(samples) > self._limit:
            raise ValueError("a frame that is longer than the queue would always be dropped")
        room = self._limit - self._pump.unheard
        while room < len(samples) and self._drops_oldest:
            dropped = self._pump.drop_oldest()
            if not dropped:
                break
            self._note(dropped)
            room += dropped
        if len(samples) <= room:
            self._pump.add(samples)
        else:
            self._note(len(samples))

    def _note(self, dropped: int) -> None:
        self.drops += 1
        self.dropped += dropped
