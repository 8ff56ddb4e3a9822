"""``voicecli doctor``: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import options
from voicecli.cli.output import print_json
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, find_config
from voicecli.errors import ConfigError, ExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.cli.checks import Finding

EXAMPLES = """Examples:

  voicecli doctor

  voicecli doctor --base-url http://localhost:8880/v1 --device headphones

  voicecli doctor --json
"""

NULL_DEVICE = "null"
"""As `voicecli.playback.output` has it, which brings more along than --help needs."""

_CLASSES = (ExitStatus.CONFIG, ExitStatus.SOURCE, ExitStatus.DEVICE)
"""In the order in which a failure decides the exit status."""


def doctor(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    device: options.Device = None,
    timeout: Annotated[
        float,
        typer.Option(metavar="S", min=0.001, max=3600, help="Longest wait for the server."),
    ] = 5.0,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check this machine: each line says ok, warn or FAIL, and what to do.

    Asks the endpoint for a sign of life and plays 200 ms of silence. Exits with
    0 where nothing failed, else with 3 (configuration or key), 4 (endpoint) or
    6 (sound device), whichever comes first.
    """
    findings: list[Finding] = []
    choice = EndpointChoice(base_url=base_url, profile=profile)
    for finding in _findings(choice, device, timeout):
        findings.append(finding)
        if not json_:  # one by one: some take seconds
            _show(finding)
    status = exit_status(findings)
    if json_:
        print_json(
            {
                "ok": status == ExitStatus.OK,
                "exit": int(status),
                "checks": [finding.to_json() for finding in findings],
            }
        )
    raise typer.Exit(status)


def exit_status(findings: list[Finding]) -> ExitStatus:
    """The status of the first class, in the order 3, 4, 6, that has a failure."""
    failed = {finding.exit_status for finding in findings if finding.status == "fail"}
    return next((status for status in _CLASSES if status in failed), ExitStatus.OK)


def _findings(choice: EndpointChoice, device: str | None, timeout_s: float) -> Iterator[Finding]:
    from voicecli.cli import checks  # noqa: PLC0415  --help needs none of them

    yield checks.python()
    config = Config()
    try:
        config = find_config(os.environ)
        endpoint = resolve_endpoint(choice, os.environ, config)
    except ConfigError as error:
        yield checks.failed("config", error)
    else:
        yield checks.configuration(config)
        yield from _endpoint_findings(endpoint, timeout_s)
    yield checks.libopus()
    yield checks.ffmpeg()
    wanted = device if device is not None else config.device
    if wanted == NULL_DEVICE:
        yield checks.Finding("devices", "ok", "none wanted (--device null)")
        return
    found, any_device = checks.devices()
    yield from found
    if any_device:
        yield checks.stream(wanted)


def _endpoint_findings(endpoint: Endpoint, timeout_s: float) -> Iterator[Finding]:
    from voicecli.cli import checks  # noqa: PLC0415  as above

    yield checks.key(endpoint)
    if endpoint.is_builtin:
        yield checks.builtin_voice(endpoint.voice)
    else:
        yield checks.server(endpoint, timeout_s=timeout_s)


def _show(finding: Finding) -> None:
    mark = "FAIL" if finding.status == "fail" else finding.status
    print(f"{mark:<4}  {finding.name:<11}  {finding.message}", flush=True)
    if finding.remedy:
        print(f"{'':<19}{finding.remedy}", flush=True)
