from __future__ import annotations

import pytest

from tests.bench.page.runs import silent, speech_run, steady
from voicecli.bench.page import captions
from voicecli.bench.page.curves import Curves, Gap
from voicecli.playback.policy import BufferPolicy

STALL = speech_run([(0.0, 1.0), (2.0, 1.0)], policy=BufferPolicy.fixed(0.0), ttfb_ms=200.0)


def gap(at_s, ms, cause="network"):
    return Gap(0.0, ms / 1e3, at_s, cause)


@pytest.mark.parametrize(
    ("ms", "text"),
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
def test_milliseconds_have_a_decimal_below_100(ms, text):
    assert captions.milliseconds(ms) == text


def test_the_caption_of_a_waterfall():
    parts = {"first_byte": 204.2, "prebuffer": 0.0, "silence": 20.0}
    caption = captions.waterfall("opus", parts)
    assert caption == "opus: first byte 204, prebuffer 0, silence 20; total 224 ms."


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "opus: nothing was heard."),
        ([250.4], "opus: 1 run, 250 to 250 ms, p50 250, p95 250."),
        ([300.0, 100.0, 200.0], "opus: 3 runs, 100 to 300 ms, p50 200, p95 290."),
    ],
)
def test_the_caption_of_a_distribution(values, text):
    assert captions.distribution("opus", values) == text


def test_the_caption_of_arrivals():
    assert captions.arrival(Curves.of(STALL)) == (
        "2.00 s of audio, all decoded after 2.20 s. First sound after 200 ms, last after 3.20 s."
    )
    assert captions.arrival(Curves.of(silent())) == "Nothing arrived. Nothing was heard."
    stall = Curves.of(STALL)
    assert captions.arrival(Curves(stall.decoded, (), stall.level, ())) == (
        "2.00 s of audio, all decoded after 2.20 s. Nothing was heard."
    )


def test_the_caption_of_the_level():
    caption = captions.level(STALL, Curves.of(STALL))
    levels = STALL.metrics["buffer"]
    assert levels["start_ms"] == 1000.0
    assert caption.startswith("1000 ms at the start, 0 ms minimum, ")
    assert f"{levels['mean_ms']:.0f} ms on average. 1 gap: 1000 ms at 1.00 s (network)." in caption
    assert captions.level(silent(), Curves.of(silent())) == "No gaps."
    assert captions.level(steady(), Curves.of(steady())).endswith(" on average. No gaps.")


def test_many_gaps_are_counted():
    curves = Curves((), (), (), tuple(gap(n, 100 + n) for n in range(8)))
    assert captions.gaps(curves).startswith("8 gaps: 100 ms at 0.00 s (network), 101 ms at 1.00 s")
    assert captions.gaps(curves).endswith("105 ms at 5.00 s (network), and 2 more.")
    two = Curves((), (), (), (gap(1, 85.5, "decoder"), gap(2.345, 7.0, "machine")))
    assert captions.gaps(two) == "2 gaps: 85.5 ms at 1.00 s (decoder), 7 ms at 2.35 s (machine)."
