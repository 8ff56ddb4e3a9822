"""Aborting, closing and failing devices, the same for every sink."""

from __future__ import annotations

import pytest

from tests.playback.fakes import RATE_HZ, seconds
from tests.playback.rig import KINDS, Rig
from voicecli.errors import DeviceError
from voicecli.playback.blocking import BLOCK_S
from voicecli.playback.policy import CAPACITY_S

pytestmark = pytest.mark.usefixtures("_portaudio_in_place")


def test_aborted_before_the_start_it_stays_silent(rig, clock):
    sink = rig.make(preroll_s=2.0)
    sink.abort()
    sink.start()
    began_at = clock.now()
    sink.write(seconds(1.0))
    sink.end_input()
    sink.drain()
    sink.close()
    assert clock.now() - began_at <= BLOCK_S
    assert rig.check().heard_frames == 0
    if rig.can_be_heard:
        assert "start" not in rig.stream.calls
    assert clock.running() == 0


def test_aborted_without_a_start_it_leaves_nothing_open(rig):
    sink = rig.make()
    sink.abort()
    sink.close()
    assert rig.check().heard_frames == 0
    if rig.can_be_heard:
        assert rig.stream.calls[-1] == "close"


@pytest.mark.parametrize("preroll_s", [0.0, 0.3])
def test_abort_silences_it_within_a_block(rig, clock, preroll_s):
    sink = rig.make(preroll_s=preroll_s)
    aborted_at = clock.now() + preroll_s + 1.234
    clock.at(aborted_at, sink.abort)
    sink.start()
    sink.write(seconds(5.0))
    sink.end_input()
    sink.drain()  # comes back, and in time
    assert clock.now() == pytest.approx(aborted_at, abs=0.02)
    sink.close()
    report = rig.check()
    assert report.last_sound_at - aborted_at <= BLOCK_S + rig.slack_s / 4
    assert report.heard_frames == pytest.approx(1.234 * RATE_HZ, abs=rig.slack_s * RATE_HZ)
    clock.sleep(1.0)
    assert sink.report() == report
    assert sink.position() == report.heard_frames


def test_abort_releases_a_blocked_producer(rig, clock):
    sink = rig.make()
    sink.start()
    aborted_at = clock.now() + 2.0
    clock.at(aborted_at, sink.abort)
    sink.write(seconds(CAPACITY_S * 3))
    assert clock.now() == pytest.approx(aborted_at, abs=0.02)
    sink.write(seconds(1.0))  # is taken and forgotten
    sink.end_input()
    sink.close()
    rig.check()


@pytest.mark.parametrize("into_s", [0.001, 0.97, 0.99, 1.0, 1.02, 1.1])
def test_abort_near_the_end_stops_the_rest(rig, clock, into_s):
    sink = rig.make()
    sink.start()
    clock.after(into_s, sink.abort)
    sink.write(seconds(1.0))
    sink.end_input()
    sink.drain()
    clock.sleep(0.5)
    sink.close()
    rig.check()


def test_abort_is_idempotent(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(1.0))
    clock.sleep(0.5)
    sink.abort()
    clock.sleep(0.1)
    sink.abort()
    sink.close()
    report = rig.check()
    sink.abort()
    clock.sleep(2.0)
    sink.write(seconds(0.5))
    sink.end_input()
    assert sink.report() == report
    if rig.can_be_heard:
        assert rig.stream.calls[-1] == "close"
        assert "stop" not in rig.stream.calls  # it would let the rest be heard


def test_abort_ends_a_pause(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(0.5))
    clock.after(2.0, sink.abort)
    clock.sleep(3.0)
    sink.drain()
    sink.close()
    report = rig.check_all_heard(seconds(0.5))
    assert report.underruns == ()


def test_closing_in_the_middle_silences_it(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(5.0))
    clock.sleep(0.5)
    sink.close()
    assert clock.running() == 0
    clock.sleep(0.5)
    assert rig.check().heard_frames == pytest.approx(0.5 * RATE_HZ, abs=rig.slack_s * RATE_HZ)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "null"])
def test_a_device_that_stops_taking_frames_is_an_error(kind, clock):
    rig = Rig(kind, clock, dies_at_s=1.0)
    sink = rig.make()
    sink.start()
    began_at = clock.now()
    with pytest.raises(DeviceError, match="has stopped taking audio"):
        sink.write(seconds(2 * CAPACITY_S))
    assert clock.now() - began_at == pytest.approx(6.0, abs=0.5)
    sink.end_input()
    with pytest.raises(DeviceError, match="has stopped playing"):
        sink.drain()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "null"])
def test_a_device_that_refuses_to_start_is_an_error(kind, clock):
    rig = Rig(kind, clock, refuses_to_start=True)
    sink = rig.make()
    with pytest.raises(DeviceError, match=r"failed: Error starting stream: .*error$"):
        rig.play(seconds(1.0))
    sink.abort()
    sink.close()
    assert sink.report().heard_frames == 0
    assert clock.running() == 0
