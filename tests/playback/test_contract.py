"""What every sink promises, held against what a listener would have heard.

The sinks run on streams of `tests.playback.fakes` in virtual time: the test's
own thread is the producer, the writer of `BlockingSink` is a thread of the
scenario, callbacks and aborts from outside are events.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.playback.clocks import virtual_clock
from tests.playback.fakes import RATE_HZ, Device, FakePortAudio, seconds
from voicecli.audio.pcm import AudioFormat
from voicecli.clock import Deadline
from voicecli.errors import DeviceError
from voicecli.playback import portaudio as device_module
from voicecli.playback.blocking import BLOCK_S, BlockingSink
from voicecli.playback.callback import CallbackSink
from voicecli.playback.null import NullSink
from voicecli.playback.policy import CAPACITY_S, JITTER_S, AdaptivePolicy, BufferPolicy
from voicecli.playback.portaudio import find_output_device

FORMAT = AudioFormat(RATE_HZ, 1)
FRAME_S = 1 / RATE_HZ
POLICY = BufferPolicy.fixed(0.1)

KINDS = {
    "ring": (CallbackSink, Device()),
    "ring in bursts": (CallbackSink, Device(burst=3)),
    "ring, slow device": (CallbackSink, Device(latency_s=0.3)),
    "direct": (BlockingSink, Device()),
    "direct, running device": (BlockingSink, Device(host_api="Core Audio", starts_at_write=False)),
    "null": (NullSink, None),
}


AWAIT = object()
"""A piece that says: the next one will come, but not yet."""


class Rig:
    """One kind of sink on a device of its own, and an ear."""

    def __init__(self, kind, clock, **habits):
        self.kind, self.clock = kind, clock
        self.maker, device = KINDS[kind]
        self.device = device and Device(**{**vars(device), "late_blocks": {}, **habits})
        self.portaudio = FakePortAudio(clock, [self.device])
        self.sink = None

    def make(self, policy=POLICY, **settings):
        if self.maker is NullSink:
            self.sink = NullSink(FORMAT, policy, self.clock, **settings)
            return self.sink
        spawn = () if self.maker is CallbackSink else (self.clock.spawn,)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(device_module, "_portaudio", lambda: self.portaudio)
            device = find_output_device(None)
            self.sink = self.maker(device, FORMAT, policy, self.clock, *spawn, **settings)
        return self.sink

    def say(self, *pieces, deadline_s=60.0):
        """Play pieces of samples, with pauses of so many seconds between, to the end."""
        self.sink.start()
        for piece in pieces:
            if isinstance(piece, float):
                self.clock.sleep(piece)
            elif piece is AWAIT:
                self.sink.await_input()
            else:
                self.sink.write(piece)
        self.sink.end_input()
        assert self.sink.drain(Deadline(self.clock, deadline_s))

    @property
    def can_be_heard(self):
        return self.device is not None

    @property
    def stream(self):
        return self.portaudio.streams[-1]

    @property
    def slack_s(self):
        """How much later than at once frames may be heard on this device."""
        if self.device is None:
            return FRAME_S
        return (1 + self.device.burst / 4) * self.stream.latency + BLOCK_S

    def check(self):
        """Hold the report against the ear; return both."""
        report = self.sink.report()
        assert report.rebuffers == len(report.underruns)
        if not self.can_be_heard:
            return report
        heard = self.stream.recording()
        assert report.heard_frames == pytest.approx(heard.frames, abs=1)
        if heard.frames:
            assert report.first_sound_at == pytest.approx(heard.first_at, abs=FRAME_S)
            assert report.last_sound_at == pytest.approx(heard.last_at, abs=FRAME_S)
        gaps = (*report.underruns, *report.text_waits)
        told = sorted((gap.at_s * RATE_HZ, gap.silence_s) for gap in gaps)
        assert unmatched(told, heard.gaps) == unmatched(heard.gaps, told) == []
        return report

    def check_all_heard(self, samples):
        report = self.check()
        assert report.heard_frames == len(samples)
        if self.can_be_heard:
            assert np.array_equal(self.stream.recording().samples, samples)
        return report


def unmatched(holes, others):
    """The holes that the others do not have; short ones may be within the grain of a frame."""
    grain_s = 2 * FRAME_S
    return [
        (at, silence_s)
        for at, silence_s in holes
        if silence_s > grain_s
        and not any(
            at == pytest.approx(other_at) and silence_s == pytest.approx(other_s, abs=grain_s)
            for other_at, other_s in others
        )
    ]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
def _portaudio_in_place(monkeypatch):
    """Faults are named by the library's class, whichever rig is in use."""
    monkeypatch.setattr(device_module, "_portaudio", FakePortAudio)


