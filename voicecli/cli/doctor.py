"""``voicecli doctor``: check what works on this machine, and how to fix the rest."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from voicecli.cli import options
from voicecli.cli.check_result import CheckResult
from voicecli.cli.device_checks import check_devices, check_stream
from voicecli.cli.launch import process_started_at
from voicecli.cli.output import print_json
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, exists, find_config
from voicecli.config.urls import is_loopback
from voicecli.control.resident.client import ask
from voicecli.errors import ConfigError, ExitStatus, UnsupportedFormat, VoiceError
from voicecli.playback.output import NULL_DEVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = """Examples:
  voicecli doctor
  voicecli doctor --base-url http://localhost:8880/v1 --device headphones
  voicecli doctor --json
"""

OLDEST_PYTHON = (3, 11)

SLOW_START_S = 0.25
"""Loading for longer is felt; `say` loads more than this command has by then."""

_DISCOVERY_TIMEOUT_S = 1.0
"""How long a port of this machine may take to answer."""

_NOT_FOUND = 404
_BY_PRIORITY = (ExitStatus.CONFIG, ExitStatus.SOURCE, ExitStatus.DEVICE)


def doctor(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    device: options.Device = None,
    timeout: options.Timeout = 5.0,
    json_: options.JsonObject = False,
) -> None:
    """Check this machine; each line says ok, warn or FAIL, and how to fix it.

    Contacts the endpoint without speaking, and plays 200 ms of silence. Exits with
    0 if nothing failed, else with 3 (configuration or key), 4 (endpoint) or 6
    (sound device), whichever comes first.
    """
    results: list[CheckResult] = []
    loaded_s = time.monotonic() - process_started_at()
    choice = EndpointChoice(base_url=base_url, profile=profile)
    for result in _results(choice, device, timeout, loaded_s):
        results.append(result)
        if not json_:  # one by one, because some take seconds
            result.show()
    status = exit_status(results)
    if json_:
        checks = [result.to_json() for result in results]
        print_json({"ok": status == ExitStatus.OK, "exit": int(status), "checks": checks})
    raise typer.Exit(status)


def exit_status(results: list[CheckResult]) -> ExitStatus:
    """Return the failed exit status that comes first in the order 3, 4, 6."""
    failed = {result.exit_status for result in results if result.status == "fail"}
    return next((status for status in _BY_PRIORITY if status in failed), ExitStatus.OK)


def _results(
    choice: EndpointChoice, device: str | None, timeout_s: float, loaded_s: float
) -> Iterator[CheckResult]:
    yield check_python()
    yield check_start(loaded_s)
    config = Config()
    try:
        config = find_config(os.environ)
        endpoint = resolve_endpoint(choice, os.environ, config)
    except ConfigError as error:
        yield CheckResult.of_error("config", error)
    else:
        yield check_config(config)
        yield check_key(endpoint)
        if endpoint.is_builtin:
            yield check_builtin_voice(endpoint.voice)
        else:
            yield check_server(endpoint, timeout_s=timeout_s)
        yield from check_local_servers(endpoint, min(timeout_s, _DISCOVERY_TIMEOUT_S))
    yield check_libopus()
    yield check_ffmpeg()
    wanted = device if device is not None else config.device
    if wanted == NULL_DEVICE:
        yield CheckResult("devices", "ok", "not needed (--device null)")
        return
    found, any_device = check_devices()
    yield from found
    if any_device:
        yield check_stream(wanted)


def check_python() -> CheckResult:
    """Check the version of the interpreter."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return CheckResult(
            "Python", "fail", version, "install Python 3.11 or newer", ExitStatus.CONFIG
        )
    return CheckResult("Python", "ok", version)


def check_start(loaded_s: float) -> CheckResult:
    """Report how long it took to load this command, and how to avoid that."""
    if ask("status") is not None:
        return CheckResult(
            "start", "ok", "a resident is running, so `say` and `play` begin at once"
        )
    remedy = "to begin at once: voicecli resident start" if loaded_s > SLOW_START_S else None
    return CheckResult("start", "ok", f"takes {loaded_s:.1f} s", remedy)


def check_config(config: Config) -> CheckResult:
    """Report which configuration file was read."""
    is_there = config.path is not None and exists(config.path)
    return CheckResult("config", "ok", f"{config.path}" if is_there else "no file; defaults apply")


