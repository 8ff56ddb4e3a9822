"""A paced audio source: hand it frames as fast as you like, it plays them as they are due."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Literal, get_args

from voicecli.audio import AudioFormat
from voicecli.clock import SystemClock
from voicecli.errors import DeviceError
from voicecli.playback.null import NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.streams.buffer import StreamClosed
from voicecli.streams.device import daemon_thread, open_device
from voicecli.streams.executor import shared_executor
from voicecli.streams.frame import as_frame
from voicecli.streams.pump import Pump

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from voicecli.audio import Samples
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.streams.frame import FrameLike
    from voicecli.threads import Joinable, Spawn

OnFull = Literal["wait", "drop_oldest", "drop_newest"]

LEAD_MS = 200
"""Audio with the sink; what a sound device takes ahead of need is part of it."""

DEVICE_LEAD_MS = 150
"""The least of it on a sound device, which takes 125 ms at once and stutters on less."""

CUSHION_MS = 60
"""Three frames of 20 ms: the last of them starts the sound, and when it is 15 ms early, one
that is 15 ms late still comes 10 ms before it is needed."""

STRAIGHT_MS = 200
"""What a sink may hold where the source queues nothing, so that nothing grows without end."""

_LEAST_SLEEP_S = 0.001
_STUCK_S = 5.0


class AudioSource:
    """Frames to a sink at the device's pace, through a queue of bounded length.

    ::

        async with await AudioSource.open(24_000, 1) as source:
            async for frame in decoder:
                await source.capture_frame(frame)  # returns when it is queued
            await source.wait_for_playout()  # returns when it was heard

    The queue is all that was captured and has not been heard, by the clock of
    the device that plays it; it never holds more than ``queue_size_ms``. A
    producer that is faster than sound is held to the device's pace, one in real
    time passes through: its jitter, at most, is added to the latency, once.

    All methods belong to one event loop's thread. One daemon thread feeds the
    sink, so that a stall of the loop makes no hole while anything is queued.

    Args:
        sample_rate: of the frames to come, in Hz; the sink's own may differ.
        num_channels: of the frames to come.
        queue_size_ms: audio that may be queued. 0 queues nothing: frames, of
            10 ms or whatever they last, go straight to the sink, and only one
            that has `STRAIGHT_MS` unheard counts as full.
        on_full: what becomes of a frame that does not fit. ``wait``: as much as
            fits is queued, and `capture_frame` returns when the rest is.
            ``drop_oldest``: queued frames give way. ``drop_newest``: it is dropped.
        sink: any sink of `voicecli.playback`, not yet started; the source starts
            and closes it. The threshold of its policy is a cushion against the
            jitter of a producer in real time. None plays nothing, at the pace
            of real sound and without a threshold.
        lead_ms: audio handed to the sink before it is due. It can no longer be
            dropped or cleared, and it is what a late thread is bridged with.
        clock: the clock of the sink.
        spawn: starts the thread.

    Raises:
        ValueError: no such audio, a negative size, or another ``on_full``.
    """

    def __init__(
        self,
        sample_rate: int,
        num_channels: int,
        queue_size_ms: int = 1000,
        *,
        on_full: OnFull = "wait",
        sink: Sink | None = None,
        lead_ms: int = LEAD_MS,
        clock: Clock | None = None,
        spawn: Spawn = daemon_thread,
    ) -> None:
        if sample_rate < 1 or num_channels < 1:
            raise ValueError(f"no such audio: {sample_rate} Hz, {num_channels} channels")
        if queue_size_ms < 0 or lead_ms < 1:
            raise ValueError("a queue cannot be shorter than 0 ms, nor its lead than 1 ms")
        if on_full not in get_args(OnFull):
            raise ValueError(f"on_full is one of {get_args(OnFull)}, not {on_full!r}")
        format = AudioFormat(sample_rate, num_channels)
        self._clock = clock or SystemClock()
        self._format = format
        self._on_full = on_full
        limit_ms = queue_size_ms or STRAIGHT_MS
        if not queue_size_ms:
            lead_ms = limit_ms
        elif on_full == "drop_oldest":
            lead_ms = min(lead_ms, limit_ms // 2)  # the rest must be there to give way
        self._limit = max(1, format.frames(limit_ms / 1000))
        sink = sink or NullSink(format, BufferPolicy.fixed(0.0), self._clock)
        self._pump = Pump(sink, format, min(lead_ms, limit_ms) / 1000, self._clock)
        self._spawn = spawn
        self._thread: Joinable | None = None
        self._closed = False
        self._order = asyncio.Lock()
        self._wake = asyncio.Event()
        self._drops = 0
        self._dropped_frames = 0
        self._clears = 0
        # Whoever forgets to close gets the thread and the device back all the same.
        weakref.finalize(self, self._pump.abandon)

    @classmethod
    async def open(
        cls,
        sample_rate: int,
        num_channels: int,
        queue_size_ms: int = 1000,
        *,
        on_full: OnFull = "wait",
        device: str | None = None,
        cushion_ms: int = CUSHION_MS,
    ) -> Self:
        """A source over a sound device, which is looked for and opened on another thread.

        Args:
            sample_rate: as the constructor.
            num_channels: as the constructor.
            queue_size_ms: as the constructor; on a device no less than
                `DEVICE_LEAD_MS`, or twice that where the oldest are dropped.
            on_full: as the constructor.
            device: its index or a part of its name; None means the default one.
            cushion_ms: audio that is there before sound begins, or goes on after
                a hole; a producer in real time may be late by so much. An end,
                told by `wait_for_playout`, does not wait for it.

        Raises:
            DeviceError: there is no such device, or it cannot be opened.
            ValueError: as the constructor.
        """
        format, clock = AudioFormat(sample_rate, num_channels), SystemClock()
        loop = asyncio.get_running_loop()
        policy = BufferPolicy.fixed(cushion_ms / 1000)
        sink = await loop.run_in_executor(
            shared_executor(), open_device, format, device, policy, clock
        )
        if queue_size_ms > 0:  # where nothing is queued, the sink has `STRAIGHT_MS`
            shares = 2 if on_full == "drop_oldest" else 1  # the lead has one of them
            queue_size_ms = max(queue_size_ms, shares * DEVICE_LEAD_MS)
        return cls(
            sample_rate, num_channels, queue_size_ms, on_full=on_full, sink=sink, clock=clock
        )

    @property
    def sample_rate(self) -> int:
        """Rate of the frames that it takes, in Hz."""
        return self._format.rate_hz

    @property
    def num_channels(self) -> int:
        """Channels of the frames that it takes."""
        return self._format.channels

    @property
    def queued_duration(self) -> float:
        """Seconds of audio captured and not heard yet, those with the sink included."""
        return self._format.duration_s(self._pump.unheard)

    @property
    def drops(self) -> int:
        """Captured frames that were dropped, wholly or the part not yet with the sink."""
        return self._drops

    @property
    def dropped_duration(self) -> float:
        """Seconds of audio in them."""
        return self._format.duration_s(self._dropped_frames)

    @property
    def underruns(self) -> int:
        """Times that the sound broke off, by the sink's own count, and went on.

        A silence after `wait_for_playout` or `clear_queue` is meant, and not counted.
        """
        return self._pump.underruns

    async def capture_frame(self, frame: FrameLike) -> None:
        """Queue a frame: at once where it fits, else as ``on_full`` says.

        Calls are served in order. One that is cancelled while it waits has
        queued the beginning of its frame.

        Raises:
            ValueError: another rate or number of channels, or, where frames may
                be dropped, a frame that is longer than the queue.
            DeviceError: the device failed, or has stopped playing.
            StreamClosed: the source is closed.
        """
        if (frame.sample_rate, frame.num_channels) != (self.sample_rate, self.num_channels):
            raise ValueError(f"{frame!r} does not fit {self.sample_rate} Hz, {self.num_channels}")
        own = as_frame(frame)
        samples: Samples = own.to_numpy()
        if not own.data.readonly:
            samples = samples.copy()  # the caller may reuse the memory
        async with self._order:
            self._check()
            if self._on_full == "wait":
                await self._add_all(samples)
            else:
                self._add_or_drop(samples)

    async def _add_all(self, samples: Samples) -> None:
        stuck, clears = _Stuck(self._clock), self._clears
        while True:
            unheard = self._pump.unheard
            room = max(0, self._limit - unheard)
            if room and len(samples):
                self._add(samples[:room])
                unheard += len(samples[:room])
                samples = samples[room:]
            if not len(samples):
                return
            # Frames as long as the queue go in by halves, lest it ran empty between them.
            rest = min(len(samples), max(1, self._limit // 2))
            await self._sleep(self._format.duration_s(unheard + rest - self._limit))
            self._check()
            stuck.check(self._pump.heard)
            if self._clears != clears:
                return

    def _add_or_drop(self, samples: Samples) -> None:
        if len(samples) > self._limit:
            raise ValueError("a frame that is longer than the queue would always be dropped")
        room = self._limit - self._pump.unheard
        while room < len(samples) and self._on_full == "drop_oldest":
            dropped = self._pump.drop_oldest()
            if not dropped:
                break
            self._drop(dropped)
            room += dropped
        if len(samples) <= room:
            self._add(samples)
        else:
            self._drop(len(samples))

    def _drop(self, frames: int) -> None:
        self._drops += 1
        self._dropped_frames += frames

    def _add(self, samples: Samples) -> None:
        self._pump.add(samples)
        if self._thread is None:
            self._thread = self._spawn(self._pump.run, "voicecli-source")

    def clear_queue(self) -> None:
        """Drop what is queued, and what a waiting `capture_frame` still holds.

        What is with the sink, ``lead_ms`` at most, is still heard.
        """
        self._clears += 1
        self._pump.clear()
        self._wake.set()

    async def wait_for_playout(self) -> None:
        """Wait until all that was captured so far has been heard, by the device's clock.

        Raises:
            DeviceError: the device failed, or has played nothing for five seconds.
            StreamClosed: the source was closed meanwhile.
        """
        self._check()
        until = self._pump.accepted
        if self._thread is not None:
            self._pump.release()
        stuck = _Stuck(self._clock)
        while left := self._pump.left_before(until):
            stuck.check(self._pump.heard)
            await self._sleep(self._format.duration_s(left))
            self._check()
        self._pump.pause()

    def _check(self) -> None:
        if self._closed:
            raise StreamClosed("the source is closed")
        if self._pump.fault is not None:
            raise self._pump.fault

    async def _sleep(self, duration_s: float) -> None:
        """Sleep so long, or until something else happened that matters."""
        self._wake.clear()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(max(duration_s, _LEAST_SLEEP_S), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    async def aclose(self) -> None:
        """Silence at once, and give the device back. Idempotent.

        ``await wait_for_playout()`` first for what is queued to be heard.
        """
        self._closed = True
        self._wake.set()
        self._pump.close(was_run=self._thread is not None)
        stuck_after = self._clock.now() + _STUCK_S
        while self._thread is not None and not self._pump.finished:
            if self._clock.now() >= stuck_after:
                return  # a device that hangs keeps its daemon thread
            await asyncio.sleep(_LEAST_SLEEP_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class _Stuck:
    """Notices a device that plays nothing though it has something to play."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: int | None = None
        self._since = clock.now()

    def check(self, heard: int) -> None:
        """Look at the frames heard so far.

        Raises:
            DeviceError: they have been as many for five seconds.
        """
        now = self._clock.now()
        if heard != self._heard:
            self._heard, self._since = heard, now
        elif now - self._since >= _STUCK_S:
            raise DeviceError("the sound device has stopped playing")
