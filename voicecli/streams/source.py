"""A paced audio source: it takes frames at any speed and plays them in real time.

The name is LiveKit's: `AudioSource` is where frames go, not where bytes come from.
"""

from __future__ import annotations

import asyncio
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, get_args

from voicecli.audio.pcm import AudioFormat
from voicecli.clock import SystemClock
from voicecli.playback.null import NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.playback.stall import STUCK_S, StallDetector
from voicecli.streams.base import AsyncClosing, StreamClosed
from voicecli.streams.frame import as_frame
from voicecli.streams.player import Player, open_device_sink
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    import threading
    from typing import Self

    from voicecli.audio.pcm import Samples
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.streams.frame import FrameLike
    from voicecli.threads import Spawn

OnFull = Literal["wait", "drop_oldest", "drop_newest"]

LEAD_MS = 200  # audio handed to the sink ahead of need
DEVICE_LEAD_MS = 150  # minimum on a device: it takes 50 at once and stutters on little more
UNQUEUED_MS = 200  # audio that a sink may hold if the source queues nothing
CUSHION_MS = 60  # three frames of 20 ms: enough if each may come 15 ms early or late
_MIN_SLEEP_S = 0.001


class AudioSource(AsyncClosing):
    """Plays frames on a sink in real time, through a queue of bounded length.

    ::

        async with await AudioSource.open(24_000, 1) as source:
            async for frame in decoder:
                await source.capture_frame(frame)  # returns when it is queued
            await source.wait_for_playout()  # returns when it was heard

    The queue holds what was captured and not heard yet, by the clock of the device:
    at most ``queue_size_ms``. A producer faster than real time is slowed to the pace
    of the device; the jitter of one in real time adds to the latency once.

    All methods belong to one event loop's thread. A daemon thread feeds the sink,
    so a stall of the loop causes no gap while anything is queued.

    Args:
        sample_rate: of the frames, in Hz; the sink's own may differ.
        num_channels: of the frames.
        queue_size_ms: audio that may be queued. 0 queues nothing: frames go straight
            to the sink, which counts as full while `UNQUEUED_MS` are unheard.
        on_full: what to do with a frame that does not fit. ``wait``: queue as much
            as fits and let `capture_frame` wait for the rest. ``drop_oldest``: drop
            queued frames. ``drop_newest``: drop the new one.
        sink: any sink of `voicecli.playback`, not started; the source starts and
            closes it. The threshold of its policy is a cushion against jitter. None
            plays silently, in real time, without a threshold.
        lead_ms: audio handed to the sink ahead of need, which ``drop_oldest`` leaves alone.
        clock: the clock of the sink.
        spawn: starts the thread.

    Attributes:
        drops: captured frames dropped, wholly or the part that the sink did not have yet.

    Raises:
        ValueError: impossible audio, a negative size, or another ``on_full``.
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
        spawn: Spawn = spawn_daemon,
    ) -> None:
        if sample_rate < 1 or num_channels < 1:
            raise ValueError(f"impossible audio: {sample_rate} Hz, {num_channels} channels")
        if queue_size_ms < 0 or lead_ms < 1 or on_full not in get_args(OnFull):
            raise ValueError(f"impossible queue: {queue_size_ms=}, {lead_ms=}, {on_full=}")
        if queue_size_ms == 0:
            queue_size_ms = lead_ms = UNQUEUED_MS
        elif on_full == "drop_oldest":  # only what the sink does not have can be dropped
            lead_ms = min(lead_ms, queue_size_ms // 2)
        format = AudioFormat(sample_rate, num_channels)
        self._clock = clock or SystemClock()
        self._format = format
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self._on_full = on_full
        self._limit = max(1, format.frames(queue_size_ms / 1000))  # frames unheard at once
        self._sink = sink or NullSink(format, BufferPolicy.fixed(0.0), self._clock)
        lead_s = min(lead_ms, queue_size_ms) / 1000
        self._player = Player(self._sink, format, lead_s, self._clock)
        self._spawn = spawn
        self._thread: threading.Thread | None = None
        self._closed = False
        self._order = asyncio.Lock()
        self._wake = asyncio.Event()
        self._clears = 0
        self.drops = self._dropped = 0
        # A source that was never closed still releases the thread and the device.
        weakref.finalize(self, self._player.abandon)

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
        """Make a source on a sound device, which is opened on another thread.

        Args:
            sample_rate: as the constructor.
            num_channels: as the constructor.
            queue_size_ms: as the constructor; if not 0, at least `DEVICE_LEAD_MS`, or
                twice that if the oldest frames are dropped.
            on_full: as the constructor.
            device: its index or a part of its name; None means the default device.
            cushion_ms: audio buffered before sound starts or resumes after a gap: how
                late a producer in real time may be.

        Raises:
            DeviceError: there is no such device, or it cannot be opened.
            ValueError: as the constructor.
        """
        format, clock = AudioFormat(sample_rate, num_channels), SystemClock()
        policy = BufferPolicy.fixed(cushion_ms / 1000)
        sink = await asyncio.to_thread(open_device_sink, format, device, policy, clock)
        if queue_size_ms > 0:
            leads = 2 if on_full == "drop_oldest" else 1
            queue_size_ms = max(queue_size_ms, leads * DEVICE_LEAD_MS)
        return cls(
            sample_rate, num_channels, queue_size_ms, on_full=on_full, sink=sink, clock=clock
        )

    @property
    def queued_duration(self) -> float:
        """Seconds of audio captured and not heard yet, including the sink's."""
        return self._format.duration_s(self._player.unheard)

    @property
    def dropped_duration(self) -> float:
        """Seconds of audio dropped."""
        return self._format.duration_s(self._dropped)

    @property
    def underruns(self) -> int:
        """Gaps in the sound, except after `wait_for_playout` and `clear_queue`."""
        return self._player.underruns

    async def capture_frame(self, frame: FrameLike) -> None:
        """Queue a frame: at once if it fits, else as ``on_full`` says.

        Calls are served in order. A call that is cancelled while it waits has
        queued the beginning of its frame.

        Raises:
            ValueError: another rate or channel count, or, if frames may be dropped,
                a frame longer than the queue.
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
        stall, clears = StallDetector(self._clock, "playing"), self._clears
        while True:
            unheard = self._player.unheard
            room = max(0, self._limit - unheard)
            self._add(samples[:room])
            samples, unheard = samples[room:], unheard + len(samples[:room])
            if not len(samples):
                return
            # A rest as long as the queue goes in by halves, so that it never runs empty.
            wanted = min(len(samples), max(1, self._limit // 2))
            await self._sleep(self._format.duration_s(unheard + wanted - self._limit))
            self._check()
            stall.remaining_s(self._sink.position(), paused=self._sink.snapshot().paused)
            if self._clears != clears:
                return

    def _add_or_drop(self, samples: Samples) -> None:
        if len(samples) > self._limit:
            raise ValueError("a frame longer than the queue would always be dropped")
        room = self._limit - self._player.unheard
        while room < len(samples) and self._on_full == "drop_oldest":
            dropped = self._player.drop_oldest()
            if not dropped:
                break
            self.drops += 1
            self._dropped += dropped
            room += dropped
        if len(samples) <= room:
            self._add(samples)
        else:
            self.drops += 1
            self._dropped += len(samples)

    def _add(self, samples: Samples) -> None:
        """Queue samples; the first ones start the thread."""
        if len(samples):
            self._player.add(samples)
        if len(samples) and self._thread is None:
            self._thread = self._spawn(self._player.run, "voicecli-source")

    def clear_queue(self) -> None:
        """Drop what is queued, and the rest of a waiting `capture_frame`; silent within 60 ms."""
        self._clears += 1
        self._player.clear()
        self._wake.set()

    def pause(self) -> None:
        """Be silent within 60 ms, and keep everything; the queue may fill. Idempotent."""
        self._sink.pause()

    def resume(self) -> None:
        """Continue exactly where `pause` stopped; idempotent."""
        self._sink.resume()

    async def wait_for_playout(self) -> None:
        """Wait until everything captured so far has been heard, by the device's clock.

        Raises:
            DeviceError: the device failed, or has played nothing for five seconds.
            StreamClosed: the source was closed meanwhile.
        """
        self._check()
        until = self._player.accepted
        if self._thread is not None:
            self._player.release()
        stall = StallDetector(self._clock, "playing")
        while left := self._player.left_before(until):
            stall.remaining_s(self._sink.position(), paused=self._sink.snapshot().paused)
            await self._sleep(self._format.duration_s(left))
            self._check()
        self._player.expect_silence()

    def _check(self) -> None:
        if self._closed:
            raise StreamClosed("the source is closed")
        if self._player.fault is not None:
            raise self._player.fault

    async def _sleep(self, duration_s: float) -> None:
        """Sleep, or less if the source is cleared or closed."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(duration_s, _MIN_SLEEP_S)):
                await self._wake.wait()

    async def aclose(self) -> None:
        """Silence at once, and release the device. Idempotent."""
        self._closed = True
        self._wake.set()
        self._player.close(was_run=self._thread is not None)
        stuck_after = self._clock.now() + STUCK_S
        while self._thread is not None and not self._player.finished:
            if self._clock.now() >= stuck_after:
                return  # a stuck device keeps its daemon thread
            await asyncio.sleep(_MIN_SLEEP_S)
