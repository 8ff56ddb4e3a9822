from __future__ import annotations

import sys
import threading
from collections import deque

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.playback.fakes import ramp
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.ring import Ring

MONO = AudioFormat(8000, 1)


class RingAgainstDeque(RuleBasedStateMachine):
    """Writer and reader, interleaved at will, beside a deque that does the same."""

    @initialize(capacity=st.integers(1, 50), channels=st.integers(1, 3), kind=st.booleans())
    def make(self, capacity, channels, kind):
        self.channels = channels
        self.dtype = "int16" if kind else "float32"
        self.ring = Ring(capacity, AudioFormat(8000, channels, self.dtype))
        self.model = deque()
        self.capacity = capacity
        self.written = self.read = 0

    @rule(frames=st.integers(0, 70))
    def write(self, frames):
        samples = ramp(frames, start=self.written, channels=self.channels).astype(self.dtype)
        taken = self.ring.write(samples)
        assert taken == min(frames, self.capacity - len(self.model))
        self.model.extend(samples[:taken].tolist())
        self.written += taken

    @rule(frames=st.integers(0, 70))
    def read_some(self, frames):
        out = np.full((frames, self.channels), -7, self.dtype)
        count = self.ring.read_into(out)
        assert count == min(frames, len(self.model))
        assert out[:count].tolist() == [self.model.popleft() for _ in range(count)]
        assert (out[count:] == -7).all()
        self.read += count

    @precondition(lambda self: hasattr(self, "ring"))
    @invariant()
    def counters_agree(self):
        assert self.ring.written == self.written
        assert self.ring.read == self.read
        assert self.ring.readable == len(self.model)


RingAgainstDeque.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
test_ring_does_what_a_deque_does = RingAgainstDeque.TestCase


def test_an_empty_capacity_is_an_error():
    with pytest.raises(ValueError, match="at least one frame"):
        Ring(0, MONO)


def test_the_reader_gets_a_copy():
    ring = Ring(4, MONO)
    samples = ramp(4)
    ring.write(samples)
    out = np.zeros((4, 1), np.int16)
    ring.read_into(out)
    ring.write(ramp(4, start=100))
    assert np.array_equal(out, samples)


class _Watched(np.ndarray):
    """Tells how far the counters are while frames are being copied."""

    def __setitem__(self, key, value):
        self.seen.append(self.ring.written)
        np.asarray(self)[key] = value

    def __getitem__(self, key):
        self.seen.append(self.ring.read)
        return np.asarray(self)[key]


def test_frames_are_copied_before_the_counter_moves():
    ring = Ring(5, MONO)
    frames = ring._frames = ring._frames.view(_Watched)
    frames.ring, frames.seen = ring, []
    out = np.zeros((5, 1), np.int16)
    ring.write(ramp(3))
    ring.read_into(out[:3])
    assert frames.seen == [0, 0]
    ring.write(ramp(4, start=3))  # wraps around: two copies, one change of the counter
    ring.read_into(out[:4])
    assert frames.seen == [0, 0, 3, 3, 3, 3]
    assert np.array_equal(out[:4], ramp(4, start=3))


@pytest.mark.slow
def test_concurrent_writing_and_reading_keeps_every_frame():
    """Two real threads; a short switch interval makes them meet in the middle of things."""
    total, ring = 200_000, Ring(997, MONO)
    source = (np.arange(total) % 65_521 - 32_760).astype(np.int16)[:, None]
    heard = np.zeros_like(source)
    failures = []

    def write():
        written, size = 0, 1
        while written < total and not failures:
            size = size * 7 % 1013 + 1
            written += ring.write(source[written : written + size])

    def read():
        got, size = 0, 1
        while got < total:
            size = size * 5 % 769 + 1
            count = ring.read_into(heard[got : got + size])
            if not 0 <= count <= size:
                failures.append(count)
                return
            got += count

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, daemon=True) for work in (write, read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval_s)
    assert not failures
    assert ring.read == ring.written == total
    assert np.array_equal(heard, source)


def test_seeking_back_ends_at_the_first_frame_that_is_kept():
    ring = Ring(100, AudioFormat(8_000, 1), kept_frames=30)
    out = np.zeros((100, 1), np.int16)
    ring.write(np.arange(100, dtype=np.int16).reshape(-1, 1))
    assert ring.read_into(out[:80]) == 80
    ring.seek(10)
    assert (ring.read, ring.kept_from) == (50, 50)
    assert ring.read_into(out[:5]) == 5
    assert out[:5, 0].tolist() == [50, 51, 52, 53, 54]
    ring.seek(70)
    assert ring.read == 70
