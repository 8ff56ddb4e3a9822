"""Sound devices, through PortAudio: listing, choosing and opening them.

The only module that imports ``sounddevice``. That import loads PortAudio, which
asks every host API for its devices (about 40 ms), so it happens on first use:
a session does it while the server thinks.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import sys
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.audio.pcm import AudioFormat
from voicecli.errors import DeviceError
from voicecli.playback import runtime_dir
from voicecli.playback.latency import LATENCY_S, MAX_LATENCY_S, ignore_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.playback.latency import DeviceLatency

_SLOW_S = 0.08
"""Opening a device takes 2 ms. One that takes this long is on a server far away."""

DEVICE_LOST_REMEDY = "check that the sound server is running; `voicecli doctor` plays a test"
"""What to do if an open device fails."""


@dataclass(frozen=True, slots=True)
class OutputDevice:
    """One device that can play, as PortAudio lists it."""

    index: int
    name: str
    host_api: str
    max_channels: int
    default_rate_hz: int
    is_default: bool


@functools.cache
def _portaudio() -> Any:
    """Import sounddevice, which initialises PortAudio.

    Raises:
        DeviceError: the PortAudio library is not installed.
    """
    runtime_dir.complete_environment()
    _quieten_alsa()
    try:
        import sounddevice  # noqa: PLC0415  loads PortAudio
    except OSError as error:
        raise DeviceError(
            "the PortAudio library is not installed",
            remedy="Debian, Ubuntu: apt install libportaudio2; macOS: brew install portaudio",
        ) from error
    return sounddevice


_lock = threading.Lock()
"""Held while streams are opened, and while PortAudio is initialised again."""

_streams: weakref.WeakSet[Any] = weakref.WeakSet()
"""Streams that were opened and may still be open."""


def refresh() -> None:
    """Let PortAudio look for devices again; it lists them once, when it is initialised.

    Does nothing while a stream is open anywhere in the process, because PortAudio
    would close it under the thread that uses it.
    """
    portaudio = _portaudio()
    with _lock, stream_faults():
        if all(stream.closed for stream in _streams):
            with suppress(portaudio.PortAudioError):  # if the last `_initialize` failed
                portaudio._terminate()  # noqa: SLF001  sounddevice has no public name for it
            portaudio._initialize()  # noqa: SLF001


def _quieten_alsa() -> None:
    """Stop alsa-lib from printing its search for devices on standard error.

    alsa-lib calls an error handler with printf arguments. Any C function that ignores
    them serves, such as `getpid`; a Python function would need the interpreter's lock
    on the audio thread.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        asound = ctypes.CDLL("libasound.so.2")
        ignore = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
        asound.snd_lib_error_set_handler(ignore)
    except (OSError, AttributeError):
        return  # no alsa-lib, so nothing that could print


def list_output_devices() -> list[OutputDevice]:
    """List every output device, in PortAudio's order.

    Raises:
        DeviceError: PortAudio is missing, or cannot list devices.
    """
    portaudio = _portaudio()
    try:
        return list(_outputs(portaudio))
    except portaudio.PortAudioError as error:
        raise DeviceError(f"PortAudio cannot list devices: {_reason(error)}") from error


def _outputs(portaudio: Any) -> Iterator[OutputDevice]:
    host_apis = portaudio.query_hostapis()
    default_index = portaudio.default.device[1]
    for entry in portaudio.query_devices():
        if entry["max_output_channels"] > 0:
            yield OutputDevice(
                index=entry["index"],
                name=entry["name"],
                host_api=host_apis[entry["hostapi"]]["name"],
                max_channels=entry["max_output_channels"],
                default_rate_hz=round(entry["default_samplerate"]),
                is_default=entry["index"] == default_index,
            )


def find_output_device(wanted: str | None) -> OutputDevice:
    """Find the device with this index or part of a name; None means the default one.

    An exact name wins over a part of one. Letter case does not matter.

    Raises:
        DeviceError: there is no device at all, none that matches, or more than one.
    """
    devices = list_output_devices()
    if not devices:
        raise DeviceError(
            "there is no sound device",
            remedy=runtime_dir.remedy()
            or "use --save FILE.wav to keep the speech, or --device null to go without sound",
        )
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    return _choose(devices, wanted)


