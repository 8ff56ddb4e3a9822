"""Pausing, skipping and going back: no sample is lost, none repeated, no gap is reported."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.playback.clocks import virtual_clock
from tests.playback.fakes import RATE_HZ, seconds
from tests.playback.rig import AWAIT, FRAME_S, KINDS, Rig
from voicecli.playback.blocking import BLOCK_S
from voicecli.playback.policy import CAPACITY_S, BufferPolicy

pytestmark = pytest.mark.usefixtures("_portaudio_in_place")

HEARD = [kind for kind in KINDS if kind != "null"]


def pause_at(clock, sink, after_s, length_s):
    clock.after(after_s, sink.pause)
    clock.after(after_s + length_s, sink.resume)


def test_a_pause_loses_and_repeats_nothing(rig, clock):
    sink = rig.make()
    pause_at(clock, sink, 0.7, 3.0)
    rig.play(seconds(2.0))
    report = rig.check_all_heard(seconds(2.0))
    assert report.underruns == ()
    (pause,) = report.pauses
    assert pause.silence_s == pytest.approx(3.0, abs=rig.slack_s)
    sounded_s = report.last_sound_at - report.first_sound_at
    assert sounded_s == pytest.approx(2.0 + pause.silence_s, abs=2 * FRAME_S)


@pytest.mark.parametrize("kind", HEARD)
def test_a_pause_is_silent_once_the_device_has_played_what_it_took(rig, clock):
    sink = rig.make()
    clock.after(0.7, sink.pause)
    clock.after(5.0, sink.abort)
    asked_at = clock.now() + 0.7
    sink.start()
    sink.write(seconds(2.0))
    clock.sleep(2.0)
    assert sink.snapshot().paused
    assert not sink.snapshot().rebuffering
    delay_s = 0.0 if rig.device.starts_at_write else rig.stream.latency
    taken_s = (1 + rig.device.burst / 4) * rig.stream.latency + delay_s
    assert rig.stream.recording().last_at - asked_at <= taken_s + BLOCK_S


@pytest.mark.slow
def test_a_pause_may_last_for_hours(rig, clock):
    sink = rig.make()
    pause_at(clock, sink, 0.7, 3 * 3600.0 if rig.kind == "null" else 60.0)
    # More than the buffer holds, so that the producer waits too.
    rig.play(seconds(CAPACITY_S + 5))
    assert rig.check_all_heard(seconds(CAPACITY_S + 5)).underruns == ()


@pytest.mark.slow
def test_nothing_is_late_in_a_pause(rig, clock):
    sink = rig.make()
    pause_at(clock, sink, 0.5, 60.0)
    rig.play(seconds(CAPACITY_S + 5), seconds(1.0, start_s=CAPACITY_S + 5))
    assert sink.report().needed_s < 1.0


def test_a_sink_is_paused_before_its_first_sound(rig, clock):
    sink = rig.make()
    sink.pause()
    began_at = clock.now()
    clock.after(2.0, sink.resume)
    rig.play(seconds(0.5))
    report = rig.check_all_heard(seconds(0.5))
    assert report.pauses == report.underruns == ()
    assert 2.0 <= report.first_sound_at - began_at <= 2.0 + rig.slack_s


def test_a_pause_within_a_gap_is_not_counted_as_the_gap(rig, clock):
    sink = rig.make()
    pause_at(clock, sink, 1.0, 2.0)
    rig.play(seconds(0.5), 4.0, seconds(0.5, start_s=0.5))
    report = rig.check_all_heard(seconds(1.0))
    silence_s = sum(gap.silence_s for gap in report.underruns)
    assert len(report.underruns) == len(report.pauses) == 1
    assert report.pauses[0].silence_s == pytest.approx(2.0, abs=0.05)
    assert silence_s == pytest.approx(1.5, abs=rig.slack_s)


def test_pausing_twice_is_pausing_once(rig, clock):
    sink = rig.make()
    for at_s in (0.3, 0.4):
        clock.after(at_s, sink.pause)
    for at_s in (1.3, 1.4):
        clock.after(at_s, sink.resume)
    rig.play(seconds(1.0))
    assert len(rig.check_all_heard(seconds(1.0)).pauses) == 1


def test_a_paused_sink_can_be_aborted(rig, clock):
    sink = rig.make()
    clock.after(0.3, sink.pause)
    clock.after(9.0, sink.abort)
    sink.start()
    sink.write(seconds(1.0))
    sink.end_input()
    sink.drain()
    sink.close()
    assert rig.check().heard_frames < RATE_HZ


def test_a_flush_drops_what_the_device_has_not_taken(rig, clock):
    sink = rig.make()
    clock.after(0.5, sink.flush)
    rig.play(seconds(5.0), 1.0, seconds(0.5, start_s=5.0))
    report = sink.report()
    assert 1.0 <= report.heard_frames / RATE_HZ <= 1.0 + rig.slack_s
    if rig.can_be_heard:
        assert rig.stream.recording().frames == report.heard_frames
    assert report.underruns == ()
    assert sink.position() == 5.5 * RATE_HZ


def test_a_flush_lets_a_blocked_producer_go_on(rig, clock):
    sink = rig.make()
    sink.start()
    clock.after(0.5, sink.flush)
    began_at = clock.now()
    sink.write(seconds(CAPACITY_S + 8))
    assert clock.now() - began_at < 1.0
    sink.abort()


def test_going_on_at_an_earlier_and_at_a_later_position(rig, clock):
    sink = rig.make()
    clock.after(1.0, lambda: sink.seek(RATE_HZ // 2))
    clock.after(2.0, lambda: sink.seek(RATE_HZ * 5 // 2))
    rig.play(seconds(3.5))
    report = sink.report()
    assert report.underruns == report.pauses == ()
    assert report.heard_frames / RATE_HZ == pytest.approx(3.0, abs=2 * rig.slack_s)
    assert sink.position() == 3.5 * RATE_HZ
    if rig.can_be_heard:
        heard = rig.stream.recording().samples[:, 0].astype(int)
        jumps = np.flatnonzero(np.diff(heard) != 1)
        assert [heard[i + 1] - 1 for i in jumps] == [RATE_HZ // 2, RATE_HZ * 5 // 2]


def test_a_seek_is_known_before_it_is_heard(rig, clock):
    sink = rig.make()
    found = []

    def seek_twice():
        for position in (RATE_HZ // 2, RATE_HZ // 4):
            sink.seek(position)
            snapshot = sink.snapshot()
            at_s = snapshot.heard_s if snapshot.next_s is None else snapshot.next_s
            found.append(at_s)

    clock.after(1.0, seek_twice)
    clock.after(2.0, lambda: found.append(sink.snapshot().next_s))
    rig.play(seconds(2.0))
    assert found == [0.5, 0.25, None]


def test_a_seek_is_known_while_paused_before_the_first_sound(rig, clock):
    sink = rig.make()
    sink.pause()
    sink.start()
    sink.write(seconds(2.0))
    sink.seek(RATE_HZ)
    snapshot = sink.snapshot()
    assert (snapshot.heard_s if snapshot.next_s is None else snapshot.next_s) == 1.0
    sink.abort()


def test_only_a_minute_is_kept(rig, clock):
    sink = rig.make()
    rig.play(seconds(70.0))
    kept_s = sink.snapshot().kept_s
    assert kept_s == (0 if rig.kind == "null" else 10.0)


def test_only_what_can_still_be_written_can_be_sought(rig):
    sink = rig.make()
    sink.start()
    sink.write(seconds(0.5))
    assert sink.seek(RATE_HZ)
    assert sink.seek(0)
    sink.end_input()
    assert not sink.seek(RATE_HZ)
    sink.abort()


def test_what_is_written_before_the_position_sought_is_not_heard(rig, clock):
    sink = rig.make()
    clock.after(0.3, lambda: sink.seek(2 * RATE_HZ))
    clock.after(0.4, lambda: sink.seek(RATE_HZ * 3 // 2))  # known better by now
    later = [seconds(0.5, start_s=start_s) for start_s in (1.0, 1.5, 2.0)]
    rig.play(seconds(1.0), 1.0, later[0], 0.5, later[1], later[2])
    report = sink.report()
    assert report.underruns == ()
    assert report.heard_frames / RATE_HZ == pytest.approx(1.3, abs=2 * rig.slack_s)
    assert sink.position() == RATE_HZ * 5 // 2
    if rig.can_be_heard:
        heard = rig.stream.recording().samples[:, 0].astype(int)
        (jump,) = np.flatnonzero(np.diff(heard) != 1)
        assert heard[jump + 1] - 1 == RATE_HZ * 3 // 2


moments = st.lists(st.tuples(st.floats(0.01, 0.4), st.floats(0.001, 0.7)), min_size=1, max_size=8)


@pytest.mark.slow
@settings(max_examples=25)
@given(moments, st.sampled_from([0.0, 0.1, 0.3]), st.booleans())
@pytest.mark.parametrize("kind", KINDS)
def test_random_pauses_lose_and_repeat_nothing(kind, moments, start_s, awaits):
    with virtual_clock() as clock:
        rig = Rig(kind, clock)
        sink = rig.make(BufferPolicy.fixed(start_s))
        at_s = 0.0
        for plays_s, pause_s in moments:
            at_s += plays_s
            pause_at(clock, sink, at_s, pause_s)
            at_s += pause_s
        rig.play(seconds(2.5), *([AWAIT] if awaits else []), seconds(2.0, start_s=2.5))
        report = rig.check_all_heard(seconds(4.5))
        assert report.underruns == report.text_waits == ()
        sink.close()
        rig.check_all_heard(seconds(4.5))
