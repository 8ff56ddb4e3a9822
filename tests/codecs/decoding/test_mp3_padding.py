"""Delay and padding of MP3 as the info tag and the padding marker state them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode_until_fault, in_pieces, joined
from tests.codecs.ffmpeg_streams import raw_mp3
from tests.codecs.mpeg_frames import id3v2, mp3_frames, silent_mp3_frame, with_info_tag
from voicecli.codecs.decoding.mp3 import Mp3Decoder
from voicecli.codecs.decoding.mpegsync import MAX_GARBAGE_BYTES
from voicecli.codecs.decoding.padding_marker import MARKER_BYTES, padding_marker
from voicecli.errors import CorruptStream, TruncatedStream

LSF_FRAME = 576


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(Mp3Decoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Return the number of frames of a stream, and its fault."""
    blocks, fault = decode_until_fault(Mp3Decoder(), pieces)
    return len(joined(blocks)), fault


def damage(frame):
    """Make the side information of a frame invalid."""
    return frame[:4] + b"\xff" * (len(frame) - 4)


# --- info tags


def test_a_vbri_tag_is_not_played_and_its_count_is_used():
    frame = silent_mp3_frame(b"\xff\xfb\x90\x04")
    vbri = frame[:36] + b"VBRI" + bytes(10) + (5).to_bytes(4, "big") + frame[54:]
    assert len(decoded(vbri, *[frame] * 5)) == 5 * 1152
    assert isinstance(faulty(vbri, *[frame] * 3)[1], TruncatedStream)


def test_a_count_that_includes_the_tag_frame_is_accepted():
    frame = silent_mp3_frame()
    other = with_info_tag(frame, 21, mp3_frames=6)
    assert len(decoded(other, *[frame] * 5)) == 5 * 1152
    assert isinstance(faulty(other, *[frame] * 4)[1], TruncatedStream)
    lame = with_info_tag(frame, 21, mp3_frames=6, lame=(b"LAME", 0, 0))
    assert isinstance(faulty(lame, *[frame] * 5)[1], TruncatedStream)


def test_padding_without_a_count_is_cut_at_the_end():
    frame = silent_mp3_frame()
    tag = with_info_tag(frame, 21, lame=(b"LAME", 576, 1529))
    assert len(decoded(tag, *[frame] * 9)) == 9 * 1152 - 1105 - 1000
    count, fault = faulty(tag, *[frame] * 9, frame[:50])
    assert isinstance(fault, TruncatedStream)
    assert count == 9 * 1152 - 1105


def test_possible_padding_is_played_if_garbage_ends_the_stream():
    frame = silent_mp3_frame()
    tag = with_info_tag(frame, 21, lame=(b"LAME", 576, 1529))
    count, fault = faulty(tag, *[frame] * 9, bytes(MAX_GARBAGE_BYTES + 9))
    assert isinstance(fault, CorruptStream)
    assert count == 9 * 1152 - 1105


# --- the padding marker


def with_marker(frame, padding, *, check=None):
    """Replace the end of an MP3 frame, which may be audio, by a padding marker."""
    marker = padding_marker(padding) if check is None else padding_marker(padding)[:-2] + check
    return frame[:-MARKER_BYTES] + marker


OPEN = with_info_tag(silent_mp3_frame(), 21, lame=(b"Lavc", 576, 0))


@pytest.mark.parametrize("padding", [0, 1, 700, 1151])
def test_a_marked_frame_loses_its_padding(padding):
    frame = silent_mp3_frame()
    assert (
        len(decoded(OPEN, *[frame] * 4, with_marker(frame, padding))) == 5 * 1152 - 1105 - padding
    )
    assert len(decoded(*[frame] * 4, with_marker(frame, padding))) == 5 * 1152 - 529 - padding


def test_concatenated_marked_streams_each_lose_their_padding():
    frame = silent_mp3_frame()
    stream = [OPEN, *[frame] * 4, with_marker(frame, 100)]
    assert len(decoded(*stream, *stream, id3v2(), *stream)) == 3 * (5 * 1152 - 1105 - 100)


def test_a_tag_with_a_count_prevails_over_the_marker():
    frame = silent_mp3_frame()
    file = with_info_tag(frame, 21, mp3_frames=5, lame=(b"Lavc", 576, 529 + 300))
    for padding in (0, 300, 900):
        got = decoded(file, *[frame] * 4, with_marker(frame, padding))
        assert len(got) == 5 * 1152 - 1105 - 300


def test_the_marker_adds_to_the_padding_in_the_tag():
    frame = silent_mp3_frame()
    tag = with_info_tag(frame, 21, lame=(b"Lavc", 576, 529 + 1152))
    assert len(decoded(tag, *[frame] * 5)) == 4 * 1152 - 1105
    for padding in (0, 1, 1151):
        got = decoded(tag, *[frame] * 4, with_marker(frame, padding))
        assert len(got) == 4 * 1152 - 1105 - padding


@pytest.mark.parametrize(
    ("padding", "check"),
    [(1152, None), (0xFFFF, None), (5, b"\0\0"), (0x8005, None)],
    ids=["all of the frame", "more than that", "damaged", "negative"],
)
def test_an_invalid_marker_is_ignored(padding, check):
    frame = silent_mp3_frame()
    assert (
        len(decoded(OPEN, *[frame] * 4, with_marker(frame, padding, check=check)))
        == 5 * 1152 - 1105
    )


@settings(max_examples=25)
@given(
    paddings=st.lists(st.none() | st.integers(0, 2000), min_size=5, max_size=5),
    split=st.integers(1, 500),
)
def test_a_false_marker_cuts_only_its_own_frame(paddings, split):
    frame = silent_mp3_frame()
    frames = [frame if padding is None else with_marker(frame, padding) for padding in paddings]
    cuts = [padding if padding and padding < 1152 else 0 for padding in paddings]
    left = max(0, 1152 - 1105 - cuts[0]) + sum(1152 - cut for cut in [*cuts[1:], 0])
    assert len(decoded(*in_pieces(split, OPEN + b"".join([*frames, frame])))) == left


def test_frames_after_a_marked_one_are_another_stream():
    frame = silent_mp3_frame()
    stream = [OPEN, *[frame] * 4, with_marker(frame, 100)]
    whole = 5 * 1152 - 1105 - 100
    assert len(decoded(*stream, *[frame] * 3)) == whole + 3 * 1152
    file = with_info_tag(frame, 21, mp3_frames=5, lame=(b"Lavc", 576, 529 + 100))
    assert len(decoded(file, *stream[1:], *[frame] * 3)) == whole + 3 * 1152


def test_a_marker_within_a_counted_file_is_ignored():
    frame = silent_mp3_frame()
    file = with_info_tag(frame, 21, mp3_frames=5, lame=(b"Lavc", 576, 529 + 100))
    assert len(decoded(file, frame, with_marker(frame, 9), *[frame] * 3)) == 5 * 1152 - 1105 - 100


def test_a_damaged_frame_with_a_marker_still_ends_the_stream():
    *frames, last = mp3_frames(raw_mp3(9000))
    whole = decoded(*frames)
    got = decoded(*frames, with_marker(damage(last), 300))
    assert len(got) == len(whole) + LSF_FRAME - 300
    assert np.array_equal(got[: len(whole)], whole)


def test_frames_with_crc_decode():
    frame = silent_mp3_frame(b"\xff\xfa\x90\xc4")
    assert decoded(*[frame] * 4).shape == (4 * 1152 - 529, 1)
