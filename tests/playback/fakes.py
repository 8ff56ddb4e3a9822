"""A fake PortAudio: streams that take frames by a virtual clock, and record what is heard.

`FakePortAudio` replaces the ``sounddevice`` module. Its streams behave
as measured on ALSA: the device's buffer is 1.25 × latency, a blocking write
waits for room, ``stop`` after blocking writes drops what the device still
holds, the callback asks ``latency`` ahead, block by block or in bursts. Every
frame that a listener would hear is kept with its time, apart from any count of
ours: `Recording` is what the sinks' reports are held against.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from tests.playback.recording import Recording

RATE_HZ = 8000


class PortAudioError(Exception):
    """The library's own error."""


@dataclass
class Device:
    """One device and its habits; times in seconds, those of faults since the stream's start."""

    name: str = "speaker"
    host_api: str = "ALSA"
    max_channels: int = 2
    default_rate_hz: int = 48_000
    rates_hz: tuple[int, ...] | None = None  # None takes any
    channel_counts: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    latency_s: float | None = None  # None gives what is asked for
    burst: int = 1  # blocks that the callback is asked for at a time
    starts_at_write: bool = True  # False: runs already, and is heard a latency later
    skew: float = 0.0  # how much faster than its rate it plays
    refuses_to_start: bool = False
    dies_at_s: float | None = None  # from then on takes nothing
    breaks_at_s: float | None = None  # from then on fails
    late_blocks: dict[int, float] = field(default_factory=dict)  # callback: xrun before block n
    hiccup: tuple[float, float] | None = None  # writes: (time, seconds) in which it takes nothing


class FakePortAudio:
    """What `voicecli.playback.portaudio` uses of ``sounddevice``."""

    PortAudioError = PortAudioError

    def __init__(self, clock=None, devices=(), default=0):
        self.clock = clock
        self.devices = list(devices)
        self.default = SimpleNamespace(device=(-1, default))
        self.streams = []
        self.tried = []
        self.broken = False
        self.listed = 0
        self.calls = []

    def _terminate(self):
        assert all(stream.closed for stream in self.streams), "terminated under an open stream"
        self.calls.append("terminate")

    def _initialize(self):
        self.calls.append("initialize")

    def query_hostapis(self):
        return [{"name": name} for name in sorted({d.host_api for d in self.devices})]

    def query_devices(self):
        if self.broken:
            raise PortAudioError("Error querying devices: Internal PortAudio error [-9986]")
        self.listed += 1
        apis = [api["name"] for api in self.query_hostapis()]
        return [
            {
                "index": index,
                "name": device.name,
                "hostapi": apis.index(device.host_api),
                "max_output_channels": device.max_channels,
                "default_samplerate": float(device.default_rate_hz),
            }
            for index, device in enumerate(self.devices)
        ]

    def RawOutputStream(self, **wanted):  # noqa: N802  the library's name
        self.tried.append((wanted["samplerate"], wanted["channels"], wanted["dtype"]))
        device = self.devices[wanted["device"]]
        if device.rates_hz is not None and wanted["samplerate"] not in device.rates_hz:
            raise PortAudioError("Error opening RawOutputStream: Invalid sample rate [-9997]")
        if wanted["channels"] not in device.channel_counts:
            raise PortAudioError("Error opening RawOutputStream: Invalid channels [-9998]")
        kind = WritingStream if wanted["callback"] is None else CallbackStream
        self.streams.append(kind(self.clock, device, wanted))
        return self.streams[-1]


class _Stream:
    def __init__(self, clock, device, wanted):
        self.clock = clock
        self.device = device
        self.rate_hz = wanted["samplerate"]
        self.channels = wanted["channels"]
        self.dtype = np.dtype(wanted["dtype"])
        self.latency = device.latency_s or wanted["latency"]
        self.wanted = wanted
        self.period = round(self.latency * self.rate_hz / 4)
        self.real_rate_hz = self.rate_hz * (1 + device.skew)
        self.calls = []
        self.active = False
        self.closed = False
        self.started_at = None
        self.blocks = []  # (time of the first frame, samples)

    def start(self):
        self.calls.append("start")
        if self.device.refuses_to_start:
            raise PortAudioError("Error starting stream: Unanticipated host error [-9999]")
        self.active = True
        self.started_at = self.clock.now()

    def abort(self, *, ignore_errors=True):
        self.calls.append("abort")
        self._cut()

    def close(self, *, ignore_errors=True):
        self.calls.append("close")
        self.closed = True
        self._cut()

    def _cut(self):
        """Drop what is due later than now."""
        self.active = False
        now, kept = self.clock.now(), []
        for at, samples in self.blocks:
            frames = max(0, round((now - at) * self.real_rate_hz))
            if frames:
                kept.append((at, samples[:frames]))
        self.blocks = kept

    def _is_past(self, moment_s):
        return moment_s is not None and self.clock.now() >= self.started_at + moment_s

    def recording(self):
        return Recording(self.blocks, self.real_rate_hz, self.channels)


