from __future__ import annotations

import pytest

from tests.cli.test_progress import on_a_terminal
from tests.support.cli import Cli
from voicecli.cli.bench import components as module
from voicecli.cli.bench import rounds

ENCODE = ("bench", "encode", "--seconds", "0.2", "--pace", "100", "--runs", "1", "--warmup", "0")
DECODE = ("bench", "decode", "--seconds", "0.2", "--runs", "2", "--warmup", "0")
SOURCE = ("bench", "source", "--seconds", "0.1", "--runs", "1", "--queue-ms", "100")


def test_a_table_of_every_case(cli):
    result = cli.run(*ENCODE, "--format", "opus", "--format", "wav", "--frame-ms", "20")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[2:6]] == [
        [codec, "20", mode] for codec in ("opus", "wav") for mode in ("inline", "threaded")
    ]
    assert lines[6].startswith("push: the call itself")
    assert max(map(len, lines)) <= 80
    assert result.stderr == ""


def test_all_formats_frames_and_modes_are_measured_by_default(cli):
    result = cli.run(*ENCODE, "--json")
    assert len(result.json["cases"]) == 6 * 4 * 2


def test_json_of_decode(cli):
    result = cli.run(*DECODE, "--format", "flac", "--chunk", "4096", "--rate", "8000", "--json")
    assert result.exit_code == 0
    assert (result.json["schema"], result.json["kind"]) == ("voicecli.bench/1", "decode")
    assert result.json["settings"] == {
        "duration_s": 0.2,
        "rate_hz": 24000,
        "to_rate_hz": 8000,
        "runs": 2,
        "warmups": 0,
    }
    (case,) = result.json["cases"]
    assert (case["codec"], case["chunk_bytes"], case["runs"]) == ("flac", 4096, 2)
    assert case["metrics"]["speed_x"]["n"] == 2
    assert case["metrics"]["first_frame_ms"]["p50"] > 0


def test_source(cli):
    result = cli.run(*SOURCE, "--json")
    assert result.exit_code == 0
    assert [case["producer"] for case in result.json["cases"]] == ["fast", "real-time"]


def test_a_missing_device_is_6(cli):
    result = cli.run(*SOURCE, "--device", "no such device")
    assert (result.exit_code, result.stdout) == (6, "")
    assert "100 20 fast: 1 of 1 runs failed" in result.stderr
    result = cli.run(*SOURCE, "--device", "no such device", "--json")
    assert result.exit_code == 6
    assert result.json["ok"] is False
    assert {f["code"] for case in result.json["cases"] for f in case["failures"]} == {"device"}


@pytest.mark.parametrize(
    "argv",
    [
        ("encode", "--format", "speex"),
        ("encode", "--mode", "sideways"),
        ("encode", "--frame-ms", "0"),
        ("decode", "--chunk", "0"),
        ("source", "--producer", "slow"),
        ("no-such",),
    ],
)
def test_usage_is_2(cli, argv):
    result = cli.run("bench", *argv)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_an_interrupt_is_130_and_prints_the_results_so_far(cli, monkeypatch):
    run_rounds = rounds.run_rounds

    def interrupted(*args, **settings):
        run_rounds(*args, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds, "run_rounds", interrupted)
    result = cli.run(*DECODE, "--format", "wav", "--json")
    assert result.exit_code == 130
    assert (result.json["interrupted"], result.json["ok"]) == (True, False)
    assert result.json["cases"][0]["runs"] == 2


def test_the_progress_line_is_removed_at_the_end(tmp_path):
    shown, status = on_a_terminal(Cli(tmp_path), *DECODE, "--format", "wav", "--chunk", "512")
    assert status == 0
    assert "\r\x1b[2K1/2 runs · wav 512 · " in shown
    assert shown.endswith("\r\x1b[2K")
    assert on_a_terminal(Cli(tmp_path), *DECODE, "--quiet", "--format", "wav") == ("", 0)


@pytest.mark.parametrize("name", ["encode", "decode", "source"])
def test_help_with_examples(cli, name):
    result = cli.run("bench", name, "--help")
    assert result.stdout.endswith("\n\n" + getattr(module, f"{name.upper()}_EXAMPLES"))


def test_policies_are_compared_on_the_same_answers(cli):
    result = cli.run("bench", "policy", "--server", "jittery", "--traces", "5", "-q")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[2:7]] == ["jittery"] * 5
    assert max(map(len, result.stdout.splitlines())) <= 80
    again = cli.run("bench", "policy", "--server", "fast", "--traces", "5", "-q", "--json").json
    assert again["settings"] == {"traces": 5, "seed": 1, "runs": 1, "warmups": 0}
    assert {case["metrics"]["gaps"]["max"] for case in again["cases"]} == {0}


def test_an_unknown_kind_of_server_is_a_usage_error(cli):
    assert cli.run("bench", "policy", "--server", "quick").exit_code == 2
