from __future__ import annotations

import shutil
import sys

import pytest

from tests.support.cli import Cli
from tests.support.speech_server import SpeechServer
from voicecli.cli import checks
from voicecli.cli.checks import Finding
from voicecli.cli.doctor import exit_status
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config
from voicecli.errors import DeviceError, ExitStatus, NetworkError, UnsupportedFormat
from voicecli.playback import portaudio as device_module
from voicecli.playback.portaudio import OpenStream, OutputDevice
from voicecli.sources import fetch as fetch_module
from voicecli.sources.fetch import Answer
from voicecli.sources.voicecache import VoiceCache

OPENAI_KEY = {"OPENAI_API_KEY": "sk-openai"}
SPEAKER = OutputDevice(3, "Speaker", "ALSA", 2, 48_000, is_default=True)


def endpoint(base_url=None, env=None):
    return resolve_endpoint(EndpointChoice(base_url=base_url), env or {}, Config())


# -- the whole command, on a real sound server and without one ----------------


@pytest.mark.sound
def test_whole_machine_is_found_well(tmp_path, sound_server):
    with SpeechServer() as server:
        told = Cli(tmp_path, sound_server).run("doctor", "--base-url", server.url, "--json")
    assert told.exit_code == 0, told
    assert (told.json["ok"], told.json["exit"]) == (True, 0)
    found = {check["name"]: check for check in told.json["checks"]}
    assert {check["status"] for check in found.values()} == {"ok"}
    assert list(found) == [
        "Python", "config", "key", "endpoint", "libopus", "ffmpeg", "PortAudio", "devices",
        "test stream",
    ]  # fmt: skip
    assert "plays" in found["test stream"]["message"]


def test_machine_without_sound_exits_with_6_and_says_what_to_do(tmp_path):
    told = Cli(tmp_path).run("doctor")
    assert told.exit_code == ExitStatus.DEVICE
    assert "ok    endpoint     the built-in voice heart loads in" in told.stdout
    assert "FAIL  devices      no device can play\n" in told.stdout
    assert "--device null" in told.stdout
    assert "test stream" not in told.stdout


# -- the whole command in this process -----------------------------------------


def test_null_device_leaves_sound_alone(house):
    told = house.run("doctor", "--device", "null", "--json")
    assert told.status == 0
    assert told.json["checks"][-1]["message"] == "none wanted (--device null)"


def test_device_of_the_file_is_the_one_that_is_tested(house):
    house.configure("device = 'null'")
    assert house.run("doctor").status == 0


def test_broken_configuration_is_one_line_of_several(house):
    house.configure("volum = 1")
    told = house.run("doctor", "--device", "null")
    assert told.status == ExitStatus.CONFIG
    assert 'FAIL  config       unknown key "volum"' in told.out
    assert 'did you mean "volume"?' in told.out
    assert "libopus" in told.out


def test_device_is_played_on_where_there_is_one(house, monkeypatch):
    monkeypatch.setattr(checks, "devices", lambda: ([Finding("devices", "ok", "1")], True))
    monkeypatch.setattr(checks, "stream", lambda wanted: Finding("test stream", "ok", wanted))
    assert "ok    test stream  speaker" in house.run("doctor", "--device", "speaker").out


@pytest.mark.parametrize(
    ("failures", "status"),
    [
        ([], 0),
        ([ExitStatus.DEVICE], 6),
        ([ExitStatus.DEVICE, ExitStatus.SOURCE], 4),
        ([ExitStatus.SOURCE, ExitStatus.DEVICE, ExitStatus.CONFIG], 3),
    ],
)
def test_first_class_that_fails_decides(failures, status):
    findings = [Finding("x", "fail", "", None, failure) for failure in failures]
    warned = Finding("y", "warn", "", None, ExitStatus.CONFIG)
    assert exit_status([warned, *findings]) == status


# -- the checks -----------------------------------------------------------------


def test_old_python_fails(monkeypatch):
    assert checks.python().status == "ok"
    monkeypatch.setattr(checks, "OLDEST_PYTHON", (99, 0))
    assert (checks.python().status, checks.python().exit_status) == ("fail", ExitStatus.CONFIG)


def test_configuration_file_is_named(tmp_path):
    path = tmp_path / "config.toml"
    assert checks.configuration(Config(path=path)).message == "no file, so defaults"
    path.write_text("")
    assert checks.configuration(Config(path=path)).message == str(path)


@pytest.mark.parametrize(
    ("base_url", "env", "status", "message"),
    [
        (None, {}, "ok", "needs none"),
        (None, OPENAI_KEY, "ok", "from OPENAI_API_KEY"),
        ("http://localhost:1", {}, "ok", "none, as usual"),
        ("https://tts.example.org", {}, "warn", "none"),
        ("http://tts.example.org", {"VOICECLI_API_KEY": "k"}, "warn", "plain http"),
    ],
)
def test_key_is_told_by_its_variable(base_url, env, status, message):
    finding = checks.key(endpoint(base_url, env))
    assert finding.status == status
    assert message in finding.message
    assert "sk-openai" not in finding.message


