from __future__ import annotations

import ctypes
import sys

import pytest

from tests.playback.fakes import Device, FakePortAudio, PortAudioError
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import DeviceError
from voicecli.playback import portaudio as device_module
from voicecli.playback.latency import LATENCY_S, DeviceLatency
from voicecli.playback.portaudio import (
    OutputDevice,
    candidate_formats,
    device_fault,
    find_output_device,
    list_output_devices,
    open_output,
    stream_faults,
)

MONO = AudioFormat(24_000, 1)
STEREO = AudioFormat(24_000, 2)


@pytest.fixture
def portaudio(monkeypatch, clock):
    """PortAudio with a microphone and four outputs, the second of them the default."""
    devices = [
        Device("Microphone", max_channels=0),
        Device("HDA Intel: ALC257 (hw:0,0)", default_rate_hz=44_100),
        Device("pulse", max_channels=32),
        Device("USB Audio", host_api="JACK"),
        Device("USB Audio 2", max_channels=1),
    ]
    fake = FakePortAudio(clock, devices, default=2)
    monkeypatch.setattr(device_module, "_portaudio", lambda: fake)
    return fake


def make_device(**changes):
    given = {
        "index": 0,
        "name": "speaker",
        "host_api": "ALSA",
        "max_channels": 2,
        "default_rate_hz": 48_000,
        "is_default": True,
    }
    return OutputDevice(**{**given, **changes})


def test_output_devices_are_listed(portaudio):
    assert list_output_devices() == [
        OutputDevice(1, "HDA Intel: ALC257 (hw:0,0)", "ALSA", 2, 44_100, is_default=False),
        OutputDevice(2, "pulse", "ALSA", 32, 48_000, is_default=True),
        OutputDevice(3, "USB Audio", "JACK", 2, 48_000, is_default=False),
        OutputDevice(4, "USB Audio 2", "ALSA", 1, 48_000, is_default=False),
    ]


def test_without_a_preference_it_is_the_default_device(portaudio):
    assert find_output_device(None).name == "pulse"


def test_without_a_default_it_is_the_first_output_device(portaudio):
    portaudio.default.device = (-1, -1)
    assert find_output_device(None).index == 1


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("1", 1),
        ("4", 4),
        ("pulse", 2),
        ("PULSE", 2),
        ("intel", 1),
        ("hw:0,0", 1),
        ("usb audio", 3),  # a whole name wins over part of another
        ("audio 2", 4),
    ],
)
def test_a_device_is_chosen_by_number_or_part_of_its_name(portaudio, wanted, index):
    assert find_output_device(wanted).index == index


@pytest.mark.parametrize("wanted", ["0", "7", "-1", "gramophone", "²"])
def test_an_unknown_device_is_an_error_with_a_remedy(portaudio, wanted):
    with pytest.raises(DeviceError, match="no sound device matches") as caught:
        find_output_device(wanted)
    assert "voicecli devices" in caught.value.remedy


def test_an_ambiguous_name_is_an_error_with_the_numbers(portaudio):
    with pytest.raises(DeviceError, match=r"3 \(USB Audio\), 4 \(USB Audio 2\)") as caught:
        find_output_device("usb")
    assert "number" in caught.value.remedy


def test_devices_of_one_name_are_distinguished_by_number(portaudio):
    portaudio.devices[4].name = "usb audio"
    with pytest.raises(DeviceError, match="matches several"):
        find_output_device("USB Audio")
    assert find_output_device("4").index == 4


