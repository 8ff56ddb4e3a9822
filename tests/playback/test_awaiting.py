"""Waiting for text that has not been written is no underrun, at every sink."""

from __future__ import annotations

import pytest

from tests.playback.fakes import seconds
from tests.playback.rig import AWAIT, FRAME_S
from voicecli.playback.blocking import BLOCK_S
from voicecli.playback.policy import BufferPolicy

pytestmark = pytest.mark.usefixtures("_portaudio_in_place")


def test_a_wait_for_text_is_not_an_underrun(rig):
    rig.make()
    rig.play(seconds(0.5), AWAIT, 1.5, seconds(0.5, start_s=0.5))
    report = rig.check_all_heard(seconds(1.0))
    assert report.underruns == ()
    (wait,) = report.text_waits
    assert wait.at_s == pytest.approx(0.5, abs=FRAME_S)
    assert wait.silence_s == pytest.approx(1.0, abs=rig.slack_s + BLOCK_S)
    assert not any(gap.is_device for gap in report.underruns)


def test_text_that_arrives_in_time_makes_no_gap(rig):
    rig.make()
    rig.play(seconds(0.5), AWAIT, 0.1, seconds(0.5, start_s=0.5))
    report = rig.check_all_heard(seconds(1.0))
    assert (report.underruns, report.text_waits) == ((), ())


def test_awaiting_text_releases_the_threshold(rig, clock):
    rig.make(BufferPolicy.fixed(5.0))
    began_at = clock.now()
    rig.play(seconds(0.3), AWAIT, 1.0, seconds(0.3, start_s=0.3))
    report = rig.check_all_heard(seconds(0.6))
    assert report.first_sound_at - began_at <= rig.slack_s
    assert len(report.text_waits) == 1


def test_after_a_wait_for_text_the_policy_starts_afresh(rig):
    rig.make(BufferPolicy(start_s=0.1, resume_s=0.4))
    rig.play(seconds(0.5), AWAIT, 1.5, seconds(0.1, start_s=0.5), 0.05, seconds(0.4, start_s=0.6))
    report = rig.check_all_heard(seconds(1.0))
    assert report.underruns == ()
    # It does not wait for the refill of a pause, only for what a start takes.
    assert report.text_waits[0].silence_s <= 1.0 + rig.slack_s + BLOCK_S


def test_an_underrun_after_a_wait_for_text_is_an_underrun(rig):
    rig.make()
    rig.play(seconds(0.5), AWAIT, 1.5, seconds(0.5, start_s=0.5), 1.5, seconds(0.5, start_s=1.0))
    report = rig.check_all_heard(seconds(1.5))
    assert [round(gap.at_s, 1) for gap in report.text_waits] == [0.5]
    assert [round(gap.at_s, 1) for gap in report.underruns] == [1.0]
