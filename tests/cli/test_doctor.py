from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import pytest

from tests.support.cli import Cli
from tests.support.speech_server import SpeechServer
from voicecli.cli import device_checks, doctor
from voicecli.cli.check_result import CheckResult
from voicecli.cli.doctor import exit_status
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config
from voicecli.errors import DeviceError, ExitStatus, NetworkError, UnsupportedFormat
from voicecli.playback import portaudio as device_module
from voicecli.playback.portaudio import OpenStream, OutputDevice
from voicecli.sources import discovery, http_get
from voicecli.sources.http_get import Answer
from voicecli.sources.voicecache import VoiceCache

OPENAI_KEY = {"OPENAI_API_KEY": "sk-openai"}
SPEAKER = OutputDevice(3, "Speaker", "ALSA", 2, 48_000, is_default=True)


def endpoint(base_url=None, env=None):
    return resolve_endpoint(EndpointChoice(base_url=base_url), env or {}, Config())


@pytest.mark.sound
def test_a_machine_with_sound_passes_every_check(tmp_path, sound_server):
    with SpeechServer() as server:
        result = Cli(tmp_path, sound_server).run("doctor", "--base-url", server.url, "--json")
    assert result.exit_code == 0, result
    assert (result.json["ok"], result.json["exit"]) == (True, 0)
    *checks, stream = result.json["checks"]
    assert [check["name"] for check in checks] == [
        "Python", "start", "config", "key", "endpoint", "servers", "libopus", "ffmpeg", "PortAudio",
        "devices",
    ]  # fmt: skip
    assert {check["status"] for check in checks} == {"ok"}
    assert stream["name"] == "test stream"
    assert "plays" in stream["message"]
    # A busy machine may take the processor from the stream, which is worth a warning.
    assert (stream["status"] == "warn") == ("underruns" in stream["message"])


@pytest.mark.slow
def test_a_machine_without_sound_is_6_with_a_remedy(tmp_path):
    result = Cli(tmp_path).run("doctor")
    assert result.exit_code == ExitStatus.DEVICE
    assert "ok    endpoint     the built-in voice heart loads in" in result.stdout
    assert "FAIL  devices      no device can play\n" in result.stdout
    assert "--device null" in result.stdout
    assert "test stream" not in result.stdout


@pytest.fixture
def voice(monkeypatch):
    """A built-in voice that loads at once."""
    monkeypatch.setattr(VoiceCache, "load", lambda self, name: None)


@pytest.mark.parametrize(
    ("loaded_s", "resident", "shown", "remedy"),
    [
        (0.14, None, "takes 0.1 s", None),
        (0.62, None, "takes 0.6 s", "to begin at once: voicecli resident start"),
        (0.62, {"pid": 1}, "a resident is running, so `say` and `play` begin at once", None),
    ],
)
def test_a_slow_start_can_be_saved(monkeypatch, loaded_s, resident, shown, remedy):
    monkeypatch.setattr(doctor, "ask", lambda _: resident)
    assert doctor.check_start(loaded_s) == CheckResult("start", "ok", shown, remedy)


@pytest.mark.usefixtures("voice")
def test_the_null_device_skips_the_sound_checks(cli):
    result = cli.run("doctor", "--device", "null", "--json")
    assert result.exit_code == 0
    assert result.json["checks"][-1]["message"] == "not needed (--device null)"


@pytest.mark.usefixtures("voice")
def test_the_device_of_the_configuration_file_is_checked(cli):
    cli.configure("device = 'null'")
    assert cli.run("doctor").exit_code == 0


def test_a_broken_configuration_does_not_end_the_checks(cli):
    cli.configure("volum = 1")
    result = cli.run("doctor", "--device", "null")
    assert result.exit_code == ExitStatus.CONFIG
    assert 'FAIL  config       unknown key "volum"' in result.stdout
    assert 'did you mean "volume"?' in result.stdout
    assert "libopus" in result.stdout


