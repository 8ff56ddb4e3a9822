"""``voicecli bench`` without a subcommand, against a real server on this machine."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_progress import on_a_terminal
from tests.support.cli import Cli
from tests.support.speech_server import Clip, Reply, SpeechServer, clips_of, error
from tests.support.tones import CONTENT_TYPES, encode, tone
from voicecli.cli.bench import command as module
from voicecli.cli.bench import rounds
from voicecli.cli.bench.options import DEFAULT_TEXT

PACE = "at the pace of sound\n"
FAST = ("--simulate", "--runs", "2", "--warmup", "0")


@pytest.fixture(scope="module")
def clips():
    return clips_of(tone(0.5))


@pytest.fixture
def server(clips):
    rate = Reply(headers={"X-Sample-Rate": "48000"})
    with SpeechServer(clips, reply=rate) as running:
        yield running


def bench(cli, server, *argv):
    return cli.run("bench", "--base-url", server.url, *argv)


def case_of(result, **labels):
    (case,) = (c for c in result.json["cases"] if labels.items() <= c.items())
    return case


def test_a_table_that_a_person_reads_first(cli, server):
    result = bench(cli, server, *FAST, "--format", "all")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    rows = [line.split()[0] for line in lines[2:8]]
    assert rows == ["pcm", "wav", "opus", "mp3", "aac", "flac"]
    assert lines[8].startswith("TTFA: ")
    assert max(map(len, lines)) <= 80
    assert len(server.speech_requests) == 2 * 6


def test_verbose_has_a_second_table_with_the_rest(cli, server):
    result = bench(cli, server, *FAST, "--format", "wav", "-v")
    assert result.exit_code == 0
    _, second = result.stdout.split("\n\n")
    assert "network device" in second
    assert second.splitlines()[2].startswith("wav ")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_with_nothing_set_a_server_of_our_own_speaks(cli):
    result = cli.run("bench", "--simulate", "--runs", "1", "--json", "--text", "Hello.")
    assert result.exit_code == 0
    case = case_of(result, format="opus")
    assert (case["endpoint"], case["method"], case["runs"]) == ("builtin", "streamed", 1)
    metrics = {name: summary["p50"] for name, summary in case["metrics"].items()}
    assert 0 < metrics["ttfb_ms"] <= metrics["ttfa_ms"] <= metrics["ttfa_audible_ms"]
    assert metrics["audio_s"] > 0.3
    assert abs(metrics["missing_ms"]) < 1, "held against pcm, that was asked for besides"
    assert result.json["settings"]["simulate"] is True


def test_json_has_every_value_and_summary(cli, server):
    result = bench(cli, server, *FAST, "--format", "opus", "--json").json
    assert (result["schema"], result["kind"], result["ok"]) == ("voicecli.bench/1", "speech", True)
    (case,) = result["cases"]
    for metric, values in case["values"].items():
        assert case["metrics"][metric]["n"] == len(values)
    assert len(case["values"]["ttfa_ms"]) == 2
    assert {"ttfb_ms", "rtf", "gaps", "network_gaps", "device_gaps", "continuity_pct", "decode_ms",
            "bytes", "kbit_s", "leading_silence_ms", "audio_s", "missing_ms",
            "recommended_buffer_ms", "needed_prebuffer_ms"} <= set(case["metrics"])  # fmt: skip
    assert (result["findings"], result["compared"], result["broken_limits"]) == ([], [], [])


def test_csv_has_a_line_a_metric(cli, server):
    result = bench(cli, server, *FAST, "--format", "wav", "--csv")
    lines = list(csv.DictReader(io.StringIO(result.stdout)))
    ttfa = next(line for line in lines if line["metric"] == "ttfa_ms")
    assert (ttfa["format"], ttfa["n"], ttfa["failures"]) == ("wav", "2", "0")
    assert float(ttfa["p50"]) > 0
    assert ttfa["p99"] == ttfa["ci95_low"] == ""


def test_servers_stand_side_by_side(cli, server, clips):
    with SpeechServer(clips, reply=Reply(ttfb_s=0.2)) as slow:
        result = bench(cli, server, "--base-url", slow.url, *FAST, "--format", "wav", "--json")
    first, second = result.json["cases"]
    assert (first["server"], first["endpoint"]) == (1, server.url)
    assert (second["server"], second["endpoint"]) == (2, slow.url)
    assert second["metrics"]["ttfb_ms"]["p50"] >= 200
    result = bench(cli, server, "--base-url", server.url, *FAST, "--format", "wav")
    assert f"2: {server.url}" in result.stdout.splitlines()


def test_what_is_spoken(cli, server, tmp_path):
    bench(cli, server, *FAST, "--format", "pcm")
    assert server.speech_requests[-1].json["input"] == DEFAULT_TEXT
    bench(cli, server, *FAST, "--format", "pcm", "--text", " Hello. ", "--voice", "v")
    asked = server.speech_requests[-1].json
    assert (asked["input"], asked["voice"]) == ("Hello.", "v")
    file = tmp_path / "texts"
    file.write_text("one\n\n two \n", encoding="utf-8-sig")  # as Windows saves it
    bench(cli, server, *FAST, "--format", "pcm", "--texts", str(file))
    assert [asked.json["input"] for asked in server.speech_requests[-2:]] == ["one", "two"]


def test_texts_from_standard_input(cli, server, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    assert bench(cli, server, *FAST, "--format", "pcm", "--texts", "-").exit_code == 0
    assert server.speech_requests[-1].json["input"] == "two"
    monkeypatch.setattr(sys, "stdin", None)
    result = bench(cli, server, *FAST, "--texts", "-")
    assert (result.exit_code, "no text" in result.stderr) == (2, True)


def test_many_at_once(cli, server):
    result = bench(cli, server, *FAST, "--format", "wav", "--concurrency", "3", "--json")
    assert case_of(result)["runs"] == 6


def test_the_usual_way_stands_beside_ours(cli, server):
    server.reply = Reply(pace=2.0)
    result = bench(cli, server, *FAST, "--format", "wav", "--baseline", "--json")
    ours, usual = case_of(result, method="streamed"), case_of(result, method="whole")
    assert usual["metrics"]["ttfa_ms"]["p50"] > ours["metrics"]["ttfa_ms"]["p50"] + 100
    assert "kbit_s" not in usual["metrics"]


def test_a_cold_start_is_a_process_of_its_own(cli, server):
    argv = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--format", "wav")
    result = bench(cli, server, *argv, "--json")
    case = case_of(result, method="cold")
    assert case["metrics"]["launch_to_sound_ms"]["p50"] > case["metrics"]["ttfa_ms"]["p50"] + 50
    assert "launch ms" in bench(cli, server, *argv).stdout


def test_a_cold_start_goes_over_the_network_too(cli, server):
    argv = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--format", "wav")
    result = bench(cli, server, *argv, "--network", "latency=100", "--json")
    assert case_of(result)["metrics"]["ttfb_ms"]["p50"] >= 200


def test_no_key_of_another_server_s_reaches_our_own(cli, monkeypatch):
    """A cold start asks the server of our own with no key of anybody's."""
    from voicecli.bench import runners

    seen = []

    class Noted(runners.Cold):
        def run(self, request, observers):
            seen.append(self.env)
            return super().run(request, observers)

    monkeypatch.setattr("voicecli.cli.bench.plan.Cold", Noted)
    cli.env["VOICECLI_API_KEY"] = "sk-another-server-s"
    argv = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--text", "Hi.")
    assert cli.run("bench", *argv, "--base-url", "builtin", "--format", "pcm").exit_code == 0
    assert [env.get("VOICECLI_API_KEY") for env in seen] == [None]