@pytest.fixture
def rig(kind, clock):
    return Rig(kind, clock)


def test_all_is_heard_once_in_order_and_at_once(rig, clock):
    sink = rig.make()
    said_at = clock.now()
    rig.say(*(seconds(0.37, start_s=0.37 * i) for i in range(5)))
    report = rig.check_all_heard(seconds(1.85))
    assert report.underruns == ()
    assert report.device_underflows == 0
    assert report.first_sound_at - said_at <= rig.slack_s
    assert report.last_sound_at - report.first_sound_at == pytest.approx(1.85, abs=FRAME_S)
    assert sink.position() == len(seconds(1.85))
    sink.close()
    rig.check_all_heard(seconds(1.85))
    assert clock.running() == 0


def test_closing_after_the_drain_cuts_nothing_and_closing_twice_is_harmless(rig):
    sink = rig.make()
    rig.say(seconds(0.5))
    sink.close()
    sink.close()
    rig.check_all_heard(seconds(0.5))
    if rig.can_be_heard:
        assert rig.stream.calls == ["start", "stop", "close"]


def test_short_clip_below_the_threshold_is_heard(rig):
    rig.make(BufferPolicy.fixed(5.0))
    rig.say(seconds(0.04))
    report = rig.check_all_heard(seconds(0.04))
    assert report.underruns == ()


def test_nothing_written_is_nothing_heard(rig, clock):
    sink = rig.make()
    said_at = clock.now()
    rig.say(deadline_s=1.0)
    assert clock.now() - said_at <= rig.slack_s + 0.1
    report = rig.check()
    assert (report.first_sound_at, report.last_sound_at, report.heard_frames) == (None, None, 0)
    assert report.start_buffered_s is report.min_buffered_s is report.mean_buffered_s is None
    assert not sink.snapshot().playing
    sink.close()


def test_threshold_is_awaited(rig, clock):
    rig.make(BufferPolicy.fixed(0.8))
    said_at = clock.now()
    rig.say(*(x for i in range(10) for x in (seconds(0.1, start_s=i / 10), 0.1)))
    report = rig.check_all_heard(seconds(1.0))
    assert report.underruns == ()
    # Eight pieces at 0.1 s intervals: the last of them comes after 0.7 s.
    assert 0.7 <= report.first_sound_at - said_at <= 0.7 + rig.slack_s
    assert report.start_buffered_s == pytest.approx(0.8)


LEARNED = AdaptivePolicy().with_history([0.2] * 5)
WAIT_S = 0.2 * LEARNED.safety + JITTER_S
TRUSTING = AdaptivePolicy().with_history([0.0] * 5)


def test_what_was_learned_is_waited_for_though_nothing_arrives_then(rig, clock):
    rig.make(LEARNED)
    said_at = clock.now()
    rig.say(seconds(1.0), WAIT_S + 0.4, seconds(1.0, start_s=1.0))
    report = rig.check_all_heard(seconds(2.0))
    assert report.underruns == ()
    assert report.arrived_at == said_at
    assert 0 <= report.first_sound_at - said_at - WAIT_S <= rig.slack_s
    assert said_at <= report.released_at <= report.first_sound_at


def test_a_wait_for_text_is_no_underrun(rig):
    rig.make()
    rig.say(seconds(0.5), AWAIT, 1.5, seconds(0.5, start_s=0.5))
    report = rig.check_all_heard(seconds(1.0))
    assert report.underruns == ()
    (wait,) = report.text_waits
    assert wait.at_s == pytest.approx(0.5, abs=FRAME_S)
    assert wait.silence_s == pytest.approx(1.0, abs=rig.slack_s + BLOCK_S)
    assert report.device_underflows == 0


def test_text_that_comes_in_time_makes_no_gap(rig):
    rig.make()
    rig.say(seconds(0.5), AWAIT, 0.1, seconds(0.5, start_s=0.5))
    report = rig.check_all_heard(seconds(1.0))
    assert (report.underruns, report.text_waits) == ((), ())


