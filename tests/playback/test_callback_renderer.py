from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.playback.fakes import ramp
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.base import Underrun
from voicecli.playback.callback_renderer import CallbackRenderer
from voicecli.playback.policy import BufferPolicy, Gate
from voicecli.playback.ring import Ring

RATE_HZ = 1000  # a frame is a millisecond
LEAD_S = 0.02


class Player:
    """A renderer, its ring, and a device that plays block after block from t = 10 s on."""

    def __init__(self, start=0, resume=0, preroll=0, capacity=10_000):
        self.ring = Ring(capacity, AudioFormat(RATE_HZ, 1))
        policy = BufferPolicy(start / RATE_HZ, resume / RATE_HZ)
        self.renderer = CallbackRenderer(self.ring, Gate(policy), RATE_HZ, preroll)
        self.frames_out = 0

    @property
    def dac_at(self):
        return 10.0 + self.frames_out / RATE_HZ

    def write(self, frames):
        assert self.ring.write(ramp(frames, start=self.ring.written)) == frames

    def play(self, frames):
        """Play one block, and return its frames as numbers."""
        out = np.full((frames, 1), -1, np.int16)
        self.renderer.fill(out, self.dac_at)
        self.frames_out += frames
        return out[:, 0].tolist()


class SlowReference:
    """The contract of `voicecli.playback.base`, implemented frame by frame."""

    def __init__(self, start, resume, preroll):
        self.start, self.resume, self.preroll = start, resume, preroll
        self.waiting, self.taken = [], 0
        self.state, self.ended, self.gap = "before", False, 0
        self.underruns = []

    def may(self, threshold):
        return bool(self.waiting) and (self.ended or len(self.waiting) >= threshold)

    def block(self, frames):
        if self.preroll > 0:
            self.preroll -= frames
        elif self.state == "before" and self.may(self.start):
            self.state = "playing"
        elif self.state == "gap" and self.may(self.resume):
            self.underruns.append((self.taken, self.gap))
            self.state = "playing"
        return [self.frame() for _ in range(frames)]

    def frame(self):
        if self.state == "playing" and self.waiting:
            self.taken += 1
            return self.waiting.pop(0)
        if self.state == "playing" and not self.ended:
            self.state, self.gap = "gap", 0
        if self.state == "gap":
            self.gap += 1
        return 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 40)),
        st.tuples(st.just("play"), st.integers(1, 30)),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(steps, st.integers(0, 60), st.integers(0, 60), st.sampled_from([0, 0, 25]))
def test_any_arrivals_in_any_blocks_play_once_and_in_order(steps, start, resume, preroll):
    player, reference = Player(start, resume, preroll), SlowReference(start, resume, preroll)
    heard = []

    def play(frames):
        expected = reference.block(frames)
        assert player.play(frames) == expected
        heard.extend(expected)

    for action, frames in steps:
        if action == "write":
            reference.waiting += ramp(frames, start=player.ring.written)[:, 0].tolist()
            player.write(frames)
        else:
            play(frames)
    player.renderer.input_ended = reference.ended = True
    while reference.waiting or reference.preroll > 0:
        play(17)
    play(17)

    renderer, sound = player.renderer, [x for x in heard if x]
    assert sound == ramp(player.ring.written)[:, 0].tolist()
    booked = [(round(u.at_s * RATE_HZ), round(u.silence_s * RATE_HZ)) for u in renderer.underruns]
    assert booked == reference.underruns
    if sound:
        first = next(i for i, x in enumerate(heard) if x)
        last = max(i for i, x in enumerate(heard) if x)
        assert heard[first:last].count(0) == sum(silence for _, silence in booked)
        assert renderer.first_sound_at == pytest.approx(10 + first / RATE_HZ)
        assert renderer.sounds_until == pytest.approx(10 + (last + 1) / RATE_HZ)
        assert renderer.finished
        assert renderer.position(renderer.sounds_until) == len(sound)
    else:
        assert renderer.first_sound_at is None
        assert not renderer.finished
        assert renderer.position(1e9) == 0


def test_silence_until_the_threshold():
    player = Player(start=30)
    player.write(29)
    assert player.play(10) == [0] * 10
    assert not player.renderer.playing
    player.write(1)
    assert player.play(3) == [1, 2, 3]
    assert player.renderer.playing
    assert player.renderer.first_sound_at == pytest.approx(10.010)


def test_the_preroll_ends_with_a_block():
    player = Player(preroll=15)
    player.write(10)
    assert player.play(10) == [0] * 10
    assert player.play(10) == [0] * 10
    assert player.play(10) == list(range(1, 11))
    assert player.renderer.underruns == []


