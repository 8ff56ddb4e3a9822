from __future__ import annotations

import numpy as np
import pytest

from tests.playback.clocks import virtual_clock
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.null import DiscardSink, NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.streams.pump import Pump

RATE_HZ = 1_000  # a frame is a millisecond
FORMAT = AudioFormat(RATE_HZ, 1)


class RecordingSink(NullSink):
    """A null sink that keeps what it was given, and when."""

    def __init__(self, clock, *, start_s=0.0, format=FORMAT):
        super().__init__(format, BufferPolicy.fixed(start_s), clock)
        self.clock = clock
        self.written = []
        self.calls = []

    def start(self):
        super().start()
        self.calls.append("start")

    def write(self, samples):
        super().write(samples)
        self.written.append((round(self.clock.now() - 1000, 6), samples.copy()))

    def abort(self):
        if self._silent_at is None:
            self.calls.append("abort")
        super().abort()

    def close(self):
        self.calls.append("close")
        super().close()

    @property
    def samples(self):
        return np.concatenate([samples for _, samples in self.written])[:, 0]


@pytest.fixture
def clock():
    with virtual_clock() as clock:
        yield clock


def ramp(frames, start=0):
    return np.arange(start, start + frames, dtype=np.int16).reshape(-1, 1)


def pump_over(sink, clock, *, lead_s=0.1, format=FORMAT):
    pump = Pump(sink, format, lead_s, clock)
    thread = clock.spawn(pump.run)
    return pump, thread


def test_the_sink_gets_its_lead_and_the_rest_when_it_is_due(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(250))
    clock.sleep(0.001)
    assert sink.written[0][0] == 0
    assert len(sink.samples) == 100
    assert pump.unheard == 249
    while pump.unheard:
        clock.sleep(0.001)
        ahead = len(sink.samples) - sink.position()
        assert ahead <= 100
        assert ahead >= min(75, pump.unheard)
    assert np.array_equal(sink.samples, ramp(250)[:, 0])
    assert pump.underruns == 0


def test_pieces_shorter_than_the_lead_go_on_at_once(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    for number in range(5):
        pump.add(ramp(10, number * 10))
        clock.sleep(0.01)
    assert [at for at, _ in sink.written] == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])


def test_a_lead_of_one_frame_still_flows(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock, lead_s=0.0)
    pump.add(ramp(20))
    clock.sleep(0.1)
    assert np.array_equal(sink.samples, ramp(20)[:, 0])


def test_dropping_takes_the_oldest_that_the_sink_has_not(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(120))
    pump.add(ramp(50, 1000))
    pump.add(ramp(50, 2000))
    clock.sleep(0.001)
    assert pump.drop_oldest() == 20  # the rest of the first
    assert pump.drop_oldest() == 50
    assert pump.unheard == 99 + 50
    clock.sleep(1)
    assert np.array_equal(sink.samples, np.concatenate([ramp(100), ramp(50, 2000)])[:, 0])
    assert pump.drop_oldest() == 0


def test_clearing_leaves_the_sink_what_it_has(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(1000))
    clock.sleep(0.05)
    before = len(sink.samples)
    pump.clear()
    assert pump.unheard == before - 50
    clock.sleep(1)
    assert len(sink.samples) == before
    pump.add(ramp(10))
    clock.sleep(0.1)
    assert len(sink.samples) == before + 10
    assert pump.underruns == 0  # that silence was meant


def test_a_hole_is_an_underrun_unless_it_was_meant(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(10))
    clock.sleep(0.1)
    pump.add(ramp(10))
    clock.sleep(0.1)
    assert pump.underruns == 1
    pump.pause()
    clock.sleep(1)
    pump.add(ramp(10))
    clock.sleep(0.1)
    assert pump.underruns == 1


def test_left_before_counts_to_what_was_accepted_then(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(200))
    until = pump.accepted
    clock.sleep(0.05)
    pump.add(ramp(300))
    assert pump.left_before(until) == 150
    assert pump.left_before(pump.accepted) == 450
    clock.sleep(0.15)
    assert pump.left_before(until) == 0
    assert pump.unheard == 300
    assert pump.heard == 200


def test_a_sink_that_wants_more_than_its_lead_gets_it(clock):
    sink = RecordingSink(clock, start_s=0.25)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(1000))
    clock.sleep(0.5)
    assert sink.snapshot().playing
    # Lead by lead, so that what is there to be dropped is not poured in at once.
    first, second, third = [at for at, _ in sink.written][:3]
    assert first == 0
    assert 0.1 <= second <= 0.13
    assert 0.2 <= third <= 0.26
    assert len(sink.samples) < 500


def test_release_lets_a_sink_play_that_waits_for_more(clock):
    sink = RecordingSink(clock, start_s=0.05)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(20, 1))
    clock.sleep(1)
    assert sink.position() == 0
    pump.release()
    assert pump.left_before(pump.accepted) >= 1
    clock.sleep(0.2)
    assert sink.position() == len(sink.samples) == 50
    assert np.array_equal(sink.samples[:20], ramp(20, 1)[:, 0])
    assert not sink.samples[20:].any()
    assert pump.left_before(pump.accepted) == 0


def test_release_empties_the_resampler(clock):
    sink = RecordingSink(clock, format=AudioFormat(48_000, 2))
    pump, _ = pump_over(sink, clock, format=AudioFormat(24_000, 1))
    pump.add(np.full((2_400, 1), 1000, np.int16))
    clock.sleep(0.01)
    assert len(sink.samples) < 4_800
    pump.release()
    clock.sleep(0.5)
    assert len(sink.samples) == 4_800
    assert sink.written[0][1].shape[1] == 2
    assert pump.left_before(pump.accepted) == 0


def test_release_while_more_is_queued_waits_for_its_turn(clock):
    sink = RecordingSink(clock)
    pump, _ = pump_over(sink, clock)
    pump.add(ramp(300))
    pump.release()
    clock.sleep(0.1)
    until = pump.accepted
    pump.add(ramp(100, 300))
    clock.sleep(0.2)
    assert pump.left_before(until) == 0
    assert pump.left_before(pump.accepted) == 100
    clock.sleep(0.2)
    assert pump.left_before(pump.accepted) == 0
    assert np.array_equal(sink.samples, ramp(400)[:, 0])


def test_a_sink_without_time_takes_all_at_once(clock):
    pump, _ = pump_over(DiscardSink(FORMAT), clock)
    pump.add(ramp(5_000))
    pump.release()
    clock.sleep(0.2)
    assert pump.unheard == 0
    assert pump.left_before(pump.accepted) == 0


def test_closing_silences_at_once_and_closes_on_its_own_thread(clock):
    sink = RecordingSink(clock)
    pump, thread = pump_over(sink, clock)
    pump.add(ramp(500))
    clock.sleep(0.03)
    pump.close(was_run=True)
    assert sink.calls == ["start", "abort"]
    thread.join()
    assert sink.calls == ["start", "abort", "close"]
    assert pump.finished
    assert pump.fault is None
    assert sink.position() == 30


def test_closing_what_never_ran_closes_the_sink(clock):
    sink = RecordingSink(clock)
    Pump(sink, FORMAT, 0.1, clock).close(was_run=False)
    assert sink.calls == ["abort", "close"]


def test_a_fault_is_kept(clock):
    class Broken(RecordingSink):
        def write(self, samples):
            raise ZeroDivisionError

    sink = Broken(clock)
    pump, thread = pump_over(sink, clock)
    pump.add(ramp(10))
    thread.join()
    assert isinstance(pump.fault, ZeroDivisionError)
    assert pump.finished
    assert sink.calls[-1] == "close"