def test_awaiting_text_releases_the_threshold(rig, clock):
    rig.make(BufferPolicy.fixed(5.0))
    said_at = clock.now()
    rig.say(seconds(0.3), AWAIT, 1.0, seconds(0.3, start_s=0.3))
    report = rig.check_all_heard(seconds(0.6))
    assert report.first_sound_at - said_at <= rig.slack_s
    assert len(report.text_waits) == 1


def test_after_a_wait_for_text_the_policy_starts_anew(rig):
    rig.make(BufferPolicy(start_s=0.1, resume_s=0.4))
    half = [seconds(0.1, start_s=0.5), 0.05, seconds(0.4, start_s=0.6)]
    rig.say(seconds(0.5), AWAIT, 1.5, *half)
    report = rig.check_all_heard(seconds(1.0))
    assert report.underruns == ()
    # It does not wait for the refill of a pause, only for what a start takes.
    assert report.text_waits[0].silence_s <= 1.0 + rig.slack_s + BLOCK_S


def test_an_underrun_after_a_wait_for_text_is_an_underrun(rig):
    rig.make()
    rig.say(seconds(0.5), AWAIT, 1.5, seconds(0.5, start_s=0.5), 1.5, seconds(0.5, start_s=1.0))
    report = rig.check_all_heard(seconds(1.5))
    assert [round(gap.at_s, 1) for gap in report.text_waits] == [0.5]
    assert [round(gap.at_s, 1) for gap in report.underruns] == [1.0]


def test_end_of_input_ends_the_wait(rig, clock):
    rig.make(LEARNED)
    said_at = clock.now()
    rig.say(seconds(0.5), 0.1)
    report = rig.check_all_heard(seconds(0.5))
    assert 0.1 <= report.first_sound_at - said_at <= 0.1 + rig.slack_s


def test_a_piece_that_is_a_little_late_makes_one_pause_and_no_click(rig, clock):
    rig.make(TRUSTING)
    late_s = 0.51 if rig.kind == "null" else 0.62
    rig.say(seconds(0.5), late_s, seconds(1.0, start_s=0.5), 0.5, seconds(1.0, start_s=1.5))
    report = rig.check_all_heard(seconds(2.5))
    assert len(report.underruns) == 1
    assert report.underruns[0].silence_s >= TRUSTING.pause_s - FRAME_S


def test_end_of_input_ends_a_pause(rig):
    rig.make(TRUSTING)
    rig.say(seconds(0.5), 1.3, seconds(0.1, start_s=0.5))
    (hole,) = rig.check_all_heard(seconds(0.6)).underruns
    assert hole.silence_s == pytest.approx(0.8, abs=rig.slack_s)


def test_pauses_refill_more_and_more(rig):
    rig.make(TRUSTING)
    script = [seconds(0.2)]
    for i in range(20):
        script += [0.25, seconds(0.2, start_s=0.2 + 0.2 * i)]
    rig.say(*script)
    report = rig.check_all_heard(seconds(4.2))
    assert 1 <= len(report.underruns) <= 3


def test_silence_before_the_first_frame_and_after_the_end_is_no_underrun(rig, clock):
    sink = rig.make()
    sink.start()
    clock.sleep(3.0)
    assert not sink.snapshot().playing
    assert not sink.snapshot().rebuffering
    sink.write(seconds(0.3))
    sink.end_input()
    assert sink.drain(Deadline(clock, 10))
    clock.sleep(3.0)
    assert not sink.snapshot().rebuffering
    report = rig.check_all_heard(seconds(0.3))
    assert report.underruns == ()


def test_end_that_is_told_late_is_no_underrun(rig, clock):
    rig.make()
    started_at = clock.now()
    rig.say(seconds(0.5), 2.0)
    report = rig.check_all_heard(seconds(0.5))
    assert report.underruns == ()
    assert report.last_sound_at - started_at <= 0.5 + rig.slack_s


def test_one_stall_is_one_underrun_of_its_length_at_its_place(rig, clock):
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
    assert sink.drain(Deadline(clock, 10))
    report = rig.check_all_heard(seconds(2.0))
    (underrun,) = report.underruns
    assert underrun.at_s == 1.0
    assert 0.8 - rig.slack_s <= underrun.silence_s <= 0.8 + rig.slack_s
    assert report.min_buffered_s <= 0.05
    assert report.start_buffered_s >= report.mean_buffered_s > report.min_buffered_s


