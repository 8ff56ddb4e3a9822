"""A paced audio source: hand it frames as fast as you like, it plays them as they are due."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from voicecli.audio.pcm import AudioFormat
from voicecli.clock import SystemClock
from voicecli.playback.null import NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.playback.stall import STUCK_S, StallDetector
from voicecli.streams.base import StreamClosed
from voicecli.streams.device import daemon_thread, open_device
from voicecli.streams.frame import as_frame
from voicecli.streams.intake import LEAD_MS, Intake, device_queue_ms, queue_and_lead_ms
from voicecli.streams.pump import Pump
from voicecli.streams.scheduling import shared_executor

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from voicecli.audio.pcm import Samples
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.streams.frame import FrameLike
    from voicecli.streams.intake import OnFull
    from voicecli.threads import Joinable, Spawn

CUSHION_MS = 60
"""Three frames of 20 ms: the last of them starts the sound, and when it is 15 ms early, one
that is 15 ms late still comes 10 ms before it is needed."""

_LEAST_SLEEP_S = 0.001


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
        queue_size_ms, lead_ms = queue_and_lead_ms(queue_size_ms, lead_ms, on_full)
        format = AudioFormat(sample_rate, num_channels)
        self._clock = clock or SystemClock()
        self._format = format
        self._waits = on_full == "wait"
        sink = sink or NullSink(format, BufferPolicy.fixed(0.0), self._clock)
        self._pump = Pump(sink, format, lead_ms / 1000, self._clock)
        self._intake = Intake(self._pump, max(1, format.frames(queue_size_ms / 1000)), on_full)
        self._spawn = spawn
        self._thread: Joinable | None = None
        self._closed = False
        self._order = asyncio.Lock()
        self._wake = asyncio.Event()
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
        queue_size_ms = device_queue_ms(queue_size_ms, on_full)
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
        return self._intake.drops

    @property
    def dropped_duration(self) -> float:
        """Seconds of audio in them."""
        return self._format.duration_s(self._intake.dropped)

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
            if self._waits:
                await self._add_all(samples)
            else:
                self._intake.add_or_drop(samples)
                self._play()

    async def _add_all(self, samples: Samples) -> None:
        stall, clears = StallDetector(self._clock, "playing"), self._clears
        while True:
            samples, due = self._intake.add(samples)
            self._play()
            if not len(samples):
                return
            await self._sleep(self._format.duration_s(due))
            self._check()
            stall.remaining_s(self._pump.heard)
            if self._clears != clears:
                return

    def _play(self) -> None:
        """Start the thread with the first frames."""
        if self._thread is None and self._pump.accepted:
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
        stall = StallDetector(self._clock, "playing")
        while left := self._pump.left_before(until):
            stall.remaining_s(self._pump.heard)
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
        stuck_after = self._clock.now() + STUCK_S
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
