"""``voicecli devices``: what could play."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli.output import print_json
from voicecli.cli.table import columns
from voicecli.errors import DeviceError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from voicecli.playback.portaudio import OutputDevice

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
    from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

    found = list_output_devices()
    if json_:
        print_json([asdict(device) for device in found])
    elif found:
        print(columns([_row(device) for device in found]))
    if not found:
        raise DeviceError(
            "there is no sound device that can play",
            remedy="start a sound server; `voicecli say --save FILE` needs none",
        )


def _row(device: OutputDevice) -> tuple[str, ...]:
    plural = "s" if device.max_channels > 1 else ""
    return (
        f"{'*' if device.is_default else ' '} {device.index:>3}",
        clean(device.name, 60),  # a Bluetooth device says its own
        clean(device.host_api, 30),
        f"{device.max_channels} channel{plural}",
        f"{device.default_rate_hz} Hz",
    )