@pytest.mark.parametrize("wanted", [None, "pulse"])
def test_without_any_device_the_error_has_two_remedies(portaudio, wanted, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    del portaudio.devices[1:]
    with pytest.raises(DeviceError, match="there is no sound device") as caught:
        find_output_device(wanted)
    assert "--save" in caught.value.remedy
    assert "--device null" in caught.value.remedy


def test_without_a_device_under_cron_the_remedy_is_the_missing_variable(portaudio, monkeypatch):
    for name in ("XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_RUNTIME_PATH", "PIPEWIRE_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    del portaudio.devices[1:]
    with pytest.raises(DeviceError) as caught:
        find_output_device(None)
    assert "XDG_RUNTIME_DIR is not set" in caught.value.remedy


def test_an_error_while_listing_is_a_device_error(portaudio):
    portaudio.broken = True
    with pytest.raises(
        DeviceError, match=r"cannot list devices: Error querying devices: Internal PortAudio error$"
    ):
        list_output_devices()


@pytest.fixture
def fresh_import(monkeypatch):
    """`_portaudio` as in a new process, and again after the test."""
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    device_module._portaudio.cache_clear()
    yield monkeypatch
    device_module._portaudio.cache_clear()


class _Finder:
    """Finds a ``sounddevice`` of the test's making."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.asked = 0

    def find_spec(self, name, path=None, target=None):
        if name != "sounddevice":
            return None
        self.asked += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        sys.modules[name] = self.outcome
        return self.outcome.__spec__


def test_a_missing_library_is_a_device_error_with_the_package(fresh_import):
    finder = _Finder(OSError("PortAudio library not found"))
    fresh_import.setattr(sys, "meta_path", [finder, *sys.meta_path])
    for _ in range(2):  # a failure is not remembered: the package may be installed meanwhile
        with pytest.raises(DeviceError, match="PortAudio library is not installed") as caught:
            list_output_devices()
        assert "libportaudio2" in caught.value.remedy
        assert isinstance(caught.value.__cause__, OSError)
    assert finder.asked == 2


def test_the_library_is_loaded_once(fresh_import):
    module = type(sys)("sounddevice")
    fresh_import.setitem(sys.modules, "sounddevice", module)
    assert device_module._portaudio() is module
    fresh_import.delitem(sys.modules, "sounddevice")
    assert device_module._portaudio() is module


class _Asound:
    def __init__(self):
        self.handlers = []
        self.snd_lib_error_set_handler = self.handlers.append


def test_alsa_gets_a_silent_handler(monkeypatch):
    asound, real = _Asound(), ctypes.CDLL
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: real(None) if name is None else asound)
    device_module._quieten_alsa()
    (handler,) = asound.handlers
    assert handler.value == ctypes.cast(real(None).getpid, ctypes.c_void_p).value


def test_without_alsa_nothing_is_silenced(monkeypatch):
    asked = []

    def absent(name):
        asked.append(name)
        raise OSError(name)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", absent)
    device_module._quieten_alsa()
    assert asked == ["libasound.so.2"]


def test_alsa_is_only_loaded_on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", None)
    device_module._quieten_alsa()


def test_other_channels_are_tried_before_other_rates():
    assert candidate_formats(MONO, make_device(default_rate_hz=44_100)) == [
        AudioFormat(24_000, 1),
        AudioFormat(24_000, 2),
        AudioFormat(44_100, 1),
        AudioFormat(44_100, 2),
        AudioFormat(48_000, 1),
        AudioFormat(48_000, 2),
    ]


@pytest.mark.parametrize(
    ("channels", "most", "tried"),
    [(1, 2, [1, 2]), (1, 1, [1]), (2, 2, [2, 1]), (2, 1, [1]), (6, 8, [2, 1]), (6, 4, [2, 1])],
)
def test_channels_are_limited_by_the_device(channels, most, tried):
    wanted = AudioFormat(48_000, channels, "float32")
    formats = candidate_formats(wanted, make_device(max_channels=most))
    assert list(dict.fromkeys(f.channels for f in formats)) == tried
    assert {f.sample_type for f in formats} == {"float32"}
    assert formats == list(dict.fromkeys(formats))


def test_a_device_is_opened_in_the_wanted_format(portaudio):
    opened = open_output(find_output_device(None), MONO, callback=None)
    assert portaudio.tried == [(24_000, 1, "int16")]
    assert opened.format == MONO
    assert opened.stream is portaudio.streams[0]
    assert opened.latency_s == LATENCY_S
    assert opened.stream.calls == []  # open, not started
    assert opened.stream.wanted["callback"] is None
    assert not opened.stream.wanted["prime_output_buffers_using_stream_callback"]


def test_a_device_that_is_slow_to_open_buffers_more(portaudio, monkeypatch):
    times = iter([0.0, 0.2, 1.0, 1.2])
    monkeypatch.setattr(device_module.time, "monotonic", lambda: next(times, 9.0))
    opened = open_output(find_output_device(None), MONO, callback=None, latency=DeviceLatency(""))
    assert opened.latency_s == pytest.approx(0.2)
    assert portaudio.streams[0].closed
    assert opened.stream is portaudio.streams[1]


def test_a_stream_can_have_a_callback(portaudio):
    def callback(*_):
        return None

    opened = open_output(find_output_device(None), STEREO, callback=callback)
    assert opened.stream.wanted["callback"] is callback
    assert opened.latency_s == LATENCY_S


@pytest.mark.parametrize(("host_api", "at_write"), [("ALSA", True), ("Core Audio", False)])
def test_only_alsa_plays_the_first_write_at_once(portaudio, host_api, at_write):
    portaudio.devices[2].host_api = host_api
    opened = open_output(find_output_device(None), MONO, callback=None)
    assert opened.starts_at_write is at_write


def test_formats_that_the_device_rejects_are_skipped(portaudio):
    portaudio.devices[2].rates_hz = (44_100,)
    portaudio.devices[2].channel_counts = (2,)
    opened = open_output(find_output_device(None), MONO, callback=None)
    assert opened.format == AudioFormat(44_100, 2)
    assert portaudio.tried[:3] == [(24_000, 1, "int16"), (24_000, 2, "int16"), (48_000, 1, "int16")]


def test_formats_that_the_caller_rejects_are_not_tried(portaudio):
    portaudio.devices[2].channel_counts = (2,)
    with pytest.raises(DeviceError, match="Invalid channels"):
        open_output(find_output_device(None), MONO, callback=None, accept=lambda f: f.channels == 1)
    assert {channels for _, channels, _ in portaudio.tried} == {1}


def test_a_device_that_takes_no_format_reports_the_first_reason(portaudio):
    portaudio.devices[2].rates_hz = (44_100,)
    portaudio.devices[2].channel_counts = ()
    with pytest.raises(
        DeviceError, match=r"'pulse' cannot be opened: .*: Invalid sample rate$"
    ) as caught:
        open_output(find_output_device(None), MONO, callback=None)
    assert "--device" in caught.value.remedy
    assert isinstance(caught.value.__cause__, PortAudioError)


def test_no_acceptable_format_is_an_error(portaudio):
    with pytest.raises(DeviceError, match="none of our formats"):
        open_output(find_output_device(None), MONO, callback=None, accept=lambda _: False)
    assert portaudio.tried == []


def test_stream_errors_are_device_errors_without_numbers(portaudio):
    with pytest.raises(DeviceError) as caught, stream_faults():
        raise PortAudioError("Stream is stopped [PaErrorCode -9983]")
    assert caught.value.message == "the sound device failed: Stream is stopped"
    assert device_fault(PortAudioError("Gone")).message == "the sound device failed: Gone"


def test_other_exceptions_pass(portaudio):
    with pytest.raises(ZeroDivisionError), stream_faults():
        raise ZeroDivisionError
