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


def test_a_table_with_the_default_marked(house, devices):
    devices(FOUND)
    told = house.run("devices")
    assert told.status == 0
    assert told.out.splitlines() == [
        "    0  Built-in Speakers  ALSA   2 channels  44100 Hz",
        "*  12  Headset            Pulse  1 channel   48000 Hz",
    ]


def test_json(house, devices):
    devices(FOUND)
    told = house.run("devices", "--json")
    assert told.status == 0
    assert [entry["index"] for entry in told.json] == [0, 12]
    assert told.json[1] == {
        "index": 12,
        "name": "Headset",
        "host_api": "Pulse",
        "max_channels": 1,
        "default_rate_hz": 48_000,
        "is_default": True,
    }


def test_no_device_is_6_with_a_remedy(house, devices):
    devices([])
    told = house.run("devices")
    assert (told.status, told.out) == (6, "")
    assert "no sound device" in told.err
    assert "--save" in told.err


def test_no_device_as_json_is_an_empty_array(house, devices):
    devices([])
    told = house.run("devices", "--json")
    assert (told.status, told.json) == (6, [])


def test_no_portaudio_is_6(house, monkeypatch):
    def missing():
        raise DeviceError("the PortAudio library is not installed", remedy="install it")

    monkeypatch.setattr(module, "list_output_devices", missing)
    told = house.run("devices")
    assert told.status == 6
    assert "PortAudio" in told.err
