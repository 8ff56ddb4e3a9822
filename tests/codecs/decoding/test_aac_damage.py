"""Truncated and damaged ADTS."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode_until_fault, joined
from tests.codecs.ffmpeg_streams import adts
from tests.codecs.mpeg_frames import adts_frames, id3v2
from voicecli.codecs.decoding.aac import AacDecoder
from voicecli.codecs.decoding.libav import MAX_LOST_RUN
from voicecli.codecs.decoding.mpegsync import MAX_GARBAGE_BYTES
from voicecli.errors import CorruptStream, TruncatedStream

BLOCK = 1024


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(AacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Return the number of frames of a stream, and its fault."""
    blocks, fault = decode_until_fault(AacDecoder(), pieces)
    return len(joined(blocks)), fault


@given(part=st.floats(0.02, 0.999))
@settings(max_examples=15)
def test_a_cut_frame_is_reported_and_the_rest_kept(part):
    data = adts(9000)
    size = int(len(data) * part)
    edges = np.cumsum([len(frame) for frame in adts_frames(data)])
    blocks, fault = decode_until_fault(AacDecoder(), [data[:size]])
    if size in edges:
        assert fault is None
    else:
        assert isinstance(fault, TruncatedStream)
    whole = int(np.searchsorted(edges, size, side="right"))
    assert len(joined(blocks)) == max(0, whole - 1) * BLOCK


def test_garbage_between_frames_is_skipped():
    frames = adts_frames(adts(9000))
    junk = bytes(range(200)) * 20
    assert np.array_equal(decoded(*frames[:5], junk, *frames[5:], junk), decoded(adts(9000)))


def test_frames_after_garbage_count_if_the_stream_ends_with_them():
    frames = adts_frames(adts(9000))
    other_rate = adts_frames(adts(9000, 44100))[5]
    assert len(decoded(*frames, b"garbage", frames[-1])) == BLOCK * len(frames)
    count, fault = faulty(b"garbage", other_rate)
    assert (count, fault) == (0, None)  # its only block is priming


@pytest.mark.parametrize("stream", [b"", b"\0" * 5000, b"RIFF" * 99, id3v2()])
def test_a_stream_without_audio_is_reported(stream):
    count, fault = faulty(stream)
    assert count == 0
    assert isinstance(fault, CorruptStream)


def test_endless_garbage_is_reported_after_the_good_frames():
    count, fault = faulty(adts(9000), bytes(MAX_GARBAGE_BYTES + 9))
    assert isinstance(fault, CorruptStream)
    assert count == len(decoded(adts(9000)))


def damage(frame):
    """Make the payload of a frame begin with a reserved element."""
    return frame[:7] + b"\xe7" + b"\xff" * (len(frame) - 8)


@pytest.mark.parametrize("lost", [range(4, 5), range(3, 6)])
def test_undecodable_frames_become_silence_of_their_length(lost):
    frames = adts_frames(adts(12000))
    shortened = [b"" if at in lost else frame for at, frame in enumerate(frames)]
    damaged = [damage(frame) if at in lost else frame for at, frame in enumerate(frames)]
    got, whole = decoded(*damaged), decoded(*frames)
    assert len(decoded(*shortened)) < len(got) == len(whole)
    after = BLOCK * (lost[-1] + 1)
    assert np.allclose(got[after:], whole[after:], atol=1e-5)


def test_too_many_undecodable_frames_in_a_row_are_reported():
    frames = adts_frames(adts(12000))
    assert isinstance(
        faulty(*frames[:5], *[damage(frames[5])] * (MAX_LOST_RUN + 1))[1], CorruptStream
    )


def test_a_stream_of_undecodable_frames_is_not_silence():
    frames = adts_frames(adts(12000))
    count, fault = faulty(*[damage(frames[5])] * 5)
    assert count == 0
    assert isinstance(fault, CorruptStream)
