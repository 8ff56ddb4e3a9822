"""What only the sinks without a device do; the rest is in test_contract."""

from __future__ import annotations

import pytest

from tests.playback.fakes import RATE_HZ, seconds
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.null import DiscardSink, NullSink
from voicecli.playback.policy import JITTER_S, AdaptivePolicy, BufferPolicy

FORMAT = AudioFormat(RATE_HZ, 1)


@pytest.fixture
def sink(clock):
    return NullSink(FORMAT, BufferPolicy.fixed(0.1), clock)


def test_the_format_is_the_wanted_one(sink):
    assert sink.format is FORMAT


def test_it_reports_what_a_perfect_device_would_do(sink, clock):
    began_at = clock.now()
    sink.start()
    sink.write(seconds(0.5))
    clock.sleep(0.75)
    sink.write(seconds(0.5, start_s=0.5))
    clock.sleep(0.25)
    sink.write(seconds(0.5, start_s=1.0))
    sink.end_input()
    sink.drain()
    assert sink.report() == SinkReport(
        first_sound_at=began_at,
        last_sound_at=began_at + 1.75,
        heard_frames=RATE_HZ * 3 // 2,
        underruns=(Underrun(0.5, 0.25),),
        start_buffered_s=0.5,
        min_buffered_s=0.0,
        mean_buffered_s=(0.5 + 0.0 + 0.5 + 0.25 + 0.75) / 5,
        arrived_at=began_at,
        released_at=began_at,
        needed_s=0.25,
    )


ADAPTIVE = AdaptivePolicy().with_history([0.2] * 5)
WAIT_S = 0.2 * ADAPTIVE.safety + JITTER_S


@pytest.mark.parametrize("ask", ["position", "snapshot", "report", "abort"])
def test_it_starts_on_time_without_being_called(clock, ask):
    sink, began_at = NullSink(FORMAT, ADAPTIVE, clock), clock.now()
    sink.start()
    sink.write(seconds(2.0))
    assert sink.report().first_sound_at is None
    clock.sleep(WAIT_S + 0.5)
    getattr(sink, ask)()
    report = sink.report()
    assert report.first_sound_at == report.released_at == pytest.approx(began_at + WAIT_S)
    assert report.heard_frames == pytest.approx(0.5 * RATE_HZ, abs=1)


def test_a_pause_ends_on_time_without_being_called(clock):
    sink = NullSink(FORMAT, AdaptivePolicy().with_history([0.0] * 5), clock)
    sink.start()
    sink.write(seconds(0.2))
    clock.sleep(0.21)
    sink.write(seconds(1.0))  # 10 ms late: a click, so it becomes a pause
    clock.sleep(0.5)
    (gap,) = sink.report().underruns
    assert gap.silence_s == pytest.approx(AdaptivePolicy().pause_s)
    assert gap.began_at == pytest.approx(clock.now() - 0.51)


def test_it_takes_the_time_of_the_sound(sink, clock):
    sink.start()
    sink.write(seconds(2.0))
    sink.end_input()
    clock.sleep(0.5)
    assert sink.position() == RATE_HZ / 2
    snapshot = sink.snapshot()
    assert (snapshot.heard_s, snapshot.buffered_s) == (0.5, 1.5)
    assert snapshot.playing
    assert not snapshot.rebuffering


def test_discard_takes_everything_at_once_and_plays_nothing(clock):
    sink, began_at = DiscardSink(FORMAT), clock.now()
    sink.start()
    for _ in range(10):
        sink.write(seconds(60.0))
    sink.end_input()
    sink.drain()
    sink.abort()
    sink.close()
    assert clock.now() == began_at
    assert sink.format is FORMAT
    assert sink.position() == 600 * RATE_HZ
    assert sink.snapshot().heard_s == 600
    assert not sink.snapshot().playing
    assert sink.report() == SinkReport(heard_frames=600 * RATE_HZ)
