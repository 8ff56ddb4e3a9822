from __future__ import annotations

import pytest

from voicecli.streams.ration import TASK_S, TURN_S, Ration

ASSUMED_BYTES_PER_S = {"opus": 4e6, "mp3": 6.67e6, "aac": 10e6, "flac": 33.3e6}


def learnt(codec, *, size=10_000, seconds=0.1, times=100):
    ration = Ration()
    ration.learn(100, 1.0, codec)  # a decoder's set-up
    for _ in range(times):
        ration.learn(size, seconds, codec)
    return ration


def test_before_anything_is_known_the_dearest_is_assumed():
    ration = Ration()
    assert ration.codec is None
    assert ration.turn_bytes == 4e6 * TURN_S
    assert ration.is_threadless
    assert ration.flood_bytes == ration.turn_bytes <= ration.piece_bytes


def test_what_did_not_tell_the_codec_does_not_count():
    ration = Ration()
    ration.learn(100, 1.0, None)
    assert ration.turn_bytes == 4e6 * TURN_S
    assert ration.codec is None


@pytest.mark.parametrize("codec", ASSUMED_BYTES_PER_S)
def test_the_codec_tells_what_is_assumed(codec):
    ration = learnt(codec, times=0)
    assert ration.codec == codec
    assert ration.turn_bytes == pytest.approx(ASSUMED_BYTES_PER_S[codec] * TURN_S, rel=0.01)
    assert ration.task_bytes == pytest.approx(ASSUMED_BYTES_PER_S[codec] * TASK_S, rel=0.01)
    assert not ration.is_threadless
    assert ration.flood_bytes == ration.task_bytes


@pytest.mark.parametrize("codec", ["pcm", "wav"])
def test_samples_that_are_bytes_are_assumed_cheap_and_stay_on_the_loop(codec):
    ration = learnt(codec, times=0)
    assert ration.turn_bytes > 100_000
    assert ration.piece_bytes > 50_000
    assert ration.is_threadless
    assert ration.flood_bytes == ration.turn_bytes


def test_what_was_measured_replaces_what_was_assumed():
    ration = learnt("mp3", size=10_000, seconds=0.004)  # 2.5 MB/s
    assert ration.turn_bytes == pytest.approx(2.5e6 * TURN_S, rel=0.02)
    assert ration.task_bytes == pytest.approx(2.5e6 * TASK_S, rel=0.02)


def test_it_follows_what_changes():
    ration = learnt("mp3", size=10_000, seconds=0.1)
    for _ in range(100):
        ration.learn(10_000, 0.004, "mp3")
    assert ration.turn_bytes == pytest.approx(2.5e6 * TURN_S, rel=0.05)


@pytest.mark.parametrize(
    ("codec", "least", "most"),
    [
        ("opus", (256, 1024, 256), (1 << 16, 1 << 14, 1 << 18)),
        ("wav", (256, 4096, 256), (1 << 19, 1 << 19, 256)),
    ],
)
def test_sizes_stay_within_their_bounds(codec, least, most):
    dear = learnt(codec, size=100, seconds=100.0)
    assert (dear.turn_bytes, dear.piece_bytes, dear.task_bytes) == least
    free = learnt(codec, seconds=0.0)  # a clock too coarse to see it
    assert (free.turn_bytes, free.piece_bytes, free.task_bytes) == most


def test_what_costs_nothing_is_taken_as_it_comes_until_it_costs_something():
    ration = Ration()
    ration.relax(4_096, 1.0, "wav")  # a decoder's set-up
    assert ration.codec == "wav"
    assert ration.is_threadless
    assert ration.is_relaxed
    assert ration.turn_bytes == ration.piece_bytes == ration.flood_bytes == 1 << 19
    ration.learn(10_000, 1.0, "wav")  # which others may have taken
    assert not ration.is_relaxed
    assert 100_000 < ration.turn_bytes < 1 << 19
    for _ in range(100):
        ration.learn(10_000, 0.001, "wav")  # 10 MB/s
    assert not ration.is_relaxed
    assert ration.turn_bytes == pytest.approx(10e6 * TURN_S, rel=0.02)
    ration.relax(10_000, 0.001, "wav")
    assert not ration.is_relaxed
    assert ration.turn_bytes == pytest.approx(10e6 * TURN_S, rel=0.02)
    for _ in range(100):
        ration.relax(10_000, 0.000_01, "wav")
    assert ration.is_relaxed
    assert ration.turn_bytes == 1 << 19
