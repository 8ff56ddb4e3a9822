from __future__ import annotations

import pytest

from tests.bench.results import speech_run
from voicecli.bench.bursts import Burst, burst_finding, largest_burst

STREAM = [(100.0 + 50 * i, 0.1) for i in range(20)]


def test_a_stream_has_no_burst():
    assert largest_burst(speech_run(STREAM).arrivals) == Burst(0.0, 0.0)


def test_audio_that_arrives_at_once_after_a_pause_is_a_burst():
    """The first 0.4 s arrive within 40 ms; what arrives later does not belong to it."""
    blocks = [(600.0 + 10 * i, 0.1) for i in range(4)] + [(700.0, 1.0)]
    burst = largest_burst(speech_run(blocks).arrivals)
    assert burst == (pytest.approx(0.4), pytest.approx(0.6))


def test_the_largest_burst_counts():
    burst = largest_burst(speech_run([(300.0, 0.2), (700.0, 0.5), (1000.0, 0.1)]).arrivals)
    assert burst == (pytest.approx(0.5), pytest.approx(0.4))


def test_a_server_that_buffers_then_bursts():
    held = speech_run([(900.0, 1.5), (940.0, 0.5), (1000.0, 0.5)])
    assert burst_finding([held]) == (
        "buffers, then bursts: 80% of the audio arrived at once, after 900 ms of nothing"
    )
    short = speech_run([(900.0, 0.5)])
    assert burst_finding([short, short]) is None


def test_a_fast_but_distant_server_does_not_burst():
    assert burst_finding([speech_run([(390.0, 2.0)])]) is None
    assert burst_finding([speech_run([(410.0, 2.0)])])
    assert burst_finding([speech_run([(990.0, 30.0)])]) is None
    assert burst_finding([speech_run([(1010.0, 30.0)])])
