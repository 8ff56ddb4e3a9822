"""The sound output: finds the device, opens a sink on it for each run, closes it after an error."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Literal, NamedTuple

from voicecli.errors import DeviceError
from voicecli.playback.latency import DeviceLatency, LatencyFile
from voicecli.playback.policy import AdaptivePolicy

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.playback.history import History
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OutputDevice
    from voicecli.threads import Spawn

NULL_DEVICE = "null"

PREPARE_TIMEOUT_S = 30.0
"""Longest wait for the device, which may mean starting a sound server."""


class OutputSettings(NamedTuple):
    """Where sound goes.

    ``output`` is a sound device, a sink that only takes the time (``null``), or
    one that takes no time (``discard``). ``optional``: if there is no device,
    discard the sound rather than fail. The device buffers ``latency_s``; None is as little
    as it plays without gaps, which is remembered if ``learns``.
    """

    policy: Policy = AdaptivePolicy()
    output: Literal["device", "null", "discard"] = "device"
    device: str | None = None
    preroll_s: float = 0.0
    optional: bool = False
    latency_s: float | None = None
    learns: bool = False


class Output:
    """Opens sinks on one device, for any number of sessions.

    `prepare` does what can be done before the format is known (loading PortAudio,
    finding the device), on a thread of its own while the server thinks. Opening
    the stream then takes about a millisecond. ``no_device`` is why the sink that
    was opened last discards its sound, None if it does not. All methods may be
    called from any thread.
    """

    def __init__(
        self,
        settings: OutputSettings | None = None,
        *,
        prepare_timeout_s: float = PREPARE_TIMEOUT_S,
    ) -> None:
        self._settings = settings or OutputSettings()
        self._prepare_timeout_s = prepare_timeout_s
        self._lock = threading.Lock()
        self._device: OutputDevice | None = None
        self._is_stale = False
        self.no_device: DeviceError | None = None

    @property
    def policy(self) -> Policy:
        """When sound starts and resumes, before any history."""
        return self._settings.policy

    @property
    def is_silent(self) -> bool:
        """Whether sound is discarded, because none was wanted or there is no device."""
        return self._settings.output == "discard" or self.no_device is not None

    def prepare(self, history: History | None = None) -> None:
        """Load what opening a sink needs, and find the device unless it is known.

        Raises:
            DeviceError: there is no such device, and it is not optional.
        """
        if history is not None:
            history.recent()  # reads the file now rather than when the first samples wait
        try:
            with self._lock:
                self._load()
        except DeviceError:
            if not self._settings.optional:  # else `open` will find out again
                raise

    def open(
        self,
        wanted: AudioFormat,
        *,
        is_pcm: bool,
        clock: Clock,
        spawn: Spawn,
        history: History | None = None,
    ) -> Sink:
        """Open a sink for samples of the ``wanted`` format; ``sink.format`` may differ.

        PCM is written straight to a device that takes its rate. Everything else
        goes through the ring, resampled by the caller if need be.

        Raises:
            DeviceError: there is no device, or it cannot be opened, and it is not optional.
        """
        try:
            device = self._await_device()
            policy = self.policy if history is None else self.policy.with_history(history.recent())
            sink = self._open(device, wanted, policy, is_pcm=is_pcm, clock=clock, spawn=spawn)
        except DeviceError as error:
            self._is_stale = True
            if not self._settings.optional:
                raise
            from voicecli.playback.null import DiscardSink  # noqa: PLC0415  numpy

            self.no_device = error
            return DiscardSink(wanted)
        self.no_device = None
        return sink

    def forget_device(self) -> None:
        """Find the device again before the next run, because it failed.

        The sink has closed its own stream. The next `prepare` or `open` initialises PortAudio
        again, or a later one if another stream of this process plays. `open` does this by itself
        when it fails; call it when a sink fails later.
        """
        self._is_stale = True

    def _load(self) -> OutputDevice | None:
        """Import what `_open` needs, and find the device, if one is wanted; under the lock."""
        if self._settings.output != "device":
            from voicecli.playback import null  # noqa: F401, PLC0415  numpy

            return None
        from voicecli.playback import (  # noqa: PLC0415  PortAudio and numpy
            blocking,  # noqa: F401
            callback,  # noqa: F401
            portaudio,
        )

        if self._is_stale:
            portaudio.refresh()
            self._device, self._is_stale = None, False
        if self._device is None:
            try:
                self._device = portaudio.find_output_device(self._settings.device)
            except DeviceError:
                self._is_stale = True
                raise
        return self._device

    def _await_device(self) -> OutputDevice | None:
        """Wait for `prepare`, or do its work if it was not called; return the device."""
        if not self._lock.acquire(timeout=self._prepare_timeout_s):
            limit_s = self._prepare_timeout_s
            raise DeviceError(f"the sound system has not answered for {limit_s:g} s")
        try:
            return self._load()
        finally:
            self._lock.release()

    def _open(
        self,
        device: OutputDevice | None,
        wanted: AudioFormat,
        policy: Policy,
        *,
        is_pcm: bool,
        clock: Clock,
        spawn: Spawn,
    ) -> Sink:
        from voicecli.playback.null import DiscardSink, NullSink  # noqa: PLC0415  numpy

        settings = self._settings
        if settings.output == "discard":
            return DiscardSink(wanted)
        if settings.output == "null":
            return NullSink(wanted, policy, clock, preroll_s=settings.preroll_s)
        from voicecli.playback.blocking import BlockingSink  # noqa: PLC0415  PortAudio
        from voicecli.playback.callback import CallbackSink  # noqa: PLC0415  PortAudio

        assert device is not None
        preroll_s, latency = settings.preroll_s, self._latency(device)
        if is_pcm:
            try:
                return BlockingSink(
                    device, wanted, policy, clock, spawn, preroll_s=preroll_s, latency=latency
                )
            except DeviceError:
                pass  # the device does not take this rate: resample, and use the callback
        return CallbackSink(device, wanted, policy, clock, preroll_s=preroll_s, latency=latency)

    def _latency(self, device: OutputDevice) -> DeviceLatency:
        # Devices of another sound server may have the same names.
        server = os.environ.get("PULSE_SERVER", "")
        name = f"{device.host_api} {device.name} {server}".rstrip()
        file = LatencyFile() if self._settings.learns else None
        return DeviceLatency(name, self._settings.latency_s, file)