@pytest.mark.usefixtures("voice")
def test_a_device_is_tested_if_there_is_one(cli, monkeypatch):
    monkeypatch.setattr(
        doctor, "check_devices", lambda: ([CheckResult("devices", "ok", "1")], True)
    )
    monkeypatch.setattr(
        doctor, "check_stream", lambda wanted: CheckResult("test stream", "ok", wanted)
    )
    assert "ok    test stream  speaker" in cli.run("doctor", "--device", "speaker").stdout


@pytest.mark.parametrize(
    ("failures", "status"),
    [
        ([], 0),
        ([ExitStatus.DEVICE], 6),
        ([ExitStatus.DEVICE, ExitStatus.SOURCE], 4),
        ([ExitStatus.SOURCE, ExitStatus.DEVICE, ExitStatus.CONFIG], 3),
    ],
)
def test_the_first_failed_class_decides_the_status(failures, status):
    results = [CheckResult("x", "fail", "", None, failure) for failure in failures]
    warned = CheckResult("y", "warn", "", None, ExitStatus.CONFIG)
    assert exit_status([warned, *results]) == status


def test_an_old_python_fails(monkeypatch):
    assert doctor.check_python().status == "ok"
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    assert (doctor.check_python().status, doctor.check_python().exit_status) == (
        "fail",
        ExitStatus.CONFIG,
    )


def test_the_configuration_file_is_named(tmp_path):
    path = tmp_path / "config.toml"
    assert doctor.check_config(Config(path=path)).message == "no file; defaults apply"
    path.write_text("")
    assert doctor.check_config(Config(path=path)).message == str(path)


@pytest.mark.parametrize(
    ("base_url", "env", "status", "message"),
    [
        (None, {}, "ok", "needs none"),
        (None, OPENAI_KEY, "ok", "from OPENAI_API_KEY"),
        ("http://localhost:1", {}, "ok", "none, as usual"),
        ("https://tts.example.org", {}, "warn", "none"),
        ("http://tts.example.org", {"VOICECLI_API_KEY": "k"}, "warn", "unencrypted"),
    ],
)
def test_the_key_is_reported_by_its_variable(base_url, env, status, message):
    result = doctor.check_key(endpoint(base_url, env))
    assert result.status == status
    assert message in result.message
    assert "sk-openai" not in result.message


@pytest.mark.parametrize(
    ("answer", "status", "exits", "message"),
    [
        (200, "ok", 0, "responds in"),
        ([404, 405], "ok", 0, "does not list models"),
        ([404, 400], "ok", 0, "does not list models"),
        ([404, 403], "fail", 3, "refuses the request"),
        ([404, 404], "warn", 0, "has no /audio/speech there (404)"),
        (401, "fail", 3, "refuses requests without a key"),
        (403, "fail", 3, "refuses the request"),
        (500, "warn", 0, "but the server failed"),
        (304, "warn", 0, "did not answer with speech"),
        (NetworkError("nothing listens"), "fail", 4, "nothing listens"),
    ],
)
def test_the_server_is_checked_without_speaking(monkeypatch, answer, status, exits, message):
    answers = answer if isinstance(answer, list) else [answer]
    asked = []

    def get(server, path, *, timeout_s):
        assert server.base_url == "http://localhost:1/v1"
        assert (server.api_key, timeout_s) == ("voicecli", 3.0)
        asked.append(path)
        given = answers[len(asked) - 1]
        if isinstance(given, Exception):
            raise given
        return Answer(given, {}, b"")

    monkeypatch.setattr(http_get, "get", get)
    result = doctor.check_server(endpoint("http://localhost:1/v1"), timeout_s=3.0)
    assert (result.status, result.exit_status) == (status, exits)
    assert message in result.message
    assert asked == ["/models", "/audio/speech"][: len(answers)]


def test_a_builtin_voice_that_is_not_downloaded_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    result = doctor.check_builtin_voice("emma")
    assert result.status == "warn"
    assert "downloaded on first use" in result.message
    assert list(tmp_path.iterdir()) == []


