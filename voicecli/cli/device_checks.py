"""Checks of ``voicecli doctor``: PortAudio, its devices, and whether one of them plays."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from voicecli.cli.check_result import CheckResult
from voicecli.cli.signals import exiting_on_ctrl_c
from voicecli.errors import DeviceError
from voicecli.playback import runtime_dir

if TYPE_CHECKING:
    from voicecli.playback.portaudio import OutputDevice

TEST_RATE_HZ = 24_000
TEST_S = 0.2

_STREAM_TIMEOUT_S = 3.0
"""Longest wait for a device to play 0.2 s of silence; sleeping Bluetooth takes a second or two."""


def check_devices() -> tuple[list[CheckResult], bool]:
    """Check PortAudio and the devices it finds; the flag says whether there is any."""
    try:
        from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

        with exiting_on_ctrl_c():
            found = list_output_devices()
    except DeviceError as error:
        return [CheckResult.of_error("PortAudio", error)], False
    loaded = CheckResult("PortAudio", "ok", "loaded")
    if not found:
        none = DeviceError(
            "no device can play",
            remedy=runtime_dir.remedy()
            or "start a sound server, save with --save, or use --device null",
        )
        return [loaded, CheckResult.of_error("devices", none)], False
    default = next((device.name for device in found if device.is_default), "none")
    return [loaded, CheckResult("devices", "ok", f"{len(found)}, default {default}")], True


def check_stream(wanted: str | None) -> CheckResult:
    """Play 0.2 s of silence, and check that the device consumes it."""
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    try:
        with exiting_on_ctrl_c():
            return _play_silence(find_output_device(wanted))
    except DeviceError as error:
        return CheckResult.of_error("test stream", error)


def _play_silence(device: OutputDevice) -> CheckResult:
    from voicecli.audio.pcm import AudioFormat  # noqa: PLC0415  with PortAudio
    from voicecli.playback.portaudio import device_fault, open_output  # noqa: PLC0415  likewise

    consumed = threading.Event()
    frames_played = underflows = 0

    def callback(out: Any, frames: int, _: Any, status: Any) -> None:
        nonlocal frames_played, underflows
        out[:] = bytes(len(out))
        frames_played += frames
        underflows += bool(status.output_underflow)
        if frames_played >= opened.format.frames(TEST_S):
            consumed.set()

    opened = open_output(device, AudioFormat(TEST_RATE_HZ, 1), callback=callback)
    try:
        opened.stream.start()
        in_time = consumed.wait(_STREAM_TIMEOUT_S)
        opened.stream.abort()
    except Exception as error:  # PortAudioError, whose module is not imported here
        raise device_fault(error) from error
    finally:
        opened.stream.close()
    if not in_time:
        raise DeviceError(
            f"{device.name} opens but does not play",
            remedy="restart the sound server, or choose another device with --device",
        )
    rate_hz, channels = opened.format.rate_hz, opened.format.channels
    latency_ms = opened.latency_s * 1e3
    message = f"{device.name} plays {rate_hz} Hz, {channels} ch, latency {latency_ms:.0f} ms"
    if underflows:
        return CheckResult("test stream", "warn", f"{message}, but had {underflows} underruns")
    return CheckResult("test stream", "ok", message)
