"""Sound outputs that a test can watch, and that fail when it wants."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from voicecli.errors import DeviceError
from voicecli.playback.null import NullSink
from voicecli.playback.output import Output, OutputSettings
from voicecli.playback.policy import BufferPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 20.0


class WatchedSink(NullSink):
    """A `NullSink` that records what it was given, and can fail like a device.

    ``breaks_after`` is the frame count at which ``write`` raises `DeviceError`.
    """

    def __init__(self, format, policy, clock, *, breaks_after=None, plays_out=True, preroll_s=0.0):
        super().__init__(format, policy, clock, preroll_s=preroll_s)
        self._news = threading.Condition()
        self._breaks_after = breaks_after
        self._plays_out = plays_out
        self.blocks: list[np.ndarray] = []
        self.written = 0
        self.aborts = 0
        self.closes = 0

    def write(self, samples) -> None:
        if self._breaks_after is not None and self.written >= self._breaks_after:
            raise DeviceError("the cable was pulled")
        super().write(samples)
        with self._news:
            self.blocks.append(np.array(samples))
            self.written += len(samples)
            self._news.notify_all()

    def wait_for(self, frames: int) -> None:
        """Wait until this many frames were written."""
        with self._news:
            assert self._news.wait_for(lambda: self.written >= frames, TIMEOUT_S)

    def drain(self) -> None:
        super().drain()
        if not self._plays_out:
            raise DeviceError("the sound device has stopped playing")

    def abort(self) -> None:
        self.aborts += 1
        super().abort()

    def close(self) -> None:
        self.closes += 1

    @property
    def samples(self) -> list[int]:
        return np.concatenate([np.zeros((0, 1), np.int16), *self.blocks]).ravel().tolist()


class FakeOutput(Output):
    """Opens a `WatchedSink`, or fails as a test wants."""

    def __init__(
        self, *, policy=None, optional: bool = False, prepare_timeout_s: float = 20.0, **sink
    ) -> None:
        settings = OutputSettings(policy or BufferPolicy.fixed(0.0), "null", optional=optional)
        super().__init__(settings, prepare_timeout_s=prepare_timeout_s)
        self._sink_options = sink
        self.before_preparing: Callable[[], None] = lambda: None
        self.before_opening: Callable[[], None] = lambda: None
        self.prepare_fault: BaseException | None = None
        self.open_fault: BaseException | None = None
        self.prepared = 0
        self.devices_forgotten = 0
        self.opened = threading.Event()
        self.sink: WatchedSink | None = None
        self.is_pcm: bool | None = None

    def prepare(self, history=None) -> None:
        self.prepared += 1
        super().prepare(history)

    def forget_device(self) -> None:
        self.devices_forgotten += 1
        super().forget_device()

    def _load(self) -> None:
        self.before_preparing()
        if self.prepare_fault:
            raise self.prepare_fault

    def _open(self, device, wanted, policy, *, is_pcm, clock, spawn):
        self.before_opening()
        if self.open_fault:
            raise self.open_fault
        self.is_pcm = is_pcm
        self.sink = WatchedSink(wanted, policy, clock, **self._sink_options)
        self.opened.set()
        return self.sink


def null_output(start_s: float = 0.0, output="null") -> Output:
    return Output(OutputSettings(BufferPolicy.fixed(start_s), output))
