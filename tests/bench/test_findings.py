from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.spoken import answer
from voicecli.bench.findings import (
    LEAST_BUFFER_MS,
    Burst,
    audio_by_text,
    buffer_needed_ms,
    findings,
    largest_burst,
    missing_ms,
    recommended_buffer_ms,
)
from voicecli.playback.arrivals import Arrivals
from voicecli.playback.ideal import IdealPlayer
from voicecli.playback.policy import BufferPolicy

STREAM = [(100.0 + 50 * i, 0.1) for i in range(20)]


def test_a_stream_is_no_burst():
    assert largest_burst(answer(STREAM).arrivals) == Burst(0.0, 0.0)


def test_what_comes_at_once_after_a_pause_is_one():
    """The first 0.4 s come within 40 ms; what comes later is not of it."""
    blocks = [(600.0 + 10 * i, 0.1) for i in range(4)] + [(700.0, 1.0)]
    burst = largest_burst(answer(blocks).arrivals)
    assert burst == (pytest.approx(0.4), pytest.approx(0.6))


def test_the_greatest_of_several_counts():
    burst = largest_burst(answer([(300.0, 0.2), (700.0, 0.5), (1000.0, 0.1)]).arrivals)
    assert burst == (pytest.approx(0.5), pytest.approx(0.4))


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 300)), min_size=1, max_size=30))
def test_the_buffer_that_is_said_to_be_needed_leaves_no_gap(steps):
    """And one step less leaves some, unless it is the least that there is."""
    at_ms, blocks = 100.0, []
    for wait_ms, audio_ms in steps:
        at_ms += wait_ms
        blocks.append((at_ms, audio_ms / 1e3))
    run = answer(blocks)
    needed_ms = buffer_needed_ms(run)
    assert gaps(blocks, needed_ms + 1) == 0 or run.metrics["needed_prebuffer_ms"] <= 20
    if needed_ms > LEAST_BUFFER_MS:
        assert gaps(blocks, needed_ms * 0.9) > 0 or had_more(blocks, needed_ms)


def had_more(blocks, needed_ms):
    """Whether less of a buffer would have been filled by the same arrival."""
    arrivals = Arrivals()
    so_far = 0.0
    for at_ms, duration_s in blocks:
        arrivals.add(at_ms / 1e3, duration_s)
        so_far += duration_s * 1e3
        if so_far >= needed_ms * 0.9:
            return so_far > needed_ms
    return True


def gaps(blocks, buffer_ms):
    player = IdealPlayer(8000, BufferPolicy.fixed(buffer_ms / 1e3))
    for at_ms, duration_s in blocks:
        player.arrive(round(duration_s * 8000), at_ms / 1e3)
    player.end(blocks[-1][0] / 1e3)
    return sum(hole.silence_s > 0.001 for hole in player.timeline.underruns)


def test_the_machine_s_own_lateness_needs_no_buffer():
    assert buffer_needed_ms(answer(needed_ms=14.0)) == LEAST_BUFFER_MS
    assert buffer_needed_ms(answer(needed_ms=None)) == LEAST_BUFFER_MS


def test_the_recommended_buffer_is_that_of_nearly_all():
    needy = [(100.0, 0.2), (1000.0, 0.5), (1100.0, 1.0)]
    runs = [answer(STREAM)] * 19 + [answer(needy)]
    assert recommended_buffer_ms(runs) == 60
    assert recommended_buffer_ms(runs[10:]) == 200
    assert recommended_buffer_ms([]) is None


def test_speech_shorter_than_as_pcm_was_cut():
    reference = audio_by_text([answer([(1.0, 1.1)]), answer([(1.0, 1.0)]), answer(text=1)])
    assert reference == {0: [1.1, 1.0], 1: [1.0]}
    cut = answer([(100.0, 0.9)])
    assert missing_ms(cut, reference) == pytest.approx(100.0)
    assert missing_ms(answer(text=2), reference) is None
    assert findings([cut, cut, answer()], reference) == ["cuts the end: 100 ms less than as pcm"]
    assert findings([cut, answer(), answer()], reference) == []
    assert findings([answer([(100.0, 1.02)])], reference) == []


def test_slower_than_speech():
    slow = answer([(100.0 + 125 * i, 0.1) for i in range(10)])
    assert findings([slow], {}) == [
        "slower than speech: at 0.80 of its pace, a long text has to pause"
    ]


def test_a_server_that_holds_back():
    held = answer([(900.0, 1.5), (940.0, 0.5), (1000.0, 0.5)])
    (said,) = findings([held], {})
    assert said == "buffers, then bursts: 80% of the audio came at once, after 900 ms of nothing"
    short = answer([(900.0, 0.5)])
    assert findings([short], {}) == []


def test_a_far_server_that_is_fast_holds_nothing_back():
    assert findings([answer([(390.0, 2.0)])], {}) == []
    assert findings([answer([(410.0, 2.0)])], {})
    assert findings([answer([(990.0, 30.0)])], {}) == []
    assert findings([answer([(1010.0, 30.0)])], {})


def test_gaps_come_with_what_would_have_helped():
    gapped = answer(STREAM, gaps=[(0.5, 200.0)])
    assert findings([gapped, answer(STREAM)], {}) == ["gaps in 1 of 2 runs; --buffer-ms 60"]


def test_nothing_heard_is_nothing_found():
    assert findings([], {}) == []