def test_stall_shorter_than_what_is_buffered_is_not_heard(rig):
    rig.make()
    rig.say(seconds(1.0), 0.6, seconds(1.0, start_s=1.0))
    assert rig.check_all_heard(seconds(2.0)).underruns == ()


def test_no_threshold_at_all_still_counts_from_the_first_frame(rig):
    rig.make(BufferPolicy.fixed(0.0), preroll_s=0.2)
    rig.say(1.0, seconds(0.5))
    assert rig.check_all_heard(seconds(0.5)).underruns == ()


def test_positions_never_go_back_and_end_at_the_end(rig, clock):
    sink = rig.make()
    positions, states = [], []

    def look():
        positions.append(sink.position())
        states.append(sink.snapshot())
        clock.after(0.003, look)

    look()
    rig.say(seconds(0.5), 1.0, seconds(0.5, start_s=0.5), 0.52, seconds(0.2, start_s=1.0))
    assert len(rig.check_all_heard(seconds(1.2)).underruns) >= 1
    assert positions == sorted(positions)
    assert positions[0] == 0
    assert sink.position() == len(seconds(1.2))
    for position, state in zip(positions, states, strict=True):
        assert state.heard_s == pytest.approx(position * FRAME_S)
        assert 0 <= state.buffered_s <= 1.2 + rig.slack_s


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "null"])
def test_position_is_what_the_ear_says(rig, clock):
    sink = rig.make(BufferPolicy.fixed(0.02))
    looks = []

    def look():
        looks.append((clock.now(), sink.position()))
        clock.after(0.0017, look)

    look()
    crumbs = ((seconds(0.02, start_s=0.5 + 0.02 * i), 0.023) for i in range(9))
    rig.say(seconds(0.5), 0.7, *(step for crumb in crumbs for step in crumb))
    times = rig.stream.recording().times
    for at, position in looks:
        assert position == pytest.approx(np.searchsorted(times, at), abs=1)


def test_full_buffer_blocks_the_producer_and_lets_it_go_on(rig, clock):
    sink = rig.make()
    samples = seconds(CAPACITY_S + 8.0)
    sink.start()
    began_at = clock.now()
    sink.write(samples)
    # All but the capacity has left the buffer, though part of it is in the device.
    assert clock.now() - began_at == pytest.approx(8.0, abs=rig.slack_s)
    sink.end_input()
    assert sink.drain(Deadline(clock, CAPACITY_S + 1))
    rig.check_all_heard(samples)


def test_threshold_above_the_usual_capacity_is_reached(rig):
    rig.make(BufferPolicy.fixed(CAPACITY_S + 5))
    rig.say(*(seconds(1.0, start_s=second) for second in range(int(CAPACITY_S) + 10)))
    rig.check_all_heard(seconds(CAPACITY_S + 10))


def test_drain_is_bounded(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(2.0))
    sink.end_input()
    began_at = clock.now()
    assert not sink.drain(Deadline(clock, 0.25))
    assert clock.now() - began_at == pytest.approx(0.25, abs=0.011)
    assert sink.drain(Deadline(clock, None))
    rig.check_all_heard(seconds(2.0))


def test_preroll_is_silence_in_front(rig, clock):
    sink = rig.make(preroll_s=0.5)
    began_at = clock.now()
    rig.say(seconds(0.3))
    report = rig.check_all_heard(seconds(0.3))
    assert 0.5 - FRAME_S <= report.first_sound_at - began_at <= 0.5 + rig.slack_s
    assert report.underruns == ()
    assert sink.snapshot().buffered_s == 0


def test_preroll_still_to_come_counts_as_buffered(rig, clock):
    sink = rig.make(preroll_s=8.0)
    sink.start()
    sink.write(seconds(CAPACITY_S + 1))  # waits longer than a device that plays may let it
    sink.abort()
    other = Rig(rig.kind, clock)
    other.make(preroll_s=8.0).start()
    other.sink.write(seconds(0.5))
    other.sink.end_input()
    assert other.sink.snapshot().buffered_s >= 8.5 - FRAME_S
    assert other.sink.drain(Deadline(clock, 9.0))


