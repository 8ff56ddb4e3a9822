from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.streams.frame import AudioFrame
from voicecli.streams.framequeue import FrameQueue


def frame(start, length):
    return AudioFrame.from_numpy(np.arange(start, start + length, dtype=np.int16), 8000)


def values(pieces):
    return [int(value) for piece in pieces for value in piece[:, 0]]


@pytest.fixture
def queue():
    queue = FrameQueue(100)
    for start in (0, 40, 80):
        queue.add(frame(start, 40))
    return queue


def test_a_stretch_is_frames_in_order_and_the_beginning_of_one(queue):
    pieces = queue.take()
    assert [len(piece) for piece in pieces] == [40, 40, 20]
    assert values(pieces) == list(range(100))
    assert not queue.is_empty
    assert values(queue.take()) == list(range(100, 120))
    assert queue.is_empty
    assert queue.take() == []


def test_a_rest_comes_before_what_is_added_after_it(queue):
    queue.take()
    queue.add(frame(120, 30))
    assert values(queue.take()) == list(range(100, 150))


def test_a_stretch_that_ends_with_a_frame_leaves_no_rest():
    queue = FrameQueue(40)
    queue.add(frame(0, 40))
    queue.take()
    assert queue.is_empty


def test_what_is_under_way_counts_until_it_is_settled(queue):
    queue.take()
    assert queue.size == 120
    queue.settle(60)
    assert queue.size == 60


def test_clearing_drops_the_rest_too(queue):
    queue.take()
    queue.clear()
    assert (queue.size, queue.is_empty, queue.take()) == (0, True, [])


def test_samples_are_not_copied():
    queue = FrameQueue(100)
    pushed = frame(0, 250)
    queue.add(pushed)
    assert all(np.shares_memory(queue.take()[0], pushed.to_numpy()) for _ in range(3))


@given(st.lists(st.integers(1, 300), max_size=20), st.integers(1, 200))
def test_nothing_is_lost_and_no_stretch_too_long(lengths, stretch):
    queue, at = FrameQueue(stretch), 0
    for length in lengths:
        queue.add(frame(at, length))
        at += length
    taken = []
    while not queue.is_empty:
        part = values(queue.take())
        assert 0 < len(part) <= stretch
        taken += part
    assert taken == list(range(at))
