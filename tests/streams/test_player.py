from __future__ import annotations

import numpy as np
import pytest

from tests.playback.clocks import virtual_clock
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.null import DiscardSink, NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.streams.player import Player

RATE_HZ = 1_000  # a frame is a millisecond
FORMAT = AudioFormat(RATE_HZ, 1)


class RecordingSink(NullSink):
    """A null sink that records what it was given, and when."""

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


def player_over(sink, clock, *, lead_s=0.1, format=FORMAT):
    player = Player(sink, format, lead_s, clock)
    thread = clock.spawn(player.run)
    return player, thread


def test_the_sink_gets_its_lead_and_the_rest_when_due(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    player.add(ramp(250))
    clock.sleep(0.001)
    assert sink.written[0][0] == 0
    assert len(sink.samples) == 100
    assert player.unheard == 249
    while player.unheard:
        clock.sleep(0.001)
        ahead = len(sink.samples) - sink.position()
        assert ahead <= 100
        assert ahead >= min(75, player.unheard)
    assert np.array_equal(sink.samples, ramp(250)[:, 0])
    assert player.underruns == 0


def test_pieces_shorter_than_the_lead_are_handed_over_at_once(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    for number in range(5):
        player.add(ramp(10, number * 10))
        clock.sleep(0.01)
    assert [at for at, _ in sink.written] == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])


def test_a_lead_of_one_frame_still_plays(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock, lead_s=0.0)
    player.add(ramp(20))
    clock.sleep(0.1)
    assert np.array_equal(sink.samples, ramp(20)[:, 0])


def test_dropping_takes_the_oldest_that_the_sink_does_not_have(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    player.add(ramp(120))
    player.add(ramp(50, 1000))
    player.add(ramp(50, 2000))
    clock.sleep(0.001)
    assert player.drop_oldest() == 20  # the rest of the first
    assert player.drop_oldest() == 50
    assert player.unheard == 99 + 50
    clock.sleep(1)
    assert np.array_equal(sink.samples, np.concatenate([ramp(100), ramp(50, 2000)])[:, 0])
    assert player.drop_oldest() == 0


def test_clearing_drops_what_the_sink_has_too(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    player.add(ramp(1000))
    clock.sleep(0.05)
    before = len(sink.samples)
    assert player.unheard == 1000 - 50
    player.clear()
    assert player.unheard == 0
    assert sink.report().heard_frames == 50
    clock.sleep(1)
    assert len(sink.samples) == before
    player.add(ramp(10))
    clock.sleep(0.1)
    assert len(sink.samples) == before + 10
    assert player.underruns == 0  # that silence was intended


def test_a_gap_is_an_underrun_unless_intended(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    player.add(ramp(10))
    clock.sleep(0.1)
    player.add(ramp(10))
    clock.sleep(0.1)
    assert player.underruns == 1
    player.expect_silence()
    clock.sleep(1)
    player.add(ramp(10))
    clock.sleep(0.1)
    assert player.underruns == 1


def test_left_before_counts_up_to_a_number_of_accepted_frames(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    player.add(ramp(200))
    until = player.accepted
    clock.sleep(0.05)
    player.add(ramp(300))
    assert player.left_before(until) == 150
    assert player.left_before(player.accepted) == 450
    clock.sleep(0.15)
    assert player.left_before(until) == 0
    assert player.unheard == 300
    assert sink.position() == 200


def test_a_sink_that_wants_more_than_its_lead_gets_it(clock):
    sink = RecordingSink(clock, start_s=0.25)
    player, _ = player_over(sink, clock)
    player.add(ramp(1000))
    clock.sleep(0.5)
    assert sink.snapshot().playing
    # Lead by lead, so that what could be dropped stays in the queue.
    first, second, third = [at for at, _ in sink.written][:3]
    assert first == 0
    assert 0.1 <= second <= 0.13
    assert 0.2 <= third <= 0.26
    assert len(sink.samples) < 500


def test_release_lets_a_sink_play_that_waits_for_more(clock):
    sink = RecordingSink(clock, start_s=0.05)
    player, _ = player_over(sink, clock)
    player.add(ramp(20, 1))
    clock.sleep(1)
    assert sink.position() == 0
    player.release()
    assert player.left_before(player.accepted) >= 1
    clock.sleep(0.2)
    assert sink.position() == len(sink.samples) == 50
    assert np.array_equal(sink.samples[:20], ramp(20, 1)[:, 0])
    assert not sink.samples[20:].any()
    assert player.left_before(player.accepted) == 0


def test_release_empties_the_resampler(clock):
    sink = RecordingSink(clock, format=AudioFormat(48_000, 2))
    player, _ = player_over(sink, clock, format=AudioFormat(24_000, 1))
    player.add(np.full((2_400, 1), 1000, np.int16))
    clock.sleep(0.01)
    assert len(sink.samples) < 4_800
    player.release()
    clock.sleep(0.5)
    assert len(sink.samples) == 4_800
    assert sink.written[0][1].shape[1] == 2
    assert player.left_before(player.accepted) == 0


def test_release_waits_until_the_queue_is_empty(clock):
    sink = RecordingSink(clock)
    player, _ = player_over(sink, clock)
    player.add(ramp(300))
    player.release()
    clock.sleep(0.1)
    until = player.accepted
    player.add(ramp(100, 300))
    clock.sleep(0.2)
    assert player.left_before(until) == 0
    assert player.left_before(player.accepted) == 100
    clock.sleep(0.2)
    assert player.left_before(player.accepted) == 0
    assert np.array_equal(sink.samples, ramp(400)[:, 0])


def test_a_sink_without_a_clock_takes_everything_at_once(clock):
    player, _ = player_over(DiscardSink(FORMAT), clock)
    player.add(ramp(5_000))
    player.release()
    clock.sleep(0.2)
    assert player.unheard == 0
    assert player.left_before(player.accepted) == 0


def test_closing_silences_at_once_and_closes_on_its_own_thread(clock):
    sink = RecordingSink(clock)
    player, thread = player_over(sink, clock)
    player.add(ramp(500))
    clock.sleep(0.03)
    player.close(was_run=True)
    assert sink.calls == ["start", "abort"]
    thread.join()
    assert sink.calls == ["start", "abort", "close"]
    assert player.finished
    assert player.fault is None
    assert sink.position() == 30


def test_closing_a_player_that_never_ran_closes_the_sink(clock):
    sink = RecordingSink(clock)
    Player(sink, FORMAT, 0.1, clock).close(was_run=False)
    assert sink.calls == ["abort", "close"]


def test_a_fault_is_kept(clock):
    class Broken(RecordingSink):
        def write(self, samples):
            raise ZeroDivisionError

    sink = Broken(clock)
    player, thread = player_over(sink, clock)
    player.add(ramp(10))
    thread.join()
    assert isinstance(player.fault, ZeroDivisionError)
    assert player.finished
    assert sink.calls[-1] == "close"