def test_abort_before_the_start_is_silence(rig, clock):
    sink = rig.make(preroll_s=2.0)
    sink.abort()
    sink.start()
    began_at = clock.now()
    sink.write(seconds(1.0))
    sink.end_input()
    assert sink.drain(Deadline(clock, None))
    sink.close()
    assert clock.now() - began_at <= BLOCK_S
    assert rig.check().heard_frames == 0
    if rig.can_be_heard:
        assert "start" not in rig.stream.calls
    assert clock.running() == 0


def test_abort_without_a_start_leaves_nothing_open(rig):
    sink = rig.make()
    sink.abort()
    sink.close()
    assert rig.check().heard_frames == 0
    if rig.can_be_heard:
        assert rig.stream.calls[-1] == "close"


@pytest.mark.parametrize("preroll_s", [0.0, 0.3])
def test_abort_while_speaking_is_silence_within_a_block(rig, clock, preroll_s):
    sink = rig.make(preroll_s=preroll_s)
    aborted_at = clock.now() + preroll_s + 1.234
    clock.at(aborted_at, sink.abort)
    sink.start()
    sink.write(seconds(5.0))
    sink.end_input()
    assert sink.drain(Deadline(clock, None))  # comes back, and in time
    assert clock.now() == pytest.approx(aborted_at, abs=0.02)
    sink.close()
    report = rig.check()
    assert report.last_sound_at - aborted_at <= BLOCK_S + rig.slack_s / 4
    assert report.heard_frames == pytest.approx(1.234 * RATE_HZ, abs=rig.slack_s * RATE_HZ)
    clock.sleep(1.0)
    assert sink.report() == report
    assert sink.position() == report.heard_frames


def test_abort_lets_a_blocked_producer_go(rig, clock):
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
def test_abort_about_the_end_stops_what_still_sounds(rig, clock, into_s):
    sink = rig.make()
    sink.start()
    clock.after(into_s, sink.abort)
    sink.write(seconds(1.0))
    sink.end_input()
    assert sink.drain(Deadline(clock, None))
    clock.sleep(0.5)
    sink.close()
    rig.check()


def test_abort_twice_and_after_the_close_is_harmless(rig, clock):
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


def test_abort_in_a_pause_ends_it(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(0.5))
    clock.after(2.0, sink.abort)
    clock.sleep(3.0)
    assert sink.drain(Deadline(clock, None))
    sink.close()
    report = rig.check_all_heard(seconds(0.5))
    assert report.underruns == ()


def test_closing_in_the_middle_is_silence(rig, clock):
    sink = rig.make()
    sink.start()
    sink.write(seconds(5.0))
    clock.sleep(0.5)
    sink.close()
    assert clock.running() == 0
    clock.sleep(0.5)
    assert rig.check().heard_frames == pytest.approx(0.5 * RATE_HZ, abs=rig.slack_s * RATE_HZ)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "null"])
def test_device_that_stops_taking_frames_is_told(kind, clock):
    rig = Rig(kind, clock, dies_at_s=1.0)
    sink = rig.make()
    sink.start()
    began_at = clock.now()
    with pytest.raises(DeviceError, match="has stopped taking audio"):
        sink.write(seconds(2 * CAPACITY_S))
    assert clock.now() - began_at == pytest.approx(6.0, abs=0.5)
    sink.end_input()
    assert not sink.drain(Deadline(clock, 1.0))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "null"])
def test_device_that_refuses_to_start_is_told(kind, clock):
    rig = Rig(kind, clock, refuses_to_start=True)
    sink = rig.make()
    with pytest.raises(DeviceError, match=r"failed: Error starting stream: .*error$"):
        rig.say(seconds(1.0))
    sink.abort()
    sink.close()
    assert sink.report().heard_frames == 0
    assert clock.running() == 0


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
def test_report_agrees_with_the_ear_whatever_arrives_when(kind, arrivals, policy, preroll_s):
    with virtual_clock() as clock:
        rig = Rig(kind, clock)
        rig.make(policy, preroll_s=preroll_s)
        written, script = 0, []
        for pause_s, frames in arrivals:
            script += [pause_s, seconds(frames / RATE_HZ, start_s=written / RATE_HZ)]
            written += frames
        rig.say(*script)
        rig.check_all_heard(seconds(written / RATE_HZ))
        rig.sink.close()
        rig.check_all_heard(seconds(written / RATE_HZ))
        assert clock.running() == 0
