"""What follows from the results: findings, limits, comparisons and the page."""

from __future__ import annotations

import pytest

from tests.cli.bench.conftest import FAST, case_of
from tests.support.speech_server import Clip, Reply, error
from tests.support.tones import CONTENT_TYPES, encode, tone


def test_a_server_that_cuts_opus_short_is_a_finding(bench, server, clips):
    short = tone(0.3)
    server.clips["opus"] = Clip(encode(short, "opus"), 0.3, CONTENT_TYPES["opus"])
    result = bench(*FAST, "--format", "pcm", "--format", "opus")
    assert result.exit_code == 0
    finding = f"opus from {server.url}: cuts off the end: 200 ms shorter than pcm"
    assert finding in result.stdout.splitlines()


def test_failures_are_counted_and_decide_the_status(bench, server):
    server.queued.append(error(401, {"error": {"message": "no such key"}}))
    result = bench(*FAST, "--format", "pcm", "--json")
    assert result.exit_code == 3
    case = case_of(result)
    assert (case["runs"], [f["code"] for f in case["failures"]]) == (1, ["auth"])
    assert result.json["ok"] is False
    assert "1 of 2 runs failed" in result.stderr
    server.queued.append(error(500, {}))
    result = bench(*FAST, "--format", "pcm", "--fail-if", "failures>1")
    assert result.exit_code == 0, "one failure is allowed"


def test_a_request_that_needs_a_retry_is_a_failure(bench, server):
    server.queued.append(error(503, {}))
    result = bench(*FAST, "--format", "pcm", "--json")
    assert (result.exit_code, len(server.speech_requests)) == (4, 2)


def test_limits_decide_the_status(bench, server):
    argv = (*FAST, "--format", "wav")
    assert bench(*argv, "--fail-if", "ttfa_p95>60s").exit_code == 0
    result = bench(*argv, "--fail-if", "ttfa>0ms", "--fail-if", "gaps>0", "--json")
    assert result.exit_code == 8
    assert result.json["ok"] is False
    (exceeded,) = result.json["broken_limits"]
    assert exceeded.startswith(f"wav from {server.url}: ttfa>0ms: it is ")
    assert "limit exceeded: wav from" in result.stderr


def test_a_regression_decides_the_status(bench, server, tmp_path):
    argv = ("--simulate", "--runs", "5", "--warmup", "0", "--format", "wav")
    old = tmp_path / "old.json"
    old.write_text(bench(*argv, "--json").stdout)
    server.reply = Reply(ttfb_s=0.1)
    result = bench(*argv, "--compare", str(old))
    assert result.exit_code == 8
    assert "ttfa_ms" in result.stdout
    assert result.stdout.count(": worse") >= 2
    new = tmp_path / "new.json"
    new.write_text(bench(*argv, "--json").stdout)
    server.reply = Reply()
    result = bench(*argv, "--compare", str(new), "--json")
    assert result.exit_code == 0
    verdicts = {one["metric"]: one["verdict"] for one in result.json["compared"]}
    assert verdicts["ttfa_ms"] == "better"


def test_a_comparison_with_other_settings_causes_a_warning(bench, tmp_path):
    old = tmp_path / "old.json"
    old.write_text(bench(*FAST, "--format", "wav", "--json").stdout)
    result = bench(*FAST, "--format", "wav", "--text", "Other.", "--compare", str(old))
    assert result.stderr == f"voicecli: warning: {old} was measured with other texts\n"
    quiet = bench(*FAST, "--format", "wav", "--text", "Other.", "--compare", str(old), "-q")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert "ttfa" in quiet.stdout


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot read"), ("{", "not valid JSON"), ("{}", "not the JSON of this benchmark")],
)
def test_an_unusable_comparison_is_reported_first(bench, server, tmp_path, content, reason):
    old = tmp_path / "old.json"
    if content is not None:
        old.write_text(content)
    result = bench(*FAST, "--compare", str(old))
    assert (result.exit_code, result.stdout) == (3, "")
    assert reason in result.stderr
    assert server.speech_requests == []


def test_an_endless_comparison_is_not_read_to_its_end(bench, server):
    result = bench(*FAST, "--compare", "/dev/zero")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "/dev/zero is too large" in result.stderr
    assert server.speech_requests == []


def test_a_page_with_figures(bench, server, tmp_path):
    page = tmp_path / "report.html"
    result = bench(*FAST, "--format", "wav", "--report", str(page))
    assert result.exit_code == 0
    assert result.stderr == f"voicecli: wrote {page}\n"
    text = page.read_text()
    assert text.lstrip().lower().startswith("<!doctype html>")
    assert f"wav from {server.url} is heard after " in text
    assert "<svg" in text


def test_the_page_says_which_case_is_heard_first(bench, server, tmp_path):
    page = tmp_path / "report.html"
    argv = ("--format", "wav", "--format", "pcm", "--report", str(page))
    bench(*FAST, *argv)
    assert " is heard first, after " in page.read_text()  # of two cases, a run each
    assert "too close to tell" in page.read_text()
    server.reply = error(500, {})
    assert bench(*FAST, *argv).exit_code == 4
    assert "Nothing was heard" in page.read_text()


def test_a_page_that_cannot_be_written_is_7(bench, server, tmp_path):
    result = bench(*FAST, "--report", str(tmp_path / "no" / "report.html"))
    assert (result.exit_code, server.speech_requests) == (7, [])
    result = bench(*FAST, "--format", "wav", "--report", str(tmp_path))
    assert result.exit_code == 7
    assert result.stdout, "the table is printed all the same"
