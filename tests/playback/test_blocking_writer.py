from __future__ import annotations

from math import inf

import numpy as np
import pytest

from tests.playback.fakes import ramp
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.base import Underrun
from voicecli.playback.blocking_writer import BlockingWriter
from voicecli.playback.policy import BufferPolicy, Gate, Thresholds
from voicecli.playback.ring import Ring
from voicecli.playback.timeline import Timeline

RATE_HZ = 1000  # a frame is a millisecond
PIECE = 20


class Rig:
    """A writer with everything around it, and a device that takes pieces of 20 ms at once."""

    def __init__(self, start=0, resume=0, policy=None):
        self.ring = Ring(10_000, AudioFormat(RATE_HZ, 1))
        self.timeline = Timeline(RATE_HZ)
        self.gate = Gate(policy or BufferPolicy(start / RATE_HZ, resume / RATE_HZ))
        self.writer = BlockingWriter(self.ring, self.gate, self.timeline, RATE_HZ)

    def arrive(self, frames):
        assert self.ring.write(ramp(frames, start=self.ring.written)) == frames

    def put(self, now, *, underflowed=False, held=None):
        """Write one piece at ``now``; return its frames as numbers."""
        assert self.writer.due_at(now) <= now
        block = np.full((PIECE, 1), -1, np.int16)
        count = self.writer.take(block, now)
        if held is None:
            held = round((self.timeline.ends_at - now) * RATE_HZ)
        self.writer.wrote(held, now, underflowed=underflowed, tolerance_s=0.01)
        return block[:count, 0].tolist()


def test_nothing_is_due_before_the_threshold():
    rig = Rig(start=50)
    assert rig.writer.due_at(1.0) == inf
    rig.arrive(49)
    assert rig.writer.due_at(1.0) == inf
    rig.arrive(1)
    assert rig.writer.due_at(1.0) <= 1.0


def test_the_end_of_input_releases_the_threshold():
    rig = Rig(start=50)
    rig.arrive(5)
    rig.writer.input_ended = True
    assert rig.put(1.0) == list(range(1, 6))
    assert rig.writer.due_at(1.001) == inf


def test_pieces_follow_one_another():
    rig = Rig()
    rig.arrive(30)
    assert rig.put(1.0) == list(range(1, 21))
    assert rig.put(1.001) == list(range(21, 31))
    assert rig.writer.due_at(1.002) == inf  # nothing is there
    assert not rig.writer.rebuffering  # but the device still has something
    assert rig.gate.released_at == 1.0


def test_a_starved_device_waits_for_a_refill_and_the_gap_is_counted():
    rig = Rig(resume=40)
    rig.arrive(20)
    rig.put(1.0)
    assert rig.writer.due_at(1.02) == inf
    assert rig.writer.rebuffering
    rig.arrive(39)
    assert rig.writer.due_at(1.05) == inf
    rig.arrive(1)
    assert rig.writer.due_at(1.06) == pytest.approx(1.02)
    rig.put(1.06)
    assert not rig.writer.rebuffering
    (underrun,) = rig.writer.report(2.0).underruns
    assert underrun == Underrun(0.02, pytest.approx(0.04), pytest.approx(1.02))


def test_each_further_pause_refills_more():
    class Doubling(BufferPolicy):
        def thresholds(self, progress, ahead_s):
            return Thresholds(0.0, 0.04, most_s=1.0)

    rig = Rig(policy=Doubling())
    rig.arrive(20)
    rig.put(1.0)
    rig.writer.due_at(1.1)
    rig.arrive(40)
    rig.put(1.2)
    rig.put(1.21)
    rig.writer.due_at(1.3)  # the second gap, after one that is booked
    rig.arrive(79)
    assert rig.writer.due_at(1.4) == inf
    rig.arrive(1)
    assert rig.writer.due_at(1.4) < 1.4


def test_the_end_of_input_ends_a_pause():
    rig = Rig(resume=1000)
    rig.arrive(20)
    rig.put(1.0)
    assert rig.writer.due_at(1.05) == inf
    rig.arrive(5)
    rig.writer.input_ended = True
    assert rig.put(1.06) == list(range(21, 26))


def test_a_late_writer_makes_no_pause():
    rig = Rig(resume=1000)
    rig.arrive(40)
    rig.put(1.0)
    assert rig.writer.due_at(1.5) == 1.5
    assert not rig.writer.rebuffering


def test_the_end_of_input_makes_no_pause():
    rig = Rig(resume=1000)
    rig.arrive(20)
    rig.put(1.0)
    rig.writer.input_ended = True
    assert rig.writer.due_at(1.5) == inf
    assert not rig.writer.rebuffering


def test_underflows_have_their_position_and_the_first_is_ignored():
    rig = Rig()
    rig.arrive(60)
    rig.put(1.0, underflowed=True)  # silence was in front of it
    rig.put(1.02)
    rig.put(1.04, underflowed=True)
    assert rig.writer.report(2.0).underflows_at_s == (0.04,)


def test_levels_are_sampled_until_the_end_of_input():
    rig = Rig(resume=30)
    rig.arrive(50)
    for at in (1.0, 1.02, 1.04):
        rig.put(at)
    rig.writer.due_at(1.06)  # a gap
    rig.arrive(30)
    rig.writer.input_ended = True
    rig.put(1.07)
    report = rig.writer.report(2.0)
    assert (report.start_buffered_s, report.min_buffered_s) == (0.05, 0.0)
    assert report.mean_buffered_s == pytest.approx((0.05 + 0.03 + 0.01 + 0.0) / 4)


def test_the_timeline_follows_the_device():
    rig = Rig()
    rig.arrive(20)
    rig.put(1.0, held=25)  # within the tolerance
    assert rig.timeline.ends_at == pytest.approx(1.02)
    rig.arrive(20)
    rig.put(1.01, held=60)
    assert rig.timeline.ends_at == pytest.approx(1.07)