def check_key(endpoint: Endpoint) -> CheckResult:
    """Check that there is a key for the endpoint."""
    if endpoint.is_builtin:
        return CheckResult("key", "ok", "the built-in voice needs none")
    if endpoint.warnings:
        return CheckResult("key", "warn", "; ".join(endpoint.warnings))
    if endpoint.key_variable:
        return CheckResult("key", "ok", f"from {endpoint.key_variable}")
    if endpoint.server.has_key:
        return CheckResult("key", "ok", "user and password, or a header of the profile")
    if is_loopback(urlsplit(endpoint.base_url or "").hostname or ""):
        return CheckResult("key", "ok", "none, as usual for a server on this machine")
    return CheckResult(
        "key", "warn", "none", "if the server requires one, put it in VOICECLI_API_KEY"
    )


def check_server(endpoint: Endpoint, *, timeout_s: float) -> CheckResult:
    """Check that the endpoint responds, by asking for its list of models.

    Many servers have no such list. Then GET /audio/speech tells whether they have
    speech: servers without it answer 404, those with it another error.
    """
    from voicecli.sources.http_errors import fault_of_status  # noqa: PLC0415  httpx2
    from voicecli.sources.http_get import get  # noqa: PLC0415  httpx2

    server = endpoint.server
    if urlsplit(server.base_url).scheme not in ("http", "https"):
        return CheckResult("endpoint", "ok", f"{endpoint.label} belongs to an installed package")
    try:
        answer = get(server, "/models", timeout_s=timeout_s)
        lists_models = answer.status != _NOT_FOUND
        if not lists_models:
            answer = get(server, "/audio/speech", timeout_s=timeout_s)
    except VoiceError as error:
        return CheckResult.of_error("endpoint", error)
    message = f"{endpoint.label} responds in {answer.elapsed_s * 1e3:.0f} ms"
    if not lists_models and answer.status not in (401, 403, _NOT_FOUND):
        return CheckResult("endpoint", "ok", f"{message} (it does not list models)")
    if answer.status < 300:  # noqa: PLR2004  RFC 9110
        return CheckResult("endpoint", "ok", message)
    fault = fault_of_status(answer.status, answer.headers, answer.body, has_key=server.has_key)
    if answer.status in (401, 403):
        return CheckResult.of_error("endpoint", fault)
    return CheckResult("endpoint", "warn", f"{message}, but {fault.message}", fault.remedy)


def check_local_servers(endpoint: Endpoint, timeout_s: float) -> Iterator[CheckResult]:
    """Look for speech servers on this machine's usual ports, and say how to use them."""
    from voicecli.sources.discovery import PORTS, find_local_servers  # noqa: PLC0415  httpx2

    used = urlsplit(endpoint.base_url or "")
    is_here = is_loopback(used.hostname or "")
    ports = [port for port in PORTS if not (is_here and port == used.port)]
    found = find_local_servers(timeout_s, ports)
    if not found:
        yield CheckResult("servers", "ok", "no speech server on this machine's usual ports")
    for server in found:
        lists = f"; {server.voices} voices" if server.voices else ""
        models = f"; model {server.model}" if server.model else ""
        use = f"voicecli say --base-url {server.base_url}"
        use += f" --voice {shlex.quote(server.voice)}" if server.voice else ""
        use = f"VOICECLI_API_KEY=... {use}" if server.wants_key else use
        message = f"speech at {server.base_url}{models}{lists}"
        yield CheckResult("servers", "ok", message, f'to use it: {use} "Hello."')


def check_builtin_voice(name: str) -> CheckResult:
    """Check that the built-in voice loads, unless it would have to be downloaded."""
    from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415  numpy and onnxruntime
    from voicecli.sources.voices import builtin_voices  # noqa: PLC0415  likewise

    started = time.monotonic()
    try:
        for voice in builtin_voices():
            if voice.id == name and "first use" in (voice.note or ""):
                return CheckResult("endpoint", "warn", f"the built-in voice {name} is {voice.note}")
        VoiceCache().load(name)
    except VoiceError as error:
        return CheckResult.of_error("endpoint", error)
    elapsed_s = time.monotonic() - started
    return CheckResult("endpoint", "ok", f"the built-in voice {name} loads in {elapsed_s:.1f} s")


def check_libopus() -> CheckResult:
    """Check that Opus can be decoded."""
    try:
        from voicecli.codecs.libopus import version  # noqa: PLC0415  loads the library
    except UnsupportedFormat as error:
        return CheckResult("libopus", "warn", error.message, error.remedy)
    return CheckResult("libopus", "ok", version())


def check_ffmpeg() -> CheckResult:
    """Look for the ffmpeg program, which only pydub uses, to export recordings."""
    path = shutil.which("ffmpeg")
    if path is None:
        return CheckResult(
            "ffmpeg",
            "warn",
            "not found; voicecli plays and saves without it",
            "to convert recordings: apt install ffmpeg, brew install ffmpeg",
        )
    return CheckResult("ffmpeg", "ok", path)