def test_a_network_lies_between(cli, server):
    argv = (*FAST, "--format", "wav")
    result = bench(cli, server, *argv, "--network", "latency=100", "--json")
    assert case_of(result)["metrics"]["ttfb_ms"]["p50"] >= 200
    assert result.json["settings"]["network"] == "latency=100"
    result = bench(cli, server, *argv, "--network", "carrier-pigeon")
    assert (result.exit_code, "wifi" in result.stderr) == (3, True)


def test_through_a_device_that_plays_nothing_it_takes_as_long_as_sound(cli, server):
    result = bench(cli, server, "--device", "null", "--runs", "1", "--warmup", "0", "--json")
    assert case_of(result)["metrics"]["audio_s"]["p50"] == pytest.approx(0.5)
    assert result.json["settings"]["device"] == "null"
    cli.configure('device = "null"\n')
    result = bench(cli, server, "--runs", "1", "--warmup", "0", "--json")
    assert result.json["settings"]["device"] == "null"


def test_without_a_device_it_says_so_and_goes_on(cli, server, monkeypatch):
    from voicecli.errors import DeviceError
    from voicecli.playback import portaudio

    def find(_name):
        raise DeviceError("there is no sound device")

    monkeypatch.setattr(portaudio, "find_output_device", find)
    result = bench(cli, server, "--runs", "1", "--warmup", "0", "--json")
    assert result.exit_code == 0
    assert "there is no sound device: measured on none" in result.stderr
    assert result.json["settings"]["device"] == "null"


