"""What ``voicecli doctor`` looks at, one function a part; each finds, none raises."""

from __future__ import annotations

import platform
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from voicecli.audio.pcm import AudioFormat
from voicecli.config.urls import is_loopback
from voicecli.errors import DeviceError, ExitStatus, UnsupportedFormat, VoiceError

if TYPE_CHECKING:
    from voicecli.config.endpoint import Endpoint
    from voicecli.config.file import Config
    from voicecli.playback.portaudio import OutputDevice

Status = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)

TEST_FORMAT = AudioFormat(rate_hz=24_000, channels=1)
TEST_S = 0.2
_NOT_FOUND = 404
_PATIENCE_S = 3.0
"""How long a device may take over 0.2 s of silence; sleeping Bluetooth needs a second or two."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; ``exit_status`` counts where ``status`` is ``"fail"``."""

    name: str
    status: Status
    message: str
    remedy: str | None = None
    exit_status: ExitStatus = ExitStatus.OK

    def to_json(self) -> dict[str, str | None]:
        """As a JSON object with the first four fields."""
        return {
            "name": self.name,
            "status": self.status,
            "message": self.message,
            "remedy": self.remedy,
        }


def failed(name: str, error: VoiceError) -> Finding:
    """A check that ended in one of our errors."""
    return Finding(name, "fail", error.message, error.remedy, error.exit_status)


def python() -> Finding:
    """The interpreter."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "fail", version, "install Python 3.11 or newer", ExitStatus.CONFIG)
    return Finding("Python", "ok", version)


def configuration(config: Config) -> Finding:
    """The configuration file, once it was read."""
    there = config.path is not None and config.path.exists()
    return Finding("config", "ok", f"{config.path}" if there else "no file, so defaults")


def key(endpoint: Endpoint) -> Finding:
    """Whether there is a key for the endpoint."""
    if endpoint.is_builtin:
        return Finding("key", "ok", "the built-in voice needs none")
    if endpoint.warnings:
        return Finding("key", "warn", "; ".join(endpoint.warnings))
    if endpoint.key_variable:
        return Finding("key", "ok", f"from {endpoint.key_variable}")
    if is_loopback(_host(endpoint)):
        return Finding("key", "ok", "none, as usual for a server on this machine")
    return Finding("key", "warn", "none", "if the server wants one, put it in VOICECLI_API_KEY")


def _host(endpoint: Endpoint) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415  with the endpoint only

    return urlsplit(endpoint.base_url or "").hostname or ""


def server(endpoint: Endpoint, *, timeout_s: float) -> Finding:
    """Whether the endpoint answers: its list of models is asked for, nothing is spoken.

    Many servers have none. Whether there is speech at all then shows in how a GET of
    /audio/speech is refused: with 404 by those that have nothing there.
    """
    from voicecli.sources.fetch import fetch  # noqa: PLC0415  urllib
    from voicecli.sources.statuses import fault_of_status  # noqa: PLC0415  with it

    began = time.monotonic()
    url, key = endpoint.base_url, endpoint.api_key
    try:
        answer = fetch(f"{url}/models", key, timeout_s=timeout_s)
        is_bare = answer.status == _NOT_FOUND
        if is_bare:
            began = time.monotonic()
            answer = fetch(f"{url}/audio/speech", key, timeout_s=timeout_s)
    except VoiceError as error:
        return failed("endpoint", error)
    told = f"{endpoint.label} answers in {(time.monotonic() - began) * 1e3:.0f} ms"
    if answer.status in (401, 403):
        return failed("endpoint", fault_of_status(answer.status, answer.headers, answer.body))
    if is_bare and answer.status != _NOT_FOUND:
        return Finding("endpoint", "ok", f"{told} (it lists no models)")
    if answer.status >= 300:  # noqa: PLR2004  RFC 9110
        fault = fault_of_status(answer.status, answer.headers, answer.body)
        return Finding("endpoint", "warn", f"{told}, but {fault.message}", fault.remedy)
    return Finding("endpoint", "ok", told)


def builtin_voice(name: str) -> Finding:
    """Whether the built-in voice loads; one that would have to be fetched is left alone."""
    from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415  numpy and onnxruntime
    from voicecli.sources.voices import builtin_voices  # noqa: PLC0415  likewise

    began = time.monotonic()
    try:
        for voice in builtin_voices():
            if voice.id == name and "first use" in (voice.note or ""):
                return Finding("endpoint", "warn", f"the built-in voice {name} is {voice.note}")
        VoiceCache().load(name)
    except VoiceError as error:
        return failed("endpoint", error)
    took_s = time.monotonic() - began
    return Finding("endpoint", "ok", f"the built-in voice {name} loads in {took_s:.1f} s")


def devices() -> tuple[list[Finding], bool]:
    """PortAudio and the devices it sees; the flag tells whether there is any."""
    try:
        from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

        found = list_output_devices()
    except DeviceError as error:
        return [failed("PortAudio", error)], False
    loaded = Finding("PortAudio", "ok", "loaded")
    if not found:
        none = DeviceError(
            "no device can play",
            remedy="start a sound server, or save with --save, or use --device null",
        )
        return [loaded, failed("devices", none)], False
    default = next((device.name for device in found if device.is_default), "none")
    return [loaded, Finding("devices", "ok", f"{len(found)}, default {default}")], True


def stream(wanted: str | None) -> Finding:
    """Play 0.2 s of silence on the device and see that it is taken in about that time."""
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    try:
        device = find_output_device(wanted)
        return _play_silence(device)
    except DeviceError as error:
        return failed("test stream", error)


def _play_silence(device: OutputDevice) -> Finding:
    from voicecli.playback.portaudio import device_fault, open_output  # noqa: PLC0415  likewise

    taken = threading.Event()
    frames_taken = underflows = 0

    def callback(out: Any, frames: int, _: Any, status: Any) -> None:
        nonlocal frames_taken, underflows
        out[:] = bytes(len(out))
        frames_taken += frames
        underflows += bool(status.output_underflow)
        if frames_taken >= opened.format.frames(TEST_S):
            taken.set()

    opened = open_output(device, TEST_FORMAT, callback=callback)
    try:
        opened.stream.start()
        in_time = taken.wait(_PATIENCE_S)
        opened.stream.abort()
    except Exception as error:  # PortAudioError, whose module this one may not name
        raise device_fault(error) from error
    finally:
        opened.stream.close()
    if not in_time:
        raise DeviceError(
            f"{device.name} opens and takes no sound",
            remedy="restart the sound server, or choose another device with --device",
        )
    form, latency_ms = opened.format, opened.latency_s * 1e3
    told = f"{device.name} plays {form.rate_hz} Hz, {form.channels} ch, latency {latency_ms:.0f} ms"
    if underflows:
        return Finding("test stream", "warn", f"{told}, but it ran dry {underflows} times")
    return Finding("test stream", "ok", told)


def libopus() -> Finding:
    """Whether Opus can be decoded."""
    try:
        from voicecli.codecs.libopus import version  # noqa: PLC0415  loads the library
    except UnsupportedFormat as error:
        return Finding("libopus", "warn", error.message, error.remedy)
    return Finding("libopus", "ok", version())


def ffmpeg() -> Finding:
    """The ffmpeg program: only pydub wants it, to export recordings to other formats."""
    path = shutil.which("ffmpeg")
    if path is None:
        return Finding(
            "ffmpeg",
            "warn",
            "not found; voicecli plays and saves without it",
            "to convert recordings: apt install ffmpeg, brew install ffmpeg",
        )
    return Finding("ffmpeg", "ok", path)
