"""Chooses and opens the sink: which device, which of the two ways to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from voicecli.errors import DeviceError
from voicecli.playback.policy import AdaptivePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.audio.pcm import AudioFormat
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OutputDevice
    from voicecli.threads import Spawn

NULL_DEVICE = "null"


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Where sound goes. ``output`` is the sound device, a paced nothing, or nowhere.

    ``recall`` tells what past runs needed, see `Policy.knowing`; it is called
    once, on the thread that prepares the device.
    """

    policy: Policy = field(default_factory=AdaptivePolicy)
    output: Literal["device", "null", "discard"] = "device"
    device: str | None = None
    preroll_s: float = 0.0
    recall: Callable[[], Sequence[float]] | None = None


class Speaker:
    """Makes the sink for a session, once its first samples tell the format.

    `prepare` does all that can be done before that (loading PortAudio, finding
    the device), on a thread of its own while the server thinks; opening the
    stream itself then takes about a millisecond.
    """

    def __init__(self, settings: OutputSettings, clock: Clock, spawn: Spawn) -> None:
        self._settings = settings
        self._clock = clock
        self._spawn = spawn
        self._device: OutputDevice | None = None
        self._policy = settings.policy

    def prepare(self) -> None:
        """Load what opening a sink will need, and find the device.

        Raises:
            DeviceError: there is no such device.
        """
        if self._settings.recall is not None:
            self._policy = self._settings.policy.knowing(self._settings.recall())
        if self._settings.output != "device":
            from voicecli.playback import null  # noqa: F401, PLC0415  numpy comes with it

            return
        from voicecli.playback import (  # noqa: PLC0415  PortAudio and numpy come with them
            blocking,  # noqa: F401
            callback,  # noqa: F401
            portaudio,
        )

        self._device = portaudio.find_output_device(self._settings.device)

    def open(self, wanted: AudioFormat, *, is_pcm: bool) -> Sink:
        """The sink for samples of the ``wanted`` format, after `prepare`.

        PCM is written straight to a device that takes its rate; everything else
        goes through the ring, resampled by the caller where ``sink.format`` differs.

        Raises:
            DeviceError: the device cannot be opened.
        """
        from voicecli.playback.null import DiscardSink, NullSink  # noqa: PLC0415  numpy

        settings = self._settings
        if settings.output == "discard":
            return DiscardSink(wanted)
        if settings.output == "null":
            return NullSink(wanted, self._policy, self._clock, preroll_s=settings.preroll_s)
        return self._open_device(wanted, is_pcm=is_pcm)

    def _open_device(self, wanted: AudioFormat, *, is_pcm: bool) -> Sink:
        from voicecli.playback.blocking import BlockingSink  # noqa: PLC0415  PortAudio
        from voicecli.playback.callback import CallbackSink  # noqa: PLC0415  PortAudio

        if self._device is None:
            self.prepare()
        assert self._device is not None
        policy, preroll_s = self._policy, self._settings.preroll_s
        if is_pcm:
            try:
                return BlockingSink(
                    self._device, wanted, policy, self._clock, self._spawn, preroll_s=preroll_s
                )
            except DeviceError:
                pass  # not at this rate; the ring's way may resample
        return CallbackSink(self._device, wanted, policy, self._clock, preroll_s=preroll_s)
