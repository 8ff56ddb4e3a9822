"""Traces of answers, recorded and replayed."""

from __future__ import annotations

from tests.cli.bench.conftest import FAST, case_of
from tests.support.speech_server import Reply


def test_a_recorded_trace_replays_with_the_same_results(bench, cli, tmp_path):
    folder = tmp_path / "made" / "traces"
    argv = (*FAST, "--format", "opus", "--format", "wav", "--record", str(folder))
    live = bench(*argv, "--warmup", "1", "--json")
    names = ["opus-1.jsonl", "opus-2.jsonl", "wav-1.jsonl", "wav-2.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == names
    replayed = [
        cli.run("bench", "--replay", str(folder / "opus-1.jsonl"),
                  "--replay", str(folder / "wav-2.jsonl"), "--json")
        for _ in range(2)
    ]  # fmt: skip
    assert replayed[0].stdout == replayed[1].stdout
    assert replayed[0].exit_code == 0
    for case, (format, run) in zip(
        replayed[0].json["cases"], [("opus", 0), ("wav", 1)], strict=True
    ):
        recorded = case_of(live, format=format)["values"]
        assert (case["format"], case["method"], case["runs"]) == (format, "replayed", 1)
        assert case["endpoint"].endswith(f"{format}-{run + 1}.jsonl")
        for metric in ("ttfb_ms", "audio_s", "bytes", "gaps"):
            assert case["values"][metric] == [recorded[metric][run]], metric


def test_the_trace_of_a_failure_fails_again(bench, cli, server, tmp_path):
    server.queued.append(Reply(cut_at=0.5))
    argv = (*FAST, "--runs", "1", "--format", "pcm", "--record", str(tmp_path))
    assert bench(*argv).exit_code == 4
    result = cli.run("bench", "--replay", str(tmp_path / "pcm-1.jsonl"), "--json")
    assert result.exit_code == 4
    assert case_of(result)["failures"][0]["code"] == "network"


def test_the_trace_of_an_interrupted_run_is_a_failure(bench, cli, tmp_path):
    argv = (*FAST, "--runs", "1", "--format", "pcm", "--record", str(tmp_path))
    assert bench(*argv).exit_code == 0
    trace = tmp_path / "pcm-1.jsonl"
    *lines, end = trace.read_text().splitlines()
    trace.write_text("\n".join([*lines, end.replace("whole", "interrupted")]) + "\n")
    result = cli.run("bench", "--replay", str(trace))
    assert result.exit_code == 4
    assert f"the run in {trace} was interrupted" in result.stderr


def test_a_file_that_is_not_a_trace_is_3(cli, tmp_path):
    (tmp_path / "x.jsonl").write_text("hello\n")
    assert cli.run("bench", "--replay", str(tmp_path / "x.jsonl")).exit_code == 3


def test_a_folder_that_cannot_be_created_is_7(bench, tmp_path):
    (tmp_path / "file").write_text("")
    result = bench(*FAST, "--record", str(tmp_path / "file" / "traces"))
    assert result.exit_code == 7


def test_a_trace_that_cannot_be_written_is_7(bench, tmp_path):
    (tmp_path / "wav-1.jsonl").mkdir()
    result = bench(*FAST, "--runs", "1", "--format", "wav", "--record", str(tmp_path))
    assert (result.exit_code, "cannot write" in result.stderr) == (7, True)