def test_with_a_device_it_is_the_one(cli, server, monkeypatch):
    """It is there when it is looked for, and gone when it is to play."""
    from voicecli.errors import DeviceError
    from voicecli.playback import portaudio

    found = iter(["a device"])

    def find(_name):
        for name in found:
            return name
        raise DeviceError("the device has gone")

    monkeypatch.setattr(portaudio, "find_output_device", find)
    result = bench(cli, server, "--runs", "1", "--warmup", "0", "--volume", "0", "--json")
    assert result.json["settings"]["device"] == "default"
    assert (result.exit_code, result.json["cases"][0]["failures"][0]["code"]) == (6, "device")
    assert result.stderr.endswith("1 of 1 runs failed: the device has gone\n")
    found = iter(["a device"])
    argv = ("--device", "no such device", "--runs", "1", "--warmup", "0", "--cold", "-q")
    assert bench(cli, server, *argv).exit_code == 6


# -- what is wrong with a server ----------------------------------------------------


def test_a_server_that_cuts_opus_tails_is_told_of(cli, server, clips):
    short = tone(0.3)
    server.clips["opus"] = Clip(encode(short, "opus"), 0.3, CONTENT_TYPES["opus"])
    result = bench(cli, server, *FAST, "--format", "pcm", "--format", "opus")
    assert result.exit_code == 0
    said = f"opus from {server.url}: cuts off the end: 200 ms shorter than pcm"
    assert said in result.stdout.splitlines()


def test_failures_are_counted_and_decide_the_status(cli, server):
    server.queued.append(error(401, {"error": {"message": "no such key"}}))
    result = bench(cli, server, *FAST, "--format", "pcm", "--json")
    assert result.exit_code == 3
    case = case_of(result)
    assert (case["runs"], [f["code"] for f in case["failures"]]) == (1, ["auth"])
    assert result.json["ok"] is False
    assert "1 of 2 runs failed" in result.stderr
    server.queued.append(error(500, {}))
    result = bench(cli, server, *FAST, "--format", "pcm", "--fail-if", "failures>1")
    assert result.exit_code == 0, "so many were allowed"


def test_a_request_that_would_need_a_second_try_has_failed(cli, server):
    server.queued.append(error(503, {}))
    result = bench(cli, server, *FAST, "--format", "pcm", "--json")
    assert (result.exit_code, len(server.speech_requests)) == (4, 2)


# -- limits and comparison ---------------------------------------------------------------


def test_limits_decide_the_status(cli, server):
    argv = (*FAST, "--format", "wav")
    assert bench(cli, server, *argv, "--fail-if", "ttfa_p95>60s").exit_code == 0
    result = bench(cli, server, *argv, "--fail-if", "ttfa>0ms", "--fail-if", "gaps>0", "--json")
    assert result.exit_code == 8
    assert result.json["ok"] is False
    (broken,) = result.json["broken_limits"]
    assert broken.startswith(f"wav from {server.url}: ttfa>0ms: it is ")
    assert "limit broken: wav from" in result.stderr


def test_a_regression_decides_the_status(cli, server, tmp_path):
    argv = ("--simulate", "--runs", "5", "--warmup", "0", "--format", "wav")
    old = tmp_path / "old.json"
    old.write_text(bench(cli, server, *argv, "--json").stdout)
    server.reply = Reply(ttfb_s=0.2)
    result = bench(cli, server, *argv, "--compare", str(old))
    assert result.exit_code == 8
    assert "ttfa_ms" in result.stdout
    assert result.stdout.count(": worse") >= 2
    new = tmp_path / "new.json"
    new.write_text(bench(cli, server, *argv, "--json").stdout)
    server.reply = Reply()
    result = bench(cli, server, *argv, "--compare", str(new), "--json")
    assert result.exit_code == 0
    verdicts = {one["metric"]: one["verdict"] for one in result.json["compared"]}
    assert verdicts["ttfa_ms"] == "better"


def test_a_comparison_of_unlike_things_is_warned_of(cli, server, tmp_path):
    old = tmp_path / "old.json"
    old.write_text(bench(cli, server, *FAST, "--format", "wav", "--json").stdout)
    result = bench(cli, server, *FAST, "--format", "wav", "--text", "Other.", "--compare", str(old))
    assert "warning: not measured as " in result.stderr
    assert result.stderr.rstrip().endswith(": texts")


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot read"), ("{", "no JSON"), ("{}", "no JSON of this")]
)
def test_what_cannot_be_compared_with_is_told_before_anything_is_measured(
    cli, server, tmp_path, content, why
):
    old = tmp_path / "old.json"
    if content is not None:
        old.write_text(content)
    result = bench(cli, server, *FAST, "--compare", str(old))
    assert (result.exit_code, result.stdout) == (3, "")
    assert why in result.stderr
    assert server.speech_requests == []