class CallbackStream(_Stream):
    """Asks for its frames, ``latency`` before they are due."""

    clock_offset_s = 5000.0  # PortAudio's clock is not ours

    def start(self):
        super().start()
        self._due_at = self.started_at
        self._asked = 0
        self.clock.at(self.started_at, self._ask)

    def stop(self, *, ignore_errors=True):
        self.calls.append("stop")
        self.active = False  # what was asked for is played to its end

    def _ask(self):
        if self._is_past(self.device.breaks_at_s):
            self.active = False
        if not self.active or self._is_past(self.device.dies_at_s):
            return
        for _ in range(self.device.burst):
            self._ask_one()
        self.clock.at(self._due_at - self.latency, self._ask)

    def _ask_one(self):
        late_s = self.device.late_blocks.get(self._asked, 0.0)
        self._due_at += late_s
        self._asked += 1
        now = self.clock.now()
        out = bytearray(b"\x55" * (self.period * self.channels * self.dtype.itemsize))
        time = SimpleNamespace(
            currentTime=now + self.clock_offset_s,
            outputBufferDacTime=self._due_at + self.clock_offset_s,
            inputBufferAdcTime=0.0,
        )
        status = SimpleNamespace(output_underflow=late_s > 0)
        self.wanted["callback"](out, self.period, time, status)
        samples = np.frombuffer(bytes(out), self.dtype).reshape(-1, self.channels)
        self.blocks.append((self._due_at, samples))
        self._due_at += self.period / self.real_rate_hz


class WritingStream(_Stream):
    """Takes what is written, waiting while its buffer is full."""

    def __init__(self, clock, device, wanted):
        super().__init__(clock, device, wanted)
        self.capacity = 5 * self.period
        self.ends_at = -1.0  # when what was taken is used up
        self.writing = False
        self._alone = threading.Condition()

    def stop(self, *, ignore_errors=True):
        self.calls.append("stop")
        assert not self.writing, "stopped under a writing thread"
        self._cut()

    def abort(self, *, ignore_errors=True):
        assert not self.writing, "aborted under a writing thread"
        super().abort()

    def close(self, *, ignore_errors=True):
        assert not self.writing, "closed under a writing thread"
        super().close()

    @property
    def write_available(self):
        if self._is_past(self.device.breaks_at_s):
            raise PortAudioError("Error: Device unavailable [-9985]")
        return self.capacity - self._held()

    def _held(self):
        return max(0, round((self.ends_at - self.clock.now()) * self.real_rate_hz))

    def write(self, data):
        samples = np.frombuffer(data, self.dtype).reshape(-1, self.channels)
        assert self.active, "written to a stream that is not started"
        self.writing = True
        try:
            ran_dry = self.clock.now() > self.ends_at
            for first in range(0, samples.shape[0], self.period):
                self._take(samples[first : first + self.period])
        finally:
            self.writing = False
        return ran_dry

    def _take(self, samples):
        self._wait_for_room(samples.shape[0])
        starts_at = max(self.clock.now(), self.ends_at)
        delay_s = 0.0 if self.device.starts_at_write else self.latency
        self.blocks.append((starts_at + delay_s, samples))
        self.ends_at = starts_at + samples.shape[0] / self.real_rate_hz

    def _wait_for_room(self, frames):
        if self._is_past(self.device.breaks_at_s):
            raise PortAudioError("Error writing: Device unavailable [-9985]")
        if self._is_past(self.device.dies_at_s):
            with self._alone:
                self.clock.wait(self._alone, None)
        self._hiccup()
        too_much = self._held() + frames - self.capacity
        if too_much > 0:  # room appears in whole periods
            periods = -(-too_much // self.period)
            at = self.clock.now() + periods * self.period / self.real_rate_hz
            self.clock.sleep_until(at)

    def _hiccup(self):
        if self.device.hiccup and self._is_past(self.device.hiccup[0]):
            _, pause_s = self.device.hiccup
            self.device.hiccup = None
            # The server sleeps: nothing is taken, what it holds is played after it.
            self.ends_at += pause_s
            now = self.clock.now()
            self.blocks = [(at + pause_s if at > now else at, s) for at, s in self.blocks]
            self.clock.sleep(pause_s)


def ramp(frames, *, start=0, channels=1):
    """Make frames whose values are their numbers, none of them silent."""
    values = np.arange(start, start + frames) % 30_000 + 1
    return np.repeat(values.astype(np.int16)[:, None], channels, axis=1)


def seconds(duration_s, *, start_s=0.0, channels=1):
    """Make a `ramp` of this many seconds at `RATE_HZ`."""
    return ramp(round(duration_s * RATE_HZ), start=round(start_s * RATE_HZ), channels=channels)