def _choose(devices: list[OutputDevice], wanted: str) -> OutputDevice:
    if wanted.isdecimal():
        matching = [device for device in devices if device.index == int(wanted)]
    else:
        sought = wanted.casefold()
        matching = [device for device in devices if device.name.casefold() == sought]
        matching = matching or [device for device in devices if sought in device.name.casefold()]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise DeviceError(
            f"no sound device matches {wanted!r}", remedy="`voicecli devices` lists the devices"
        )
    names = ", ".join(f"{device.index} ({device.name})" for device in matching)
    raise DeviceError(
        f"{wanted!r} matches several sound devices: {names}",
        remedy="pass a number to --device",
    )


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A PortAudio output stream that is open and not started.

    ``starts_at_write``: ALSA starts the stream with the first frames written, and plays
    them at once. On other host APIs it runs already, and they are heard ``latency_s``
    later.
    """

    stream: Any
    format: AudioFormat
    latency_s: float
    starts_at_write: bool


def candidate_formats(wanted: AudioFormat, device: OutputDevice) -> list[AudioFormat]:
    """List formats to try on a device: the wanted one first, the likeliest to work last.

    Another number of channels comes before another rate, which needs a resampler. More
    than two are never asked for: drivers disagree about their order.
    """
    wanted_channels = min(wanted.channels, 2)
    channels = [n for n in dict.fromkeys([wanted_channels, 2, 1]) if n <= device.max_channels]
    rates = dict.fromkeys([wanted.rate_hz, device.default_rate_hz, 48000, 44100])
    return [AudioFormat(rate, n, wanted.sample_type) for rate in rates for n in channels]


def open_output(
    device: OutputDevice,
    wanted: AudioFormat,
    *,
    callback: Callable[..., None] | None,
    accept: Callable[[AudioFormat], bool] = lambda _: True,
    latency: DeviceLatency | None = None,
) -> OpenStream:
    """Open ``device`` in the wanted format, or the nearest one it takes.

    With a ``callback`` the stream asks for its frames (sounddevice's raw output
    callback); without one, they are written. ``accept`` may reject formats. ``latency``
    chooses how much the device buffers, more if it takes long to open; None is `LATENCY_S`.

    Raises:
        DeviceError: the device takes none of them.
    """
    portaudio = _portaudio()
    latency_s = LATENCY_S if latency is None else latency.choose_s()
    may_grow = latency is not None and latency.may_grow
    failure: Exception | None = None
    for format in candidate_formats(wanted, device):
        if not accept(format):
            continue
        try:
            stream = _opened(device, format, callback, latency_s, may_grow=may_grow)
        except portaudio.PortAudioError as error:
            failure = failure or error
            continue
        return OpenStream(stream, format, float(stream.latency), device.host_api == "ALSA")
    raise DeviceError(
        f"the sound device {device.name!r} cannot be opened: {_reason(failure)}",
        remedy="`voicecli devices` lists others; choose one with --device",
    ) from failure


def _opened(
    device: OutputDevice,
    format: AudioFormat,
    callback: Callable[..., None] | None,
    latency_s: float,
    *,
    may_grow: bool,
) -> Any:
    ignore_environment()
    began_at = time.monotonic()
    with _lock:
        stream = _portaudio().RawOutputStream(
            device=device.index,
            samplerate=format.rate_hz,
            channels=format.channels,
            dtype=format.sample_type,
            latency=latency_s,
            callback=callback,
            prime_output_buffers_using_stream_callback=callback is not None,
        )
        _streams.add(stream)
    took_s = min(MAX_LATENCY_S, time.monotonic() - began_at)
    if may_grow and took_s > max(_SLOW_S, latency_s):
        stream.close(ignore_errors=True)
        return _opened(device, format, callback, took_s, may_grow=False)
    return stream


@contextmanager
def stream_faults() -> Iterator[None]:
    """Convert PortAudio's errors to `DeviceError`."""
    try:
        yield
    except _portaudio().PortAudioError as error:
        raise device_fault(error) from error


def device_fault(error: Exception) -> DeviceError:
    """Make the error for an open stream that failed."""
    return DeviceError(f"the sound device failed: {_reason(error)}", remedy=DEVICE_LOST_REMEDY)


def _reason(error: Exception | None) -> str:
    return "it takes none of our formats" if error is None else str(error).split(" [")[0]
