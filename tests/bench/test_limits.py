from __future__ import annotations

import pytest

from tests.bench.results import speech_outcome, speech_run
from voicecli.bench.limits import METRICS, Limit, parse_limit
from voicecli.bench.speech import readings
from voicecli.errors import NetworkError


@pytest.mark.parametrize(
    ("text", "metric", "statistic", "operator", "bound"),
    [
        ("ttfa_p95>400ms", "ttfa", "p95", ">", 400.0),
        ("ttfa_ms_p95>400", "ttfa", "p95", ">", 400.0),
        ("ttfa>=0.4s", "ttfa", "p50", ">=", 400.0),
        (" ttfa_audible_max > 1.5 s ", "ttfa_audible", "max", ">", 1500.0),
        ("gaps>0", "gaps", "max", ">", 0.0),
        ("continuity<99.5%", "continuity", "mean", "<", 99.5),
        ("continuity_pct<100", "continuity", "mean", "<", 100.0),
        ("rtf_mean>0.5", "rtf", "mean", ">", 0.5),
        ("failures>2", "failures", "max", ">", 2.0),
        ("bitrate<=32", "bitrate", "p50", "<=", 32.0),
    ],
)
def test_the_grammar(text, metric, statistic, operator, bound):
    assert parse_limit(text) == Limit(text.strip(), metric, statistic, operator, bound)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ttfa", "not a limit"),
        ("ttfa=4", "not a limit"),
        ("ttfa_p50>-4", "not a limit"),
        ("ttfa_p42>4", "not a limit"),
        ("latency>4", "known: ttfb, ttfa"),
        ("rtf>4ms", "not measured in ms"),
        ("ttfa>4%", "not measured in %"),
        ("continuity<1s", "not measured in s"),
    ],
)
def test_a_malformed_limit_says_why(text, why):
    with pytest.raises(ValueError, match=why):
        parse_limit(text)


@pytest.mark.parametrize(
    ("text", "is_broken"),
    [
        ("ttfa>120ms", False),
        ("ttfa>119ms", True),
        ("ttfa>=120ms", True),
        ("ttfa_max<120ms", False),
        ("ttfa_max<=130ms", True),
        ("gaps>0", True),
        ("gaps_p50>0", False),
        ("continuity<60%", False),
        ("continuity<67%", True),
    ],
)
def test_limits_on_measurements(text, is_broken):
    outcome = speech_outcome(
        "opus",
        speech_run(ttfa_ms=110.0),
        speech_run(ttfa_ms=120.0),
        speech_run(ttfa_ms=130.0, gaps=[(0.5, 99)]),
    )
    assert (parse_limit(text).breach(outcome) is not None) == is_broken


def test_a_breach_names_the_case_the_limit_and_the_value():
    limit = parse_limit("ttfa > 0.1s")
    assert limit.breach(speech_outcome("opus", speech_run())) == (
        "opus from http://server.test/v1: ttfa > 0.1s: it is 110 ms"
    )
    assert (
        parse_limit("rtf>0.1")
        .breach(speech_outcome("pcm", speech_run()))
        .endswith("rtf>0.1: it is 0.20")
    )


def test_a_limit_on_something_not_measured_is_broken():
    breach = parse_limit("ttfa>1s").breach(speech_outcome("opus"))
    assert breach.endswith("ttfa>1s: no p50 of ttfa was measured")
    assert (
        parse_limit("ttfa_p99>1s")
        .breach(speech_outcome("opus", speech_run()))
        .endswith("no p99 of ttfa was measured")
    )


def test_failures_are_counted():
    outcome = speech_outcome("opus", speech_run())
    limit = parse_limit("failures>0")
    assert limit.breach(outcome) is None
    outcome.failures.append(NetworkError("cut"))
    assert limit.breach(outcome).endswith("failures>0: it is 1")


def test_every_metric_has_readings():
    later = {"failures", "launch_to_sound_ms", "missing_ms"}
    assert {metric.readings for metric in METRICS.values()} <= set(readings([speech_run()])) | later
