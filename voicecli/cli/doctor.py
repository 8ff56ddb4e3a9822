"""``voicecli doctor``: check what works on this machine, and how to fix the rest."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import typer

from voicecli.cli import options
from voicecli.cli.output import flush, print_json, print_table
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, exists, find_config
from voicecli.config.urls import is_loopback
from voicecli.errors import ConfigError, DeviceError, ExitStatus, UnsupportedFormat, VoiceError
from voicecli.playback.output import NULL_DEVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.playback.portaudio import OutputDevice

EXAMPLES = """Examples:
  voicecli doctor
  voicecli doctor --base-url http://localhost:8880/v1 --device headphones
  voicecli doctor --json
"""

OLDEST_PYTHON = (3, 11)

TEST_RATE_HZ = 24_000
TEST_S = 0.2
_STREAM_TIMEOUT_S = 3.0
"""Longest wait for a device to play 0.2 s of silence; sleeping Bluetooth takes a second or two."""

_NOT_FOUND = 404
_BY_PRIORITY = (ExitStatus.CONFIG, ExitStatus.SOURCE, ExitStatus.DEVICE)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; ``exit_status`` counts only if it failed."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str
    remedy: str | None = None
    exit_status: ExitStatus = ExitStatus.OK

    @classmethod
    def of_error(cls, name: str, error: VoiceError) -> Finding:
        """Make the finding of a check that failed with one of our errors."""
        return cls(name, "fail", error.message, error.remedy, error.exit_status)

    def to_json(self) -> dict[str, str | None]:
        """Return the JSON object, without the exit status."""
        fields = ("name", "status", "message", "remedy")
        return {field: getattr(self, field) for field in fields}

    def show(self) -> None:
        """Print the finding, with its remedy below."""
        mark = "FAIL" if self.status == "fail" else self.status
        rows = [(f"{mark:<4}", f"{self.name:<11}", self.message)]
        if self.remedy:
            rows.append(("    ", f"{'':<11}", self.remedy))
        print_table(rows)
        flush()


def doctor(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    device: options.Device = None,
    timeout: options.Timeout = 5.0,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check this machine; each line says ok, warn or FAIL, and how to fix it.

    Contacts the endpoint without speaking, and plays 200 ms of silence. Exits with
    0 if nothing failed, else with 3 (configuration or key), 4 (endpoint) or 6
    (sound device), whichever comes first.
    """
    findings: list[Finding] = []
    choice = EndpointChoice(base_url=base_url, profile=profile)
    for finding in _findings(choice, device, timeout):
        findings.append(finding)
        if not json_:  # one by one, because some take seconds
            finding.show()
    status = exit_status(findings)
    if json_:
        checks = [finding.to_json() for finding in findings]
        print_json({"ok": status == ExitStatus.OK, "exit": int(status), "checks": checks})
    raise typer.Exit(status)


def exit_status(findings: list[Finding]) -> ExitStatus:
    """Return the failed exit status that comes first in the order 3, 4, 6."""
    failed = {finding.exit_status for finding in findings if finding.status == "fail"}
    return next((status for status in _BY_PRIORITY if status in failed), ExitStatus.OK)


def _findings(choice: EndpointChoice, device: str | None, timeout_s: float) -> Iterator[Finding]:
    yield check_python()
    config = Config()
    try:
        config = find_config(os.environ)
        endpoint = resolve_endpoint(choice, os.environ, config)
    except ConfigError as error:
        yield Finding.of_error("config", error)
    else:
        yield check_config(config)
        yield check_key(endpoint)
        if endpoint.is_builtin:
            yield check_builtin_voice(endpoint.voice)
        else:
            yield check_server(endpoint, timeout_s=timeout_s)
    yield check_libopus()
    yield check_ffmpeg()
    wanted = device if device is not None else config.device
    if wanted == NULL_DEVICE:
        yield Finding("devices", "ok", "not needed (--device null)")
        return
    found, any_device = check_devices()
    yield from found
    if any_device:
        yield check_stream(wanted)