def test_a_builtin_voice_that_does_not_load_fails(monkeypatch):
    def load(self, name):
        raise NetworkError("broken")

    monkeypatch.setattr(VoiceCache, "load", load)
    result = doctor.check_builtin_voice("heart")
    assert (result.status, result.exit_status) == ("fail", ExitStatus.SOURCE)


def listing(monkeypatch, found):
    def list_output_devices():
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(device_module, "list_output_devices", list_output_devices)


def test_a_missing_portaudio_fails_with_its_remedy(monkeypatch):
    listing(monkeypatch, DeviceError("PortAudio is not installed", remedy="apt install it"))
    (result,), any_device = doctor.check_devices()
    assert (result.name, result.status, result.remedy) == ("PortAudio", "fail", "apt install it")
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
    results, any_device = doctor.check_devices()
    assert results[-1].message == message
    assert any_device


def test_a_missing_device_fails_the_test_stream(monkeypatch):
    listing(monkeypatch, [SPEAKER])
    result = doctor.check_stream("headphones")
    assert (result.status, result.exit_status) == ("fail", ExitStatus.DEVICE)
    assert "headphones" in result.message


class Stream:
    """A stream that requests ``blocks`` of 100 ms from its callback when it starts."""

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
        ({"blocks": 3, "underflow": True}, "warn", "had 3 underruns"),
        ({"blocks": 1}, "fail", "does not play"),
        ({"blocks": 0, "fails": True}, "fail", "Device unavailable"),
    ],
)
def test_the_test_stream_plays_silence_and_is_closed(monkeypatch, settings, status, message):
    opened = []

    def open_output(device, wanted, *, callback):
        opened.append(Stream(callback, **settings))
        return OpenStream(opened[-1], wanted, 0.05, starts_at_write=True)

    listing(monkeypatch, [SPEAKER])
    monkeypatch.setattr(device_module, "open_output", open_output)
    monkeypatch.setattr(device_checks, "_STREAM_TIMEOUT_S", 0.01)
    result = doctor.check_stream(None)
    assert result.status == status
    assert message in result.message
    assert opened[0].closed


def test_a_missing_libopus_is_a_warning(monkeypatch):
    assert doctor.check_libopus().message.startswith("libopus")

    class Missing:
        def __getattr__(self, name):
            raise UnsupportedFormat("no libopus", remedy="install it")

    monkeypatch.setitem(sys.modules, "voicecli.codecs.libopus", Missing())
    assert doctor.check_libopus() == CheckResult("libopus", "warn", "no libopus", "install it")


def test_a_missing_ffmpeg_is_a_warning(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert doctor.check_ffmpeg().status == "warn"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert doctor.check_ffmpeg() == CheckResult("ffmpeg", "ok", "/usr/bin/ffmpeg")


class TestLocalServers:
    @staticmethod
    def found(monkeypatch, base_url, *ports):
        monkeypatch.setattr(discovery, "PORTS", ports)
        return list(doctor.check_local_servers(endpoint(base_url), 5.0))

    def test_a_speech_server_is_found_and_its_use_explained(self, monkeypatch):
        with SpeechServer() as server:
            server.voices = [{"id": "af bella"}, "heart"]
            (result,) = self.found(monkeypatch, None, 1, server.port)
            assert all("authorization" not in request.headers for request in server.requests)
        assert result.status == "ok"
        assert f"http://localhost:{server.port}/v1" in result.message
        assert "2 voices" in result.message
        use = f"voicecli say --base-url http://localhost:{server.port}/v1 --voice 'af bella'"
        assert use in result.remedy

    def test_the_endpoint_in_force_is_not_looked_for(self, monkeypatch):
        with SpeechServer() as server:
            (result,) = self.found(monkeypatch, server.url, 1, server.port)
            assert server.requests == []
        assert "no speech server" in result.message


def test_a_source_of_another_package_is_not_contacted():
    other = replace(endpoint("http://localhost:1/v1"), base_url="piper://amy")
    result = doctor.check_server(other, timeout_s=1.0)
    assert (result.status, result.message) == (
        "ok",
        "piper://amy belongs to an installed package",
    )