@pytest.mark.parametrize(
    ("answer", "status", "exits", "message"),
    [
        (200, "ok", 0, "answers in"),
        ([404, 405], "ok", 0, "lists no models"),
        ([404, 400], "ok", 0, "lists no models"),
        ([404, 403], "fail", 3, "refuses the key"),
        ([404, 404], "warn", 0, "has no /audio/speech there (404)"),
        (401, "fail", 3, "refuses the key"),
        (403, "fail", 3, "refuses the key"),
        (500, "warn", 0, "but the server failed"),
        (304, "warn", 0, "refuses the request"),
        (NetworkError("nothing listens"), "fail", 4, "nothing listens"),
    ],
)
def test_sign_of_life(monkeypatch, answer, status, exits, message):
    answers = answer if isinstance(answer, list) else [answer]
    asked = []

    def fetch(url, api_key, *, timeout_s):
        assert (api_key, timeout_s) == ("voicecli", 3.0)
        asked.append(url.removeprefix("http://localhost:1/v1"))
        given = answers[len(asked) - 1]
        if isinstance(given, Exception):
            raise given
        return Answer(given, {}, b"")

    monkeypatch.setattr(fetch_module, "fetch", fetch)
    finding = checks.server(endpoint("http://localhost:1/v1"), timeout_s=3.0)
    assert (finding.status, finding.exit_status) == (status, exits)
    assert message in finding.message
    assert asked == ["/models", "/audio/speech"][: len(answers)]


def test_builtin_voice_that_must_be_fetched_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    finding = checks.builtin_voice("emma")
    assert finding.status == "warn"
    assert "fetched on first use" in finding.message
    assert list(tmp_path.iterdir()) == []


def test_builtin_voice_that_does_not_load_fails(monkeypatch):
    def load(self, name):
        raise NetworkError("broken")

    monkeypatch.setattr(VoiceCache, "load", load)
    finding = checks.builtin_voice("heart")
    assert (finding.status, finding.exit_status) == ("fail", ExitStatus.SOURCE)


def listing(monkeypatch, found):
    def list_output_devices():
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(device_module, "list_output_devices", list_output_devices)


def test_missing_portaudio_fails_with_its_remedy(monkeypatch):
    listing(monkeypatch, DeviceError("PortAudio is not installed", remedy="apt install it"))
    (finding,), any_device = checks.devices()
    assert (finding.name, finding.status, finding.remedy) == ("PortAudio", "fail", "apt install it")
    assert not any_device


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([SPEAKER], "1, default Speaker"),
        ([OutputDevice(0, "x", "ALSA", 1, 8000, is_default=False)], "1, default none"),
    ],
)
def test_devices_are_counted(monkeypatch, found, message):
    listing(monkeypatch, found)
    findings, any_device = checks.devices()
    assert findings[-1].message == message
    assert any_device


def test_device_that_is_not_there_fails_the_stream(monkeypatch):
    listing(monkeypatch, [SPEAKER])
    finding = checks.stream("headphones")
    assert (finding.status, finding.exit_status) == ("fail", ExitStatus.DEVICE)
    assert "headphones" in finding.message


class Stream:
    """A stream that asks its callback for ``blocks`` of 100 ms as it starts."""

    def __init__(self, callback, blocks, *, underflow=False, fails=False):
        self.callback, self.blocks = callback, blocks
        self.underflow, self.fails = underflow, fails
        self.closed = False

    def start(self):
        if self.fails:
            raise RuntimeError("Device unavailable [PaErrorCode -9985]")

        class Status:
            output_underflow = self.underflow

        for _ in range(self.blocks):
            block = bytearray(b"\xff" * 4800)
            self.callback(block, 2400, None, Status)
            assert block == bytes(4800)  # silence

    def abort(self):
        pass

    def close(self):
        self.closed = True


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ({"blocks": 2}, "ok", "Speaker plays 24000 Hz, 1 ch, latency 50 ms"),
        ({"blocks": 3, "underflow": True}, "warn", "ran dry 3 times"),
        ({"blocks": 1}, "fail", "takes no sound"),
        ({"blocks": 0, "fails": True}, "fail", "Device unavailable"),
    ],
)
def test_silence_is_played_and_the_stream_closed(monkeypatch, settings, status, message):
    opened = []

    def open_output(device, wanted, *, callback):
        opened.append(Stream(callback, **settings))
        return OpenStream(opened[-1], wanted, 0.05, starts_at_write=True)

    listing(monkeypatch, [SPEAKER])
    monkeypatch.setattr(device_module, "open_output", open_output)
    monkeypatch.setattr(checks, "_PATIENCE_S", 0.01)
    finding = checks.stream(None)
    assert finding.status == status
    assert message in finding.message
    assert opened[0].closed


def test_missing_libopus_is_a_warning(monkeypatch):
    assert checks.libopus().message.startswith("libopus")

    class Missing:
        def __getattr__(self, name):
            raise UnsupportedFormat("no libopus", remedy="install it")

    monkeypatch.setitem(sys.modules, "voicecli.codecs.libopus", Missing())
    assert checks.libopus() == Finding("libopus", "warn", "no libopus", "install it")


def test_missing_ffmpeg_is_a_warning(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert checks.ffmpeg().status == "warn"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert checks.ffmpeg() == Finding("ffmpeg", "ok", "/usr/bin/ffmpeg")