def test_a_gap_is_counted_once_from_its_first_silent_frame():
    player = Player(resume=20)
    player.write(15)
    assert player.play(10) == list(range(1, 11))
    assert player.play(10) == [11, 12, 13, 14, 15, 0, 0, 0, 0, 0]
    assert player.renderer.rebuffering
    player.write(19)
    assert player.play(10) == [0] * 10  # less than a pause refills
    assert player.renderer.underruns == []  # how long it will be is not known yet
    player.write(1)
    assert player.play(10) == list(range(16, 26))
    assert not player.renderer.rebuffering
    (underrun,) = player.renderer.underruns
    assert underrun == Underrun(0.015, 0.015)
    assert underrun.began_at == pytest.approx(10.015)


def test_an_end_inside_a_block_is_not_a_gap():
    player = Player()
    player.write(15)
    player.renderer.input_ended = True
    player.play(10)
    assert not player.renderer.finished
    assert player.play(10) == [11, 12, 13, 14, 15, 0, 0, 0, 0, 0]
    assert player.renderer.finished
    assert player.renderer.sounds_until == pytest.approx(10.015)
    assert player.play(10) == [0] * 10
    assert player.renderer.underruns == []


def test_an_end_between_blocks_is_noticed_in_the_next():
    player = Player()
    player.write(10)
    player.renderer.input_ended = True
    player.play(10)
    assert not player.renderer.finished
    player.play(10)
    assert player.renderer.finished
    assert player.renderer.sounds_until == pytest.approx(10.010)


def test_a_gap_that_turns_out_to_be_the_end_is_not_counted():
    player = Player()
    player.write(5)
    player.play(10)
    player.play(10)
    player.renderer.input_ended = True
    player.play(10)
    assert player.renderer.finished
    assert player.renderer.sounds_until == pytest.approx(10.005)
    assert player.renderer.underruns == []


def test_frames_that_arrive_with_the_end_during_a_block_are_played():
    """The producer writes its last frames and ends just after the ring was found empty."""
    player = Player()
    player.write(5)
    read_into = player.ring.read_into

    def read_and_be_overtaken(out):
        count = read_into(out)
        player.ring.read_into = read_into
        player.write(10)
        player.renderer.input_ended = True
        return count

    player.ring.read_into = read_and_be_overtaken
    assert player.play(10) == [1, 2, 3, 4, 5, 0, 0, 0, 0, 0]
    assert not player.renderer.finished
    assert player.play(10) == list(range(6, 16))
    assert player.renderer.underruns == [Underrun(0.005, 0.005)]  # heard, so counted


def test_levels_are_sampled_between_first_sound_and_end_of_input():
    player = Player(start=20)
    player.write(10)
    player.play(10)
    player.write(30)
    player.play(10)
    player.play(10)
    player.renderer.input_ended = True
    player.play(10)
    levels = player.renderer.levels
    assert (levels.first_s, levels.least_s, levels.mean_s) == pytest.approx((0.04, 0.03, 0.035))


def test_the_position_moves_inside_a_block():
    player = Player()
    player.write(30)
    player.play(10)
    player.play(10)
    renderer = player.renderer
    looks = {9.0: 0, 10.0: 0, 10.005: 5, 10.010: 10, 10.013: 13, 10.020: 20, 11.0: 20}
    assert {at: renderer.position(at) for at in looks} == looks


def test_the_position_stands_still_during_a_gap():
    player = Player(resume=10)
    player.write(15)
    player.play(10)
    player.play(10)
    player.play(10)
    player.write(10)
    player.play(10)  # heard from 10.030 on
    renderer = player.renderer
    looks = {10.013: 13, 10.016: 15, 10.025: 15, 10.030: 15, 10.034: 19, 10.9: 25}
    assert {at: renderer.position(at) for at in looks} == looks


def test_a_late_device_delays_the_position():
    player = Player()
    player.write(20)
    player.play(10)
    player.frames_out += 50  # the device itself lost 50 ms
    player.play(10)
    assert player.renderer.position(10.065) == 15
    assert player.renderer.underruns == []


def test_filling_allocates_only_views():
    import tracemalloc

    player = Player()
    player.write(9000)
    out = np.zeros((4000, 1), np.int16)
    player.renderer.fill(out, 10.0)
    tracemalloc.start()
    try:
        player.renderer.fill(out, 14.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < out.nbytes / 2
