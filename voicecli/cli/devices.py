"""``voicecli devices``: list the sound devices."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from voicecli.cli import options
from voicecli.cli.output import print_json, print_table
from voicecli.cli.signals import exiting_on_ctrl_c
from voicecli.errors import DeviceError
from voicecli.playback import runtime_dir
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from voicecli.playback.portaudio import OutputDevice

EXAMPLES = """Examples:
  voicecli devices
  voicecli say --device headphones "Hello."
"""


def devices(
    json_: options.JsonArray = False,
) -> None:
    """List the sound devices that can play; `*` marks the default one.

    Exits with 6 if there is none.
    """
    from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

    with exiting_on_ctrl_c():
        found = list_output_devices()
    if json_:
        print_json([asdict(device) for device in found])
    if not found:
        raise DeviceError(
            "there is no sound device that can play",
            remedy=runtime_dir.remedy()
            or "start a sound server; `voicecli say --save FILE` does not need one",
        )
    if not json_:
        print_table([_row(device) for device in found])


def _row(device: OutputDevice) -> tuple[str, ...]:
    plural = "s" if device.max_channels > 1 else ""
    return (
        f"{'*' if device.is_default else ' '} {device.index:>3}",
        clean(device.name, 60),  # a Bluetooth device chooses its own name
        clean(device.host_api, 30),
        f"{device.max_channels} channel{plural}",
        f"{device.default_rate_hz} Hz",
    )
