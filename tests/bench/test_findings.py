from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.bench.results import speech_run
from voicecli.bench.bursts import burst_finding
from voicecli.bench.findings import (
    MIN_BUFFER_MS,
    audio_by_text,
    buffer_needed_ms,
    findings,
    missing_ms,
    recommended_buffer_ms,
)
from voicecli.playback.arrivals import Arrivals
from voicecli.playback.ideal import IdealPlayer
from voicecli.playback.policy import BufferPolicy

STREAM = [(100.0 + 50 * i, 0.1) for i in range(20)]


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 300)), min_size=1, max_size=30))
@example([(0, 100), (21, 100), (200, 5), (1, 3)])  # the third block comes as the others end
def test_the_needed_buffer_leaves_no_gap(steps):
    """One step less leaves some, unless it is already the minimum."""
    at_ms, blocks = 100.0, []
    for wait_ms, audio_ms in steps:
        at_ms += wait_ms
        blocks.append((at_ms, audio_ms / 1e3))
    run = speech_run(blocks)
    needed_ms = buffer_needed_ms(run)
    assert gaps(blocks, needed_ms + 1) == 0 or run.metrics["needed_prebuffer_ms"] <= 20
    if needed_ms > MIN_BUFFER_MS:
        assert gaps(blocks, needed_ms * 0.9) > 0 or same_arrival_fills_less(blocks, needed_ms)


def same_arrival_fills_less(blocks, needed_ms):
    """Return whether a smaller buffer would have been filled by the same arrival."""
    arrivals = Arrivals()
    so_far = 0.0
    for at_ms, duration_s in blocks:
        arrivals.add(at_ms / 1e3, duration_s)
        so_far += duration_s * 1e3
        if so_far >= needed_ms * 0.9:
            return so_far > needed_ms
    return True


def gaps(blocks, buffer_ms):
    """Count gaps longer than rounding errors; nothing is refilled, which would lengthen these."""
    player = IdealPlayer(8000, BufferPolicy(start_s=buffer_ms / 1e3, resume_s=0.0))
    for at_ms, duration_s in blocks:
        player.arrive(round(duration_s * 8000), at_ms / 1e3)
    player.end(blocks[-1][0] / 1e3)
    return sum(gap.silence_s > 0.0005 for gap in player.timeline.underruns)


def test_jitter_of_the_machine_needs_no_buffer():
    assert buffer_needed_ms(speech_run(needed_ms=14.0)) == MIN_BUFFER_MS
    assert buffer_needed_ms(speech_run(needed_ms=None)) == MIN_BUFFER_MS


def test_the_recommended_buffer_suits_95_percent_of_runs():
    needy = [(100.0, 0.2), (1000.0, 0.5), (1100.0, 1.0)]
    runs = [speech_run(STREAM)] * 19 + [speech_run(needy)]
    assert recommended_buffer_ms(runs) == 60
    assert recommended_buffer_ms(runs[10:]) == 200
    assert recommended_buffer_ms([]) is None


def test_speech_shorter_than_pcm_was_cut():
    reference = audio_by_text(
        [speech_run([(1.0, 1.1)]), speech_run([(1.0, 1.0)]), speech_run(text=1)]
    )
    assert reference == {0: [1.1, 1.0], 1: [1.0]}
    cut = speech_run([(100.0, 0.9)])
    assert missing_ms(cut, reference) == pytest.approx(100.0)
    assert missing_ms(speech_run(text=2), reference) is None
    assert findings([cut, cut, speech_run()], reference) == [
        "cuts off the end: 100 ms shorter than pcm"
    ]
    assert findings([cut, speech_run(), speech_run()], reference) == []
    assert findings([speech_run([(100.0, 1.02)])], reference) == []


def test_a_server_slower_than_real_time():
    slow = speech_run([(100.0 + 125 * i, 0.1) for i in range(10)])
    assert findings([slow], {}) == ["slower than real time (0.80 ×): long texts will have pauses"]


def test_a_server_that_bursts_is_reported():
    held = speech_run([(900.0, 1.5), (940.0, 0.5), (1000.0, 0.5)])
    assert findings([held], {}) == [burst_finding([held])]
    assert findings([held], {}, is_streamed=False) == []


def test_gaps_come_with_a_buffer_that_would_have_prevented_them():
    gapped = speech_run(STREAM, gaps=[(0.5, 200.0)])
    assert findings([gapped, speech_run(STREAM)], {}) == ["gaps in 1 of 2 runs; try --buffer-ms 60"]


def test_no_runs_give_no_findings():
    assert findings([], {}) == []
