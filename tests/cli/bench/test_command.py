"""The output of ``voicecli bench`` without a subcommand, its options and signals."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.bench.conftest import FAST
from tests.cli.test_progress import on_a_terminal
from tests.support.cli import Cli
from voicecli.cli.bench import command as module
from voicecli.cli.bench import rounds

NO_DEVICE = "voicecli: there is no sound device; measuring without a device, in real time\n"


def test_the_table(bench, server):
    result = bench(*FAST, "--format", "all")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    rows = [line.split()[0] for line in lines[2:8]]
    assert rows == ["pcm", "wav", "opus", "mp3", "aac", "flac"]
    assert lines[8].startswith("TTFB: ")
    assert sum("starts after" in line for line in lines) == 6
    assert max(map(len, lines)) <= 80
    assert len(server.speech_requests) == 2 * 6


def test_verbose_prints_a_second_table(bench):
    result = bench(*FAST, "--format", "wav", "-v")
    assert result.exit_code == 0
    _, second = result.stdout.split("\n\n")
    assert "network device" in second
    assert second.splitlines()[2].startswith("wav ")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_has_every_value_and_summary(bench):
    result = bench(*FAST, "--format", "opus", "--json").json
    assert (result["schema"], result["kind"], result["ok"]) == ("voicecli.bench/1", "speech", True)
    (case,) = result["cases"]
    for metric, values in case["values"].items():
        assert case["metrics"][metric]["n"] == len(values)
    assert len(case["values"]["ttfa_ms"]) == 2
    assert {"ttfb_ms", "rtf", "gaps", "network_gaps", "device_gaps", "continuity_pct", "decode_ms",
            "bytes", "kbit_s", "leading_silence_ms", "audio_s", "missing_ms",
            "recommended_buffer_ms", "needed_prebuffer_ms"} <= set(case["metrics"])  # fmt: skip
    assert (result["findings"], result["compared"], result["broken_limits"]) == ([], [], [])


def test_csv_has_one_line_per_metric(bench):
    result = bench(*FAST, "--format", "wav", "--csv")
    lines = list(csv.DictReader(io.StringIO(result.stdout)))
    ttfa = next(line for line in lines if line["metric"] == "ttfa_ms")
    assert (ttfa["format"], ttfa["n"], ttfa["failures"]) == ("wav", "2", "0")
    assert float(ttfa["p50"]) > 0
    assert ttfa["p99"] == ttfa["ci95_low"] == ""


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
        ("no-such-subcommand",),
    ],
)
def test_usage_is_2(cli, argv):
    result = cli.run("bench", *argv)
    assert (result.exit_code, result.stdout) == (2, "")


def test_options_before_a_subcommand_are_rejected(cli):
    result = cli.run("bench", "--runs", "7", "decode")
    assert result.exit_code == 2
    assert "--runs must follow decode" in result.stderr


def test_the_examples_of_the_help_are_valid(cli):
    """Every option in them exists."""
    result = cli.run("bench", "--help")
    assert result.exit_code == 0
    for word in module.EPILOG.split():
        if word.startswith("--"):
            assert f"{word} " in result.stdout


def test_progress_shows_the_latest_ttfa_and_the_time_left(server, tmp_path):
    shown, status = on_a_terminal(
        Cli(tmp_path), "bench", "--base-url", server.url, *FAST, "--format", "wav"
    )
    assert status == 0
    assert f"0/2 runs · wav from {server.url}" in shown
    assert "· TTFA " in shown
    assert " s left" in shown


def server_started_by(pid):
    """Return the process that serves for ``pid``, None before it runs."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end meanwhile
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
    assert done.stderr in {"", NO_DEVICE}
    give_up_at = time.monotonic() + 20.0
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < give_up_at:  # it ends at the latest when its input does
            os.kill(serving, 0)
            time.sleep(0.01)
        pytest.fail(f"the server {serving} is still running")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_prints_the_results_so_far(bench, monkeypatch, number):
    run_rounds = rounds.run_rounds

    def interrupted(*args, **settings):
        run_rounds(*args, **settings)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(rounds, "run_rounds", interrupted)
    result = bench(*FAST, "--format", "wav", "--json")
    assert result.exit_code == 130
    assert (result.json["interrupted"], result.json["cases"][0]["runs"]) == (True, 2)


def test_the_settings_of_a_profile_are_used(cli, server):
    cli.configure(
        f'[profiles.p]\nbase_url = "{server.url}"\nvoice = "v"\nspeed = 1.5\nextra = {{ n = 1 }}\n'
    )
    result = cli.run("bench", "--profile", "p", *FAST, "--format", "wav")
    assert result.exit_code == 0
    request = server.speech_requests[-1].json
    assert (request["voice"], request["speed"], request["n"]) == ("v", 1.5, 1)
    cold = ("--cold", "--device", "null", "--runs", "1", "--warmup", "0", "--format", "wav")
    assert cli.run("bench", "--profile", "p", *cold).exit_code == 0
    request = server.speech_requests[-1].json
    assert (request["voice"], request["speed"], request["n"]) == ("v", 1.5, 1)


def test_kept_answers_do_not_count(cli, server):
    cli.configure(f'[profiles.p]\nbase_url = "{server.url}"\ncache = true\n')
    for _ in range(2):
        requests = len(server.speech_requests)
        assert cli.run("bench", "--profile", "p", *FAST, "--format", "pcm").exit_code == 0
        assert len(server.speech_requests) > requests
    assert cli.run("cache", "info", "--json").json["answers"] == 0


def test_warnings_about_the_endpoint_are_printed(cli, server):
    cli.configure(f'[profiles.p]\nbase_url = "{server.url}"\napi_key_env = "NO_SUCH_KEY"\n')
    argv = ("bench", "--profile", "p", *FAST, "--format", "wav")
    assert "names NO_SUCH_KEY, which is not set" in cli.run(*argv).stderr
    assert cli.run(*argv, "--quiet").stderr == ""


def test_json_is_one_object_without_nan(bench):
    result = bench(*FAST, "--format", "wav", "--json")
    json.loads(result.stdout, parse_constant=pytest.fail)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_is_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with rounds.raising_on_signals(SystemExit):
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
