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


class Writer:
    """An writer with all around it, and a device that takes pieces of 20 ms at once."""

    def __init__(self, start=0, resume=0, policy=None):
        self.ring = Ring(10_000, AudioFormat(RATE_HZ, 1))
        self.timeline = Timeline(RATE_HZ)
        self.gate = Gate(policy or BufferPolicy(start / RATE_HZ, resume / RATE_HZ))
        self.writer = BlockingWriter(self.ring, self.gate, self.timeline, RATE_HZ)

    def arrive(self, frames):
        assert self.ring.write(ramp(frames, start=self.ring.written)) == frames

    def put(self, now, *, underflowed=False, held=None):
        """One piece at ``now``, as numbers."""
        assert self.writer.due_at(now) <= now
        block = np.full((PIECE, 1), -1, np.int16)
        count = self.writer.take(block, now)
        if held is None:
            held = round((self.timeline.ends_at - now) * RATE_HZ)
        self.writer.wrote(held, now, underflowed=underflowed, tolerance_s=0.01)
        return block[:count, 0].tolist()


def test_nothing_is_due_before_the_threshold():
    writer = Writer(start=50)
    assert writer.flow.due_at(1.0) == inf
    writer.arrive(49)
    assert writer.flow.due_at(1.0) == inf
    writer.arrive(1)
    assert writer.flow.due_at(1.0) <= 1.0


def test_the_end_of_input_releases_the_threshold():
    writer = Writer(start=50)
    writer.arrive(5)
    writer.flow.input_ended = True
    assert writer.put(1.0) == list(range(1, 6))
    assert writer.flow.due_at(1.001) == inf


def test_pieces_follow_one_another_as_soon_as_there_are_frames():
    writer = Writer()
    writer.arrive(30)
    assert writer.put(1.0) == list(range(1, 21))
    assert writer.put(1.001) == list(range(21, 31))
    assert writer.flow.due_at(1.002) == inf  # nothing is there
    assert not writer.flow.rebuffering  # but the device still has something
    assert writer.gate.released_at == 1.0


def test_a_device_that_ran_dry_waits_for_a_refill_and_a_hole_is_booked():
    writer = Writer(resume=40)
    writer.arrive(20)
    writer.put(1.0)
    assert writer.flow.due_at(1.02) == inf
    assert writer.flow.rebuffering
    writer.arrive(39)
    assert writer.flow.due_at(1.05) == inf
    writer.arrive(1)
    assert writer.flow.due_at(1.06) == pytest.approx(1.02)
    writer.put(1.06)
    assert not writer.flow.rebuffering
    (underrun,) = writer.flow.report(2.0).underruns
    assert underrun == Underrun(0.02, pytest.approx(0.04), pytest.approx(1.02))


def test_each_further_pause_refills_more():
    class Doubling(BufferPolicy):
        def thresholds(self, progress, ahead_s):
            return Thresholds(0.0, 0.04, most_s=1.0)

    writer = Writer(policy=Doubling())
    writer.arrive(20)
    writer.put(1.0)
    writer.flow.due_at(1.1)
    writer.arrive(40)
    writer.put(1.2)
    writer.put(1.21)
    writer.flow.due_at(1.3)  # the second hole, after one that is booked
    writer.arrive(79)
    assert writer.flow.due_at(1.4) == inf
    writer.arrive(1)
    assert writer.flow.due_at(1.4) < 1.4


def test_the_end_of_input_ends_a_pause():
    writer = Writer(resume=1000)
    writer.arrive(20)
    writer.put(1.0)
    assert writer.flow.due_at(1.05) == inf
    writer.arrive(5)
    writer.flow.input_ended = True
    assert writer.put(1.06) == list(range(21, 26))


def test_a_writer_that_was_late_itself_makes_no_pause_of_it():
    writer = Writer(resume=1000)
    writer.arrive(40)
    writer.put(1.0)
    assert writer.flow.due_at(1.5) == 1.5
    assert not writer.flow.rebuffering


def test_an_end_makes_no_pause():
    writer = Writer(resume=1000)
    writer.arrive(20)
    writer.put(1.0)
    writer.flow.input_ended = True
    assert writer.flow.due_at(1.5) == inf
    assert not writer.flow.rebuffering


def test_underflows_that_the_device_flags_are_told_by_their_place_but_the_first():
    writer = Writer()
    writer.arrive(60)
    writer.put(1.0, underflowed=True)  # silence was in front of it
    writer.put(1.02)
    writer.put(1.04, underflowed=True)
    assert writer.flow.report(2.0).underflows_at_s == (0.04,)


def test_levels_are_taken_with_every_piece_and_at_a_hole_until_the_end_of_input():
    writer = Writer(resume=30)
    writer.arrive(50)
    for at in (1.0, 1.02, 1.04):
        writer.put(at)
    writer.flow.due_at(1.06)  # a hole
    writer.arrive(30)
    writer.flow.input_ended = True
    writer.put(1.07)
    report = writer.flow.report(2.0)
    assert (report.start_buffered_s, report.min_buffered_s) == (0.05, 0.0)
    assert report.mean_buffered_s == pytest.approx((0.05 + 0.03 + 0.01 + 0.0) / 4)


def test_the_books_follow_a_device_that_holds_something_else():
    writer = Writer()
    writer.arrive(20)
    writer.put(1.0, held=25)  # within the grain
    assert writer.timeline.ends_at == pytest.approx(1.02)
    writer.arrive(20)
    writer.put(1.01, held=60)
    assert writer.timeline.ends_at == pytest.approx(1.07)
