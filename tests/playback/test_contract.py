"""What every sink promises; the report is checked against what was heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.playback.clocks import virtual_clock
from tests.playback.fakes import RATE_HZ, seconds
from tests.playback.rig import FRAME_S, KINDS, LEARNED, TRUSTING, Rig
from voicecli.playback.policy import CAPACITY_S, BufferPolicy

pytestmark = pytest.mark.usefixtures("_portaudio_in_place")


def test_everything_is_heard_once_and_in_order(rig, clock):
    sink = rig.make()
    began_at = clock.now()
    rig.play(*(seconds(0.37, start_s=0.37 * i) for i in range(5)))
    report = rig.check_all_heard(seconds(1.85))
    assert report.underruns == ()
    assert not any(gap.is_device for gap in report.underruns)
    assert report.first_sound_at - began_at <= rig.slack_s
    assert report.last_sound_at - report.first_sound_at == pytest.approx(1.85, abs=FRAME_S)
    assert sink.position() == len(seconds(1.85))
    sink.close()
    rig.check_all_heard(seconds(1.85))
    assert clock.running() == 0


def test_closing_after_the_drain_cuts_nothing(rig):
    sink = rig.make()
    rig.play(seconds(0.5))
    sink.close()
    sink.close()
    rig.check_all_heard(seconds(0.5))
    if rig.can_be_heard:
        assert rig.stream.calls == ["start", "stop", "close"]


def test_a_clip_shorter_than_the_threshold_is_heard(rig):
    rig.make(BufferPolicy.fixed(5.0))
    rig.play(seconds(0.04))
    report = rig.check_all_heard(seconds(0.04))
    assert report.underruns == ()


def test_without_frames_nothing_is_heard(rig, clock):
    sink = rig.make()
    began_at = clock.now()
    rig.play()
    assert clock.now() - began_at <= rig.slack_s + 0.1
    report = rig.check()
    assert (report.first_sound_at, report.last_sound_at, report.heard_frames) == (None, None, 0)
    assert report.start_buffered_s is report.min_buffered_s is report.mean_buffered_s is None
    assert not sink.snapshot().playing
    sink.close()


def test_sound_waits_for_the_threshold(rig, clock):
    rig.make(BufferPolicy.fixed(0.8))
    began_at = clock.now()
    rig.play(*(x for i in range(10) for x in (seconds(0.1, start_s=i / 10), 0.1)))
    report = rig.check_all_heard(seconds(1.0))
    assert report.underruns == ()
    # Eight pieces at 0.1 s intervals: the last of them comes after 0.7 s.
    assert 0.7 - FRAME_S <= report.first_sound_at - began_at <= 0.7 + rig.slack_s
    assert report.start_buffered_s == pytest.approx(0.8)


def test_end_of_input_ends_the_wait(rig, clock):
    rig.make(LEARNED)
    began_at = clock.now()
    rig.play(seconds(0.5), 0.1)
    report = rig.check_all_heard(seconds(0.5))
    assert 0.1 <= report.first_sound_at - began_at <= 0.1 + rig.slack_s


def test_without_a_threshold_sound_starts_with_the_first_frame(rig):
    rig.make(BufferPolicy.fixed(0.0), preroll_s=0.2)
    rig.play(1.0, seconds(0.5))
    assert rig.check_all_heard(seconds(0.5)).underruns == ()


def test_positions_never_go_back(rig, clock):
    sink = rig.make()
    positions, states = [], []

    def look():
        positions.append(sink.position())
        states.append(sink.snapshot())
        clock.after(0.003, look)

    look()
    rig.play(seconds(0.5), 1.0, seconds(0.5, start_s=0.5), 0.52, seconds(0.2, start_s=1.0))
    assert len(rig.check_all_heard(seconds(1.2)).underruns) >= 1
    assert positions == sorted(positions)
    assert positions[0] == 0
    assert sink.position() == len(seconds(1.2))
    for position, state in zip(positions, states, strict=True):
        assert state.heard_s == pytest.approx(position * FRAME_S)
        assert 0 <= state.buffered_s <= 1.2 + rig.slack_s


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "null"])
def test_the_position_is_what_was_heard(rig, clock):
    sink = rig.make(BufferPolicy.fixed(0.02))
    looks = []

    def look():
        looks.append((clock.now(), sink.position()))
        clock.after(0.0017, look)

    look()
    pieces = ((seconds(0.02, start_s=0.5 + 0.02 * i), 0.023) for i in range(9))
    rig.play(seconds(0.5), 0.7, *(step for piece in pieces for step in piece))
    times = rig.stream.recording().times
    for at, position in looks:
        assert position == pytest.approx(np.searchsorted(times, at), abs=1)


@pytest.mark.slow
def test_a_full_buffer_blocks_the_producer(rig, clock):
    sink = rig.make()
    samples = seconds(CAPACITY_S + 8.0)
    sink.start()
    began_at = clock.now()
    sink.write(samples)
    # All but the capacity has left the buffer, though part of it is in the device.
    assert clock.now() - began_at == pytest.approx(8.0, abs=rig.slack_s)
    sink.end_input()
    sink.drain()
    rig.check_all_heard(samples)


@pytest.mark.slow
def test_a_threshold_above_the_usual_capacity_is_reached(rig):
    rig.make(BufferPolicy.fixed(CAPACITY_S + 5))
    rig.play(*(seconds(1.0, start_s=second) for second in range(int(CAPACITY_S) + 10)))
    rig.check_all_heard(seconds(CAPACITY_S + 10))


def test_a_preroll_is_silence_before_the_sound(rig, clock):
    sink = rig.make(preroll_s=0.5)
    began_at = clock.now()
    rig.play(seconds(0.3))
    report = rig.check_all_heard(seconds(0.3))
    assert 0.5 - FRAME_S <= report.first_sound_at - began_at <= 0.5 + rig.slack_s
    assert report.underruns == ()
    assert sink.snapshot().buffered_s == 0


def test_a_preroll_counts_as_buffered(rig, clock):
    sink = rig.make(preroll_s=8.0)
    sink.start()
    sink.write(seconds(CAPACITY_S + 1))  # waits longer than a device that plays may let it
    sink.abort()
    other = Rig(rig.kind, clock)
    other.make(preroll_s=8.0).start()
    other.sink.write(seconds(0.5))
    other.sink.end_input()
    assert other.sink.snapshot().buffered_s >= 8.5 - FRAME_S
    other.sink.drain()


arrivals = st.lists(
    st.tuples(st.floats(0, 0.6), st.integers(1, RATE_HZ // 2)), min_size=1, max_size=12
)


@settings(max_examples=40)
@given(
    arrivals,
    st.sampled_from([*map(BufferPolicy.fixed, (0.0, 0.05, 0.3)), LEARNED, TRUSTING]),
    st.sampled_from([0.0, 0.1]),
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_report_agrees_with_what_was_heard(kind, arrivals, policy, preroll_s):
    with virtual_clock() as clock:
        rig = Rig(kind, clock)
        rig.make(policy, preroll_s=preroll_s)
        written, script = 0, []
        for pause_s, frames in arrivals:
            script += [pause_s, seconds(frames / RATE_HZ, start_s=written / RATE_HZ)]
            written += frames
        rig.play(*script)
        rig.check_all_heard(seconds(written / RATE_HZ))
        rig.sink.close()
        rig.check_all_heard(seconds(written / RATE_HZ))
        assert clock.running() == 0
