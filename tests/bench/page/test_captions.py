from __future__ import annotations

import pytest

from tests.bench.page.heard import answer, steady, unheard
from voicecli.bench.page import captions
from voicecli.bench.page.curves import Curves, Gap
from voicecli.playback.policy import BufferPolicy

STALL = answer([(0.0, 1.0), (2.0, 1.0)], policy=BufferPolicy.fixed(0.0), ttfb_ms=200.0)


def gap(at_s, ms, cause="network"):
    return Gap(0.0, ms / 1e3, at_s, cause)


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (0.0, "0"),
        (0.1, "0.1"),
        (1.5, "1.5"),
        (9.96, "10"),
        (99.9, "99.9"),
        (100.4, "100"),
        (2e4, "20000"),
    ],
)
def test_a_time_is_told_as_exactly_as_it_was_measured(ms, told):
    assert captions.milliseconds(ms) == told


def test_the_waterfall_in_words():
    parts = {"first_byte": 204.2, "prebuffer": 0.0, "silence": 20.0}
    told = captions.waterfall("opus", parts)
    assert told == "opus: first byte 204, prebuffer 0, silence 20; in all 224 ms."


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "opus: nothing was heard."),
        ([250.4], "opus: 1 run, 250 to 250 ms, p50 250, p95 250."),
        ([300.0, 100.0, 200.0], "opus: 3 runs, 100 to 300 ms, p50 200, p95 290."),
    ],
)
def test_a_distribution_in_words(values, told):
    assert captions.distribution("opus", values) == told


def test_arrivals_in_words():
    assert captions.arrival(Curves.of(STALL)) == (
        "2.00 s of audio, all decoded after 2.20 s. First sound after 200 ms, last after 3.20 s."
    )
    assert captions.arrival(Curves.of(unheard())) == "Nothing came. Nothing was heard."
    silent = Curves.of(STALL)
    assert captions.arrival(Curves(silent.decoded, (), silent.level, ())) == (
        "2.00 s of audio, all decoded after 2.20 s. Nothing was heard."
    )


def test_the_level_in_words():
    told = captions.level(STALL, Curves.of(STALL))
    levels = STALL.metrics["buffer"]
    assert levels["start_ms"] == 1000.0
    assert told.startswith("1000 ms at the start, 0 ms at least, ")
    assert f"{levels['mean_ms']:.0f} ms on average. 1 gap: 1000 ms at 1.00 s (network)." in told
    assert captions.level(unheard(), Curves.of(unheard())) == "No gap."
    assert captions.level(steady(), Curves.of(steady())).endswith(" on average. No gap.")


def test_many_gaps_are_counted():
    curves = Curves((), (), (), tuple(gap(n, 100 + n) for n in range(8)))
    assert captions.gaps(curves).startswith("8 gaps: 100 ms at 0.00 s (network), 101 ms at 1.00 s")
    assert captions.gaps(curves).endswith("105 ms at 5.00 s (network), and 2 more.")
    two = Curves((), (), (), (gap(1, 85.5, "decoder"), gap(2.345, 7.0, "machine")))
    assert captions.gaps(two) == "2 gaps: 85.5 ms at 1.00 s (decoder), 7 ms at 2.35 s (machine)."
