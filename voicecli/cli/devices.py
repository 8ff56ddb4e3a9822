"""``voicecli devices``: what could play."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from voicecli.cli.output import print_json
from voicecli.errors import ExitStatus

EXAMPLES = """Examples:

  voicecli devices

  voicecli say --device headphones "Hello."
"""


def devices(
    json_: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List the sound devices that can play; the default one is marked.

    Exits with 6 where there is none.
    """
    from voicecli.playback.device import list_output_devices  # noqa: PLC0415  loads PortAudio

    found = list_output_devices()
    if json_:
        print_json([asdict(device) for device in found])
    else:
        for device in found:
            mark = "*" if device.is_default else " "
            channels = f"{device.max_channels} channel{'s' if device.max_channels > 1 else ''}"
            print(
                f"{mark} {device.index:>3}  {device.name}  "
                f"({device.host_api}, {channels}, {device.default_rate_hz} Hz)"
            )
    if not found:
        typer.echo("there is no sound device that can play", err=True)
        raise typer.Exit(ExitStatus.DEVICE)
