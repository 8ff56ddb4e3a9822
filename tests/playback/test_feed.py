"""The core of the device sinks, driven by invented times."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from voicecli.audio.pcm import AudioFormat
from voicecli.playback.base import Underrun
from voicecli.playback.feed import Feed
from voicecli.playback.gate import Gate
from voicecli.playback.policy import BufferPolicy
from voicecli.playback.ring import Ring
from voicecli.playback.timeline import Silence, Timeline

RATE_HZ = 1000  # a frame is a millisecond
PIECE = 10


def ramp(frames, start=1):
    return np.arange(start, start + frames, dtype=np.int16)[:, None]


class Rig:
    """A feed over a ring, and a device that takes pieces of 10 ms."""

    def __init__(self, *, start_s=0.0, resume_s=0.0, ahead_s=inf):
        self.ring = Ring(1000, AudioFormat(RATE_HZ, 1), 500)
        self.timeline = Timeline(RATE_HZ)
        policy = BufferPolicy(start_s, resume_s)
        self.feed = Feed(self.ring, Gate(policy), self.timeline, RATE_HZ, ahead_s=ahead_s)
        self.out = np.full((PIECE, 1), 99, np.int16)

    def fill(self, heard_at, *, underflowed=False, asked_at=-inf):
        self.feed.fill(self.out, heard_at, underflowed=underflowed, asked_at=asked_at)
        return self.out[:, 0].tolist()

    def play(self, since, until):
        """Ask for blocks as a steady device does; return all samples."""
        heard = []
        for n in range(round((until - since) * RATE_HZ / PIECE)):
            heard += self.fill(since + n * PIECE / RATE_HZ)
        return heard


def test_a_block_is_silent_until_enough_is_there():
    rig = Rig(start_s=0.02)
    rig.ring.write(ramp(15))
    assert rig.fill(1.0) == [0] * 10
    rig.ring.write(ramp(15, 16))
    assert rig.fill(1.01) == list(range(1, 11))
    assert rig.timeline.first_sound_at == 1.01


def test_frames_that_are_missing_in_a_block_begin_a_gap():
    rig = Rig(resume_s=0.02)
    rig.ring.write(ramp(15))
    assert rig.play(1.0, 1.03) == [*range(1, 16), *[0] * 15]
    assert rig.feed.rebuffering
    rig.ring.write(ramp(25, 16))
    assert rig.fill(1.03) == list(range(16, 26))
    assert rig.timeline.underruns == [Underrun(0.015, pytest.approx(0.015))]
    assert not rig.timeline.underruns[0].is_device


def test_a_gain_changes_what_is_handed_over_next():
    rig = Rig()
    rig.ring.write(np.full((40, 1), 20_000, np.int16))
    assert rig.fill(1.0) == [20_000] * 10
    rig.feed.gain = 0.5
    assert rig.fill(1.01) == [10_000] * 10
    rig.feed.gain = 2.0
    assert rig.fill(1.02) == [32_767] * 10
    rig.feed.gain = 1.0
    assert rig.fill(1.03) == [20_000] * 10


def test_the_end_of_input_is_not_a_gap():
    rig = Rig()
    rig.ring.write(ramp(15))
    rig.feed.input_ended = True
    rig.play(1.0, 1.05)
    assert rig.feed.is_over
    assert rig.timeline.underruns == []


def test_a_pause_is_silence_and_goes_on_with_the_next_frame():
    rig = Rig()
    rig.ring.write(ramp(100))
    heard = rig.play(1.0, 1.03)
    rig.feed.pause(1.03)
    assert rig.play(1.03, 1.08) == [0] * 50
    rig.feed.resume(1.08)
    heard += rig.play(1.08, 1.1)
    assert heard == list(range(1, 51))
    assert rig.timeline.underruns == []
    assert rig.timeline.silences[Silence.PAUSE] == [Underrun(0.03, pytest.approx(0.05))]


def test_seeking_goes_on_elsewhere_from_the_next_block_on():
    rig = Rig()
    rig.ring.write(ramp(300))
    rig.play(1.0, 1.1)
    rig.feed.seek(20)
    assert rig.fill(1.1) == list(range(21, 31))
    rig.feed.seek(200)
    assert rig.fill(1.11) == list(range(201, 211))
    assert [rig.timeline.position(at) for at in (1.105, 1.115, 1.2)] == [25, 205, 210]
    assert rig.timeline.underruns == []


def test_a_device_that_says_it_ran_empty_had_a_gap():
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.3)
    assert rig.fill(1.35, underflowed=True) == list(range(301, 311))
    assert rig.timeline.underruns == [Underrun(0.3, pytest.approx(0.05))]
    assert rig.timeline.underruns[0].is_device


def test_a_device_that_plays_later_than_it_said_had_a_gap_once_that_is_certain():
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.3)
    rig.fill(1.36)
    assert rig.timeline.underruns == []  # the figure may be wrong
    rig.play(1.37, 1.6)
    assert rig.timeline.underruns == [Underrun(0.3, pytest.approx(0.06))]


def test_what_a_device_reports_after_it_ran_empty_is_the_same_gap():
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.3)
    rig.fill(1.43, underflowed=True)
    rig.play(1.44, 1.47)
    rig.play(1.5, 1.7)  # it was 160 ms, of which 130 were known
    assert rig.timeline.underruns == [Underrun(0.3, pytest.approx(0.16))]
    assert rig.timeline.ends_at == pytest.approx(1.7)


@pytest.mark.parametrize(
    ("paused", "resumed", "continued", "gap_s"),
    [
        (1.3, 1.9, 1.9, 0.0),
        (1.3, 1.9, 2.05, 0.0),  # it takes a while
        (1.3, 1.5, 1.9, 0.4),  # the device stood still when it was resumed
        (1.6, 1.9, 1.9, 0.3),  # and when it was paused
        (1.4, 1.5, 1.9, 0.5),
    ],
)
def test_a_device_that_stands_still_about_a_pause_had_a_gap(paused, resumed, continued, gap_s):
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.3)
    rig.feed.pause(paused)
    rig.feed.resume(resumed)
    rig.play(continued, 2.3)
    pause = rig.timeline.silences[Silence.PAUSE]
    assert pause == [Underrun(0.3, pytest.approx(continued - 1.3 - gap_s))]
    expected = [Underrun(0.3, pytest.approx(gap_s))] if gap_s else []
    assert rig.timeline.underruns == expected


@pytest.mark.parametrize("until", [1.29, 1.3, 1.34, 1.37])
def test_a_gap_is_where_the_device_began_to_be_late(until):
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, until)
    rig.play(until + 0.06, 1.7)
    assert rig.timeline.underruns == [
        Underrun(pytest.approx(until - 1), pytest.approx(0.06, abs=1e-6))
    ]


@pytest.mark.parametrize("until", [1.02, 1.05, 1.1, 1.15])
def test_a_device_that_stands_still_just_after_the_start_had_a_gap(until):
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, until)
    rig.play(until + 0.4, until + 0.8)
    assert rig.timeline.underruns == [Underrun(pytest.approx(until - 1), pytest.approx(0.4))]


def test_a_device_that_takes_a_buffer_at_once_after_a_stop_had_one_gap():
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.3)
    for _ in range(4):
        rig.fill(1.75)  # the device reports nothing of what it has just taken
    rig.play(1.76, 2.06)  # and 30 ms too little for a while
    rig.play(2.09, 2.3)
    assert rig.timeline.underruns == [Underrun(0.3, pytest.approx(0.45, abs=0.005))]


def test_a_gap_in_the_time_of_wrong_reports_is_told_from_the_one_before():
    rig = Rig()
    rig.ring.write(ramp(950))
    rig.play(1.0, 1.3)
    rig.fill(2.0)
    rig.play(1.98, 2.4)  # 30 ms too little
    rig.fill(2.61, underflowed=True)
    rig.play(2.62, 2.7)
    assert rig.timeline.underruns == [
        Underrun(0.3, pytest.approx(0.7)),
        Underrun(0.73, pytest.approx(0.18)),
    ]


def playing():
    """Return a rig with 900 frames, of which the device has been given 300 by 1.3 s."""
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.3)
    return rig


@pytest.mark.parametrize("stop_s", [0.05, 0.4])
def test_a_piece_that_the_device_has_dropped_is_given_again(stop_s):
    """It was dry when it got that piece, and says so when it asks for the next, at once."""
    rig = playing()
    since = 1.3 + stop_s
    rig.fill(since)
    assert rig.fill(since + 0.001, underflowed=True) == list(range(301, 311))
    assert rig.play(since + 0.011, since + 0.361) == list(range(311, 661))
    assert rig.timeline.underruns == [Underrun(0.3, pytest.approx(stop_s, abs=0.002))]
    assert rig.timeline.heard(3.0) == rig.timeline.position(3.0) == 660
    assert rig.timeline.ends_at == pytest.approx(since + 0.361, abs=0.001)


@pytest.mark.parametrize(
    ("since", "flags", "until"),
    [
        (1.35, (False, True), 1.357),  # it may have played it meanwhile
        (1.35, (False, True), 1.343),  # its clock is not to be trusted
        (1.35, (True, True), 1.351),  # it had started again already
        (1.30, (False, True), 1.301),  # it was not dry
        (1.35, (False, False), 1.351),  # it has dropped nothing
    ],
)
def test_a_piece_that_may_have_been_heard_is_not_given_again(since, flags, until):
    rig = playing()
    rig.fill(since, underflowed=flags[0])
    assert rig.fill(until, underflowed=flags[1]) == list(range(311, 321))


def test_a_seek_is_followed_although_the_device_has_dropped_a_piece():
    rig = playing()
    rig.fill(1.35)
    rig.feed.seek(600)
    assert rig.fill(1.351, underflowed=True) == list(range(601, 611))
    assert rig.timeline.position(1.356) == 605


def test_the_last_piece_of_all_is_given_again_too():
    rig = Rig()
    rig.ring.write(ramp(306))
    rig.feed.input_ended = True
    rig.play(1.0, 1.3)
    rig.fill(1.4)
    assert rig.feed.is_over
    assert rig.fill(1.4, underflowed=True) == [*range(301, 307), 0, 0, 0, 0]
    assert rig.feed.is_over
    assert rig.timeline.heard(2.0) == 306


def test_a_paused_feed_gives_a_dropped_piece_after_the_pause():
    rig = playing()
    rig.fill(1.35)
    rig.feed.pause(1.351)
    assert rig.fill(1.351, underflowed=True) == [0] * PIECE
    assert rig.fill(1.352, underflowed=True) == [0] * PIECE
    rig.feed.resume(1.4)
    assert rig.fill(1.4) == list(range(301, 311))


def test_a_device_that_is_late_after_a_gap_of_ours_has_dropped_nothing():
    rig = Rig()
    rig.ring.write(ramp(15))
    rig.play(1.0, 1.03)
    rig.ring.write(ramp(500, 16))
    assert rig.fill(1.03) == list(range(16, 26))
    assert rig.fill(1.09) == list(range(26, 36))
    assert rig.fill(1.091, underflowed=True) == list(range(36, 46))


def test_a_report_that_turns_out_to_be_wrong_is_no_gap():
    rig = Rig()
    rig.ring.write(ramp(990))
    rig.play(1.0, 1.3)
    rig.fill(1.5)
    rig.play(1.31, 1.9)
    rig.ring.write(ramp(400))
    rig.play(1.9, 2.2)
    assert rig.timeline.underruns == []
    assert rig.timeline.ends_at == pytest.approx(2.2)


def test_what_a_refilled_device_has_not_counted_yet_does_not_shorten_a_gap():
    rig = Rig(ahead_s=0.04)
    rig.ring.write(ramp(900))
    now = 1.0
    for _ in range(4):
        rig.feed.take(rig.out, now)
        rig.feed.wrote(10, now, underflowed=False)
        now += 0.01
    rig.feed.take(rig.out, 1.5)
    rig.feed.wrote(10, 1.5, underflowed=False)
    rig.feed.take(rig.out, 1.5)
    rig.feed.wrote(5, 1.5, underflowed=True)
    assert rig.timeline.underruns == [Underrun(0.04, pytest.approx(0.46))]


def test_what_a_device_reports_much_later_is_another_gap():
    rig = Rig()
    rig.ring.write(ramp(900))
    rig.play(1.0, 1.2)
    rig.fill(1.25, underflowed=True)
    rig.play(1.26, 1.8)
    rig.play(1.84, 1.97)
    assert rig.timeline.underruns == [
        Underrun(0.2, pytest.approx(0.05)),
        Underrun(0.75, pytest.approx(0.04)),
    ]


def test_a_writer_keeps_the_device_as_full_as_it_should_be():
    rig = Rig(ahead_s=0.04)
    rig.ring.write(ramp(900))
    now, written = 1.0, 0
    while rig.feed.due_at(now) <= now:
        written += rig.feed.take(rig.out, now)
    assert written == 50
    assert rig.feed.due_at(now) == pytest.approx(1.01)


def test_a_writer_that_is_late_makes_a_gap():
    rig = Rig(ahead_s=0.04)
    rig.ring.write(ramp(900))
    rig.feed.take(rig.out, 1.0)
    assert rig.feed.due_at(1.5) == 1.5  # nothing is missing, so it goes on at once
    rig.feed.take(rig.out, 1.5)
    assert rig.timeline.underruns == [Underrun(0.01, pytest.approx(0.49))]
    assert rig.timeline.underruns[0].is_device


def test_the_buffer_running_empty_at_the_end_is_not_a_low_level():
    rig = Rig()
    rig.ring.write(ramp(50))
    rig.play(1.0, 1.02)
    rig.feed.input_ended = True
    rig.play(1.02, 1.05)
    assert rig.feed.report(2.0).min_buffered_s == pytest.approx(0.04)


@pytest.mark.parametrize(("link_s", "gap_s"), [(0.03, 0.05), (0.001, 0.0)])
def test_a_far_device_is_dry_after_its_first_piece(link_s, gap_s):
    """It plays the first piece at once, and asks for more by a message that takes ``link_s``."""
    rig = Rig()
    rig.ring.write(ramp(400))
    rig.fill(1.04, asked_at=1.0)
    late_s = link_s + gap_s  # than the device said before it began
    for n in range(1, 30):
        asked_at = 1.0 + 2 * link_s + max(0, n - 4) * PIECE / RATE_HZ
        rig.fill(1.04 + late_s + n * PIECE / RATE_HZ, asked_at=asked_at)
    gaps = rig.timeline.underruns
    assert [(gap.at_s, gap.is_device) for gap in gaps] == [(0.01, True)] * bool(gap_s)
    assert sum(gap.silence_s for gap in gaps) == pytest.approx(gap_s)
    assert rig.timeline.ends_at == pytest.approx(1.04 + late_s + 30 * PIECE / RATE_HZ)
