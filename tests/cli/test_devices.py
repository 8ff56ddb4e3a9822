from __future__ import annotations

import pytest

from voicecli.errors import DeviceError
from voicecli.playback import portaudio as module
from voicecli.playback.portaudio import OutputDevice

FOUND = [
    OutputDevice(0, "Built-in \x1b[31mSpeakers", "ALSA", 2, 44_100, is_default=False),
    OutputDevice(12, "Headset", "Pulse", 1, 48_000, is_default=True),
]


@pytest.fixture
def devices(monkeypatch):
    def found(listed):
        monkeypatch.setattr(module, "list_output_devices", lambda: listed)

    return found


def test_the_table_marks_the_default(cli, devices):
    devices(FOUND)
    result = cli.run("devices")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "    0  Built-in Speakers  ALSA   2 channels  44100 Hz",
        "*  12  Headset            Pulse  1 channel   48000 Hz",
    ]


def test_json(cli, devices):
    devices(FOUND)
    result = cli.run("devices", "--json")
    assert result.exit_code == 0
    assert [entry["index"] for entry in result.json] == [0, 12]
    assert result.json[1] == {
        "index": 12,
        "name": "Headset",
        "host_api": "Pulse",
        "max_channels": 1,
        "default_rate_hz": 48_000,
        "is_default": True,
    }


def test_no_device_is_6_with_a_remedy(cli, devices):
    devices([])
    result = cli.run("devices")
    assert (result.exit_code, result.stdout) == (6, "")
    assert "no sound device" in result.stderr
    assert "--save" in result.stderr


def test_json_of_no_device_is_an_empty_array(cli, devices):
    devices([])
    result = cli.run("devices", "--json")
    assert (result.exit_code, result.json) == (6, [])


def test_no_portaudio_is_6(cli, monkeypatch):
    def missing():
        raise DeviceError("the PortAudio library is not installed", remedy="install it")

    monkeypatch.setattr(module, "list_output_devices", missing)
    result = cli.run("devices")
    assert result.exit_code == 6
    assert "PortAudio" in result.stderr
