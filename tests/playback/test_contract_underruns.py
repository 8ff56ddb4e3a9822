"""Pauses and underruns, the same for every sink."""

from __future__ import annotations

import pytest

from tests.playback.fakes import seconds
from tests.playback.rig import FRAME_S, LEARNED, TRUSTING, WAIT_S

pytestmark = pytest.mark.usefixtures("_portaudio_in_place")


def test_a_learned_wait_ends_without_another_arrival(rig, clock):
    rig.make(LEARNED)
    began_at = clock.now()
    rig.play(seconds(1.0), WAIT_S + 0.4, seconds(1.0, start_s=1.0))
    report = rig.check_all_heard(seconds(2.0))
    assert report.underruns == ()
    assert report.arrived_at == began_at
    assert 0 <= report.first_sound_at - began_at - WAIT_S <= rig.slack_s
    assert began_at <= report.released_at <= report.first_sound_at


def test_a_piece_that_is_a_little_late_makes_one_clean_pause(rig, clock):
    rig.make(TRUSTING)
    late_s = 0.51 if rig.kind == "null" else 0.62
    rig.play(seconds(0.5), late_s, seconds(1.0, start_s=0.5), 0.5, seconds(1.0, start_s=1.5))
    report = rig.check_all_heard(seconds(2.5))
    assert len(report.underruns) == 1
    assert report.underruns[0].silence_s >= TRUSTING.pause_s - FRAME_S


def test_end_of_input_ends_a_pause(rig):
    rig.make(TRUSTING)
    rig.play(seconds(0.5), 1.3, seconds(0.1, start_s=0.5))
    (gap,) = rig.check_all_heard(seconds(0.6)).underruns
    assert gap.silence_s == pytest.approx(0.8, abs=rig.slack_s)


def test_each_pause_refills_more(rig):
    rig.make(TRUSTING)
    script = [seconds(0.2)]
    for i in range(20):
        script += [0.25, seconds(0.2, start_s=0.2 + 0.2 * i)]
    rig.play(*script)
    report = rig.check_all_heard(seconds(4.2))
    assert 1 <= len(report.underruns) <= 3


def test_silence_before_and_after_the_sound_is_not_an_underrun(rig, clock):
    sink = rig.make()
    sink.start()
    clock.sleep(3.0)
    assert not sink.snapshot().playing
    assert not sink.snapshot().rebuffering
    sink.write(seconds(0.3))
    sink.end_input()
    sink.drain()
    clock.sleep(3.0)
    assert not sink.snapshot().rebuffering
    report = rig.check_all_heard(seconds(0.3))
    assert report.underruns == ()


def test_an_end_that_is_reported_late_is_not_an_underrun(rig, clock):
    rig.make()
    started_at = clock.now()
    rig.play(seconds(0.5), 2.0)
    report = rig.check_all_heard(seconds(0.5))
    assert report.underruns == ()
    assert report.last_sound_at - started_at <= 0.5 + rig.slack_s


def test_a_stall_is_one_underrun(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(1.0))
    clock.sleep(1.5)
    assert sink.snapshot().rebuffering
    assert sink.snapshot().playing
    sink.write(seconds(0.05, start_s=1.0))  # less than a pause refills
    clock.sleep(0.3)
    assert sink.snapshot().rebuffering
    sink.write(seconds(0.95, start_s=1.05))
    clock.sleep(0.1)
    assert not sink.snapshot().rebuffering
    sink.end_input()
    sink.drain()
    report = rig.check_all_heard(seconds(2.0))
    (underrun,) = report.underruns
    assert underrun.at_s == 1.0
    assert 0.8 - rig.slack_s <= underrun.silence_s <= 0.8 + rig.slack_s
    assert report.min_buffered_s <= 0.05
    assert report.start_buffered_s >= report.mean_buffered_s > report.min_buffered_s


def test_a_stall_shorter_than_the_buffer_is_not_heard(rig):
    rig.make()
    rig.play(seconds(1.0), 0.6, seconds(1.0, start_s=1.0))
    assert rig.check_all_heard(seconds(2.0)).underruns == ()
