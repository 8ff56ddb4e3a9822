"""What is measured: servers, texts, networks and devices."""

from __future__ import annotations

import pytest

from tests.cli.bench.conftest import FAST, case_of
from tests.support.speech_server import Reply, SpeechServer
from voicecli.bench import runners
from voicecli.cli.bench.options import DEFAULT_TEXT
from voicecli.errors import DeviceError
from voicecli.playback import portaudio


def test_without_an_endpoint_a_local_server_is_started(cli):
    result = cli.run("bench", "--simulate", "--runs", "1", "--json", "--text", "Hello.")
    assert result.exit_code == 0
    case = case_of(result, format="opus")
    assert (case["endpoint"], case["method"], case["runs"]) == ("builtin", "streamed", 1)
    metrics = {name: summary["p50"] for name, summary in case["metrics"].items()}
    assert 0 < metrics["ttfb_ms"] <= metrics["ttfa_ms"] <= metrics["ttfa_audible_ms"]
    assert metrics["audio_s"] > 0.3
    assert abs(metrics["missing_ms"]) < 1, "compared with pcm, which is requested as well"
    assert result.json["settings"]["simulate"] is True


def test_several_servers_are_numbered(bench, server, clips):
    with SpeechServer(clips, reply=Reply(ttfb_s=0.2)) as slow:
        result = bench("--base-url", slow.url, *FAST, "--format", "wav", "--json")
    first, second = result.json["cases"]
    assert (first["server"], first["endpoint"]) == (1, server.url)
    assert (second["server"], second["endpoint"]) == (2, slow.url)
    assert second["metrics"]["ttfb_ms"]["p50"] >= 200
    result = bench("--base-url", server.url, *FAST, "--format", "wav")
    assert f"2: {server.url}" in result.stdout.splitlines()


def test_the_texts(bench, server, tmp_path):
    bench(*FAST, "--format", "pcm")
    assert server.speech_requests[-1].json["input"] == DEFAULT_TEXT
    bench(*FAST, "--format", "pcm", "--text", " Hello. ", "--voice", "v")
    request = server.speech_requests[-1].json
    assert (request["input"], request["voice"]) == ("Hello.", "v")
    file = tmp_path / "texts"
    file.write_text("one\n\n two \n", encoding="utf-8-sig")  # as Windows saves it
    bench(*FAST, "--format", "pcm", "--texts", str(file))
    assert [request.json["input"] for request in server.speech_requests[-2:]] == ["one", "two"]


def test_texts_from_standard_input(bench, server, monkeypatch):
    argv = (*FAST, "--format", "pcm", "--texts", "-")
    assert bench(*argv, stdin=b"one\ntwo\n").exit_code == 0
    assert server.speech_requests[-1].json["input"] == "two"
    result = bench(*argv, stdin=None)
    assert (result.exit_code, "it is closed" in result.stderr) == (2, True)


def test_concurrent_requests(bench):
    result = bench(*FAST, "--format", "wav", "--concurrency", "3", "--json")
    assert case_of(result)["runs"] == 6


def test_the_baseline_is_measured_too(bench, server):
    server.reply = Reply(pace=2.0)
    result = bench(*FAST, "--format", "wav", "--baseline", "--json")
    ours, usual = case_of(result, method="streamed"), case_of(result, method="whole")
    assert usual["metrics"]["ttfa_ms"]["p50"] > ours["metrics"]["ttfa_ms"]["p50"] + 100
    assert "kbit_s" not in usual["metrics"]


def test_a_cold_start_is_a_new_process(bench):
    argv = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--format", "wav")
    result = bench(*argv, "--json")
    case = case_of(result, method="cold")
    assert case["metrics"]["launch_to_sound_ms"]["p50"] > case["metrics"]["ttfa_ms"]["p50"] + 50
    assert "launch ms" in bench(*argv).stdout


def test_a_cold_start_uses_the_emulated_network_too(bench):
    argv = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--format", "wav")
    result = bench(*argv, "--network", "latency=100", "--json")
    assert case_of(result)["metrics"]["ttfb_ms"]["p50"] >= 200


def test_the_local_server_gets_no_key(cli, monkeypatch):
    """Not even in the environment of a cold start."""
    seen = []

    class Spy(runners.Cold):
        def run(self, request, observers):
            seen.append(self.env)
            return super().run(request, observers)

    monkeypatch.setattr("voicecli.cli.bench.plan.Cold", Spy)
    cli.env["VOICECLI_API_KEY"] = "sk-of-another-server"
    argv = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--text", "Hi.")
    assert cli.run("bench", *argv, "--base-url", "builtin", "--format", "pcm").exit_code == 0
    assert [env.get("VOICECLI_API_KEY") for env in seen] == [None]


def test_an_emulated_network(bench):
    argv = (*FAST, "--format", "wav")
    result = bench(*argv, "--network", "latency=100", "--json")
    assert case_of(result)["metrics"]["ttfb_ms"]["p50"] >= 200
    assert result.json["settings"]["network"] == "latency=100"
    result = bench(*argv, "--network", "carrier-pigeon")
    assert (result.exit_code, "wifi" in result.stderr) == (3, True)


def test_the_null_device_of_the_flag_or_the_configuration(bench, cli):
    result = bench("--device", "null", "--runs", "1", "--warmup", "0", "--json")
    assert case_of(result)["metrics"]["audio_s"]["p50"] == pytest.approx(0.5)
    assert result.json["settings"]["device"] == "null"
    cli.configure('device = "null"\n')
    result = bench("--runs", "1", "--warmup", "0", "--json")
    assert result.json["settings"]["device"] == "null"


def test_without_a_device_it_measures_on_the_null_device(bench, monkeypatch):
    def find(_name):
        raise DeviceError("there is no sound device")

    monkeypatch.setattr(portaudio, "find_output_device", find)
    result = bench("--runs", "1", "--warmup", "0", "--json")
    assert result.exit_code == 0
    assert "there is no sound device; measuring without a device" in result.stderr
    assert result.json["settings"]["device"] == "null"


def test_the_default_device_is_used_if_there_is_one(bench, monkeypatch):
    """It is there when looked for, and gone when it should play."""
    found = iter(["a device"])

    def find(_name):
        for name in found:
            return name
        raise DeviceError("the device has gone")

    monkeypatch.setattr(portaudio, "find_output_device", find)
    result = bench("--runs", "1", "--warmup", "0", "--volume", "0", "--json")
    assert result.json["settings"]["device"] == "default"
    assert (result.exit_code, result.json["cases"][0]["failures"][0]["code"]) == (6, "device")
    assert result.stderr.endswith("1 of 1 runs failed: the device has gone\n")
    found = iter(["a device"])
    argv = ("--device", "no such device", "--runs", "1", "--warmup", "0", "--cold", "-q")
    assert bench(*argv).exit_code == 6