# -- traces and the page -----------------------------------------------------------------


def test_recorded_and_replayed_twice_it_is_the_same(cli, server, tmp_path):
    folder = tmp_path / "made" / "traces"
    argv = (*FAST, "--format", "opus", "--format", "wav", "--record", str(folder))
    live = bench(cli, server, *argv, "--warmup", "1", "--json")
    names = ["opus-1.jsonl", "opus-2.jsonl", "wav-1.jsonl", "wav-2.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == names
    replayed = [
        cli.run("bench", "--replay", str(folder / "opus-1.jsonl"),
                  "--replay", str(folder / "wav-2.jsonl"), "--json")
        for _ in range(2)
    ]  # fmt: skip
    assert replayed[0].out == replayed[1].out
    assert replayed[0].status == 0
    for case, (format, run) in zip(
        replayed[0].json["cases"], [("opus", 0), ("wav", 1)], strict=True
    ):
        was = case_of(live, format=format)["values"]
        assert (case["format"], case["method"], case["runs"]) == (format, "replayed", 1)
        assert case["endpoint"].endswith(f"{format}-{run + 1}.jsonl")
        for metric in ("ttfb_ms", "audio_s", "bytes", "gaps"):
            assert case["values"][metric] == [was[metric][run]], metric


def test_a_trace_of_a_failure_is_a_failure_again(cli, server, tmp_path):
    server.queued.append(Reply(cut_at=0.5))
    argv = (*FAST, "--runs", "1", "--format", "pcm", "--record", str(tmp_path))
    assert bench(cli, server, *argv).exit_code == 4
    result = cli.run("bench", "--replay", str(tmp_path / "pcm-1.jsonl"), "--json")
    assert result.exit_code == 4
    assert case_of(result)["failures"][0]["code"] == "network"


def test_a_trace_of_an_interrupted_run_is_no_result(cli, server, tmp_path):
    argv = (*FAST, "--runs", "1", "--format", "pcm", "--record", str(tmp_path))
    assert bench(cli, server, *argv).exit_code == 0
    trace = tmp_path / "pcm-1.jsonl"
    *lines, end = trace.read_text().splitlines()
    trace.write_text("\n".join([*lines, end.replace("whole", "interrupted")]) + "\n")
    result = cli.run("bench", "--replay", str(trace))
    assert result.exit_code == 4
    assert f"the run in {trace} was interrupted" in result.stderr


def test_a_trace_that_is_none_is_an_error(cli, tmp_path):
    (tmp_path / "x.jsonl").write_text("hello\n")
    assert cli.run("bench", "--replay", str(tmp_path / "x.jsonl")).exit_code == 3


def test_a_folder_that_cannot_be_made_is_7(cli, server, tmp_path):
    (tmp_path / "file").write_text("")
    result = bench(cli, server, *FAST, "--record", str(tmp_path / "file" / "traces"))
    assert result.exit_code == 7


def test_a_trace_that_cannot_be_written_is_7(cli, server, tmp_path):
    (tmp_path / "wav-1.jsonl").mkdir()
    result = bench(cli, server, *FAST, "--runs", "1", "--format", "wav", "--record", str(tmp_path))
    assert (result.exit_code, "cannot write" in result.stderr) == (7, True)


def test_a_page_with_figures(cli, server, tmp_path):
    page = tmp_path / "report.html"
    result = bench(cli, server, *FAST, "--format", "wav", "--report", str(page))
    assert result.exit_code == 0
    assert result.stderr == f"voicecli: wrote {page}\n"
    text = page.read_text()
    assert text.lstrip().lower().startswith("<!doctype html>")
    assert f"wav from {server.url} is heard after " in text
    assert "<svg" in text


def test_a_page_says_who_is_heard_first_or_that_nobody_is(cli, server, tmp_path):
    page = tmp_path / "report.html"
    argv = ("--format", "wav", "--format", "pcm", "--report", str(page))
    bench(cli, server, *FAST, *argv)
    assert " is heard first, after " in page.read_text()  # of two cases, a run each
    assert "too close to tell" in page.read_text()
    server.reply = error(500, {})
    assert bench(cli, server, *FAST, *argv).exit_code == 4
    assert "Nothing was heard" in page.read_text()


def test_a_page_that_cannot_be_written_is_told_before_or_after(cli, server, tmp_path):
    result = bench(cli, server, *FAST, "--report", str(tmp_path / "no" / "report.html"))
    assert (result.exit_code, server.speech_requests) == (7, [])
    result = bench(cli, server, *FAST, "--format", "wav", "--report", str(tmp_path))
    assert result.exit_code == 7
    assert result.stdout, "the table is shown all the same"


# -- usage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ("--format", "speex"),
        ("--runs", "0"),
        ("--concurrency", "65"),
        ("--json", "--csv"),
        ("--text", "x", "--texts", "y"),
        ("--text", " "),
        ("--texts", "no such file"),
        ("--simulate", "--cold"),
        ("--simulate", "--device", "null"),
        ("--record", "x", "--cold"),
        ("--replay", "x", "--base-url", "builtin"),
        ("--fail-if", "speed>1"),
        ("--fail-if", "ttfa_p99>1s"),
        ("no-such-part",),
    ],
)
def test_usage_is_2(cli, argv):
    result = cli.run("bench", *argv)
    assert (result.exit_code, result.stdout) == (2, "")