def check_python() -> Finding:
    """Check the version of the interpreter."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "fail", version, "install Python 3.11 or newer", ExitStatus.CONFIG)
    return Finding("Python", "ok", version)


def check_config(config: Config) -> Finding:
    """Report which configuration file was read."""
    is_there = config.path is not None and exists(config.path)
    return Finding("config", "ok", f"{config.path}" if is_there else "no file; defaults apply")


def check_key(endpoint: Endpoint) -> Finding:
    """Check that there is a key for the endpoint."""
    if endpoint.is_builtin:
        return Finding("key", "ok", "the built-in voice needs none")
    if endpoint.warnings:
        return Finding("key", "warn", "; ".join(endpoint.warnings))
    if endpoint.key_variable:
        return Finding("key", "ok", f"from {endpoint.key_variable}")
    if is_loopback(urlsplit(endpoint.base_url or "").hostname or ""):
        return Finding("key", "ok", "none, as usual for a server on this machine")
    return Finding("key", "warn", "none", "if the server requires one, put it in VOICECLI_API_KEY")


def check_server(endpoint: Endpoint, *, timeout_s: float) -> Finding:
    """Check that the endpoint responds, by asking for its list of models.

    Many servers have no such list. Then GET /audio/speech tells whether they have
    speech: servers without it answer 404, those with it another error.
    """
    from voicecli.sources.http_errors import fault_of_status  # noqa: PLC0415  httpx2
    from voicecli.sources.http_get import get  # noqa: PLC0415  httpx2

    server = endpoint.server
    try:
        answer = get(server, "/models", timeout_s=timeout_s)
        lists_models = answer.status != _NOT_FOUND
        if not lists_models:
            answer = get(server, "/audio/speech", timeout_s=timeout_s)
    except VoiceError as error:
        return Finding.of_error("endpoint", error)
    message = f"{endpoint.label} responds in {answer.elapsed_s * 1e3:.0f} ms"
    if not lists_models and answer.status not in (401, 403, _NOT_FOUND):
        return Finding("endpoint", "ok", f"{message} (it does not list models)")
    if answer.status < 300:  # noqa: PLR2004  RFC 9110
        return Finding("endpoint", "ok", message)
    fault = fault_of_status(answer.status, answer.headers, answer.body, has_key=server.has_key)
    if answer.status in (401, 403):
        return Finding.of_error("endpoint", fault)
    return Finding("endpoint", "warn", f"{message}, but {fault.message}", fault.remedy)


def check_builtin_voice(name: str) -> Finding:
    """Check that the built-in voice loads, unless it would have to be downloaded."""
    from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415  numpy and onnxruntime
    from voicecli.sources.voices import builtin_voices  # noqa: PLC0415  likewise

    started = time.monotonic()
    try:
        for voice in builtin_voices():
            if voice.id == name and "first use" in (voice.note or ""):
                return Finding("endpoint", "warn", f"the built-in voice {name} is {voice.note}")
        VoiceCache().load(name)
    except VoiceError as error:
        return Finding.of_error("endpoint", error)
    elapsed_s = time.monotonic() - started
    return Finding("endpoint", "ok", f"the built-in voice {name} loads in {elapsed_s:.1f} s")


def check_devices() -> tuple[list[Finding], bool]:
    """Check PortAudio and the devices it finds; the flag says whether there is any."""
    try:
        from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

        found = list_output_devices()
    except DeviceError as error:
        return [Finding.of_error("PortAudio", error)], False
    loaded = Finding("PortAudio", "ok", "loaded")
    if not found:
        none = DeviceError(
            "no device can play",
            remedy="start a sound server, save with --save, or use --device null",
        )
        return [loaded, Finding.of_error("devices", none)], False
    default = next((device.name for device in found if device.is_default), "none")
    return [loaded, Finding("devices", "ok", f"{len(found)}, default {default}")], True


def check_stream(wanted: str | None) -> Finding:
    """Play 0.2 s of silence, and check that the device consumes it."""
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    try:
        return _play_silence(find_output_device(wanted))
    except DeviceError as error:
        return Finding.of_error("test stream", error)


def _play_silence(device: OutputDevice) -> Finding:
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
        return Finding("test stream", "warn", f"{message}, but had {underflows} underruns")
    return Finding("test stream", "ok", message)


def check_libopus() -> Finding:
    """Check that Opus can be decoded."""
    try:
        from voicecli.codecs.libopus import version  # noqa: PLC0415  loads the library
    except UnsupportedFormat as error:
        return Finding("libopus", "warn", error.message, error.remedy)
    return Finding("libopus", "ok", version())


def check_ffmpeg() -> Finding:
    """Look for the ffmpeg program, which only pydub uses, to export recordings."""
    path = shutil.which("ffmpeg")
    if path is None:
        return Finding(
            "ffmpeg",
            "warn",
            "not found; voicecli plays and saves without it",
            "to convert recordings: apt install ffmpeg, brew install ffmpeg",
        )
    return Finding("ffmpeg", "ok", path)