def test_options_before_a_part_are_not_swallowed(cli):
    result = cli.run("bench", "--runs", "7", "decode")
    assert result.exit_code == 2
    assert "--runs belongs behind decode" in result.stderr


def test_the_examples_of_the_help_are_valid(cli):
    """Every option named in them exists."""
    result = cli.run("bench", "--help")
    assert result.exit_code == 0
    for word in module.EPILOG.split():
        if word.startswith("--"):
            assert f"{word} " in result.stdout


def test_progress_tells_what_it_came_to_and_how_long_it_will_take(server, tmp_path):
    shown, status = on_a_terminal(
        Cli(tmp_path), "bench", "--base-url", server.url, *FAST, "--format", "wav"
    )
    assert status == 0
    assert f"0/2 runs · wav from {server.url}" in shown
    assert "· TTFA " in shown
    assert " s left" in shown


def server_started_by(pid):
    """The process that serves for ``pid``; None before it runs."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while it is looked at
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"serve" in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
    return None


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_before_the_first_run_leaves_nothing_behind(tmp_path, number, status):
    with Cli(tmp_path).start("bench", "--runs", "3") as running:
        while not (serving := server_started_by(running.pid)):
            assert not running.exited()
            time.sleep(0.01)
        running.signal(number)
        done = running.finish()
    assert (done.exit_code, done.stdout) == (status, "")
    assert done.stderr in {"", "voicecli: there is no sound device: measured on none, " + PACE}
    with pytest.raises(ProcessLookupError):
        os.kill(serving, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_shows_what_there_is(cli, server, monkeypatch, number):
    run_rounds = rounds.run_rounds

    def interrupted(*args, **settings):
        run_rounds(*args, **settings)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(rounds, "run_rounds", interrupted)
    result = bench(cli, server, *FAST, "--format", "wav", "--json")
    assert result.exit_code == 130
    assert (result.json["interrupted"], result.json["cases"][0]["runs"]) == (True, 2)


def test_a_profile_lends_its_settings(cli, server):
    cli.configure(
        f'[profiles.p]\nbase_url = "{server.url}"\nvoice = "v"\nspeed = 1.5\nextra = {{ n = 1 }}\n'
    )
    result = cli.run("bench", "--profile", "p", *FAST, "--format", "wav")
    assert result.exit_code == 0
    asked = server.speech_requests[-1].json
    assert (asked["voice"], asked["speed"], asked["n"]) == ("v", 1.5, 1)
    cold = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--format", "wav")
    assert cli.run("bench", "--profile", "p", *cold).exit_code == 0
    asked = server.speech_requests[-1].json
    assert (asked["voice"], asked["speed"], asked["n"]) == ("v", 1.5, 1)


def test_warnings_of_the_endpoint_are_passed_on(cli, monkeypatch, server):
    cli.configure(f'[profiles.p]\nbase_url = "{server.url}"\napi_key_env = "NO_SUCH_KEY"\n')
    argv = ("bench", "--profile", "p", *FAST, "--format", "wav")
    assert "names NO_SUCH_KEY, which is not set" in cli.run(*argv).stderr
    assert cli.run(*argv, "--quiet").stderr == ""


def test_json_is_one_object_without_nan(cli, server):
    result = bench(cli, server, *FAST, "--format", "wav", "--json")
    json.loads(result.stdout, parse_constant=pytest.fail)


def test_what_nohup_wished_stands():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with rounds.terminable(rounds.dying_of):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
