from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicecli.codecs.decoding.mpeg import FrameHeader
from voicecli.codecs.decoding.mpegsync import Frame
from voicecli.codecs.decoding.padding_marker import (
    DATA_ELEMENT,
    MARKER_BYTES,
    adts_padding,
    mp3_padding,
    padding_marker,
)

READERS = {
    "mp3": (mp3_padding, lambda marker: bytes(40) + marker),
    "adts": (adts_padding, lambda marker: bytes(7) + DATA_ELEMENT + marker + bytes(40)),
}
codecs = st.sampled_from(sorted(READERS))


def read(codec, marker, frames=1_024):
    padding, put = READERS[codec]
    data = put(marker)
    return padding(Frame(FrameHeader(24_000, 1, frames, len(data), 7, 0), data, after_tag=False))


@given(codec=codecs, padding=st.integers(0, 0xFFFF), frames=st.integers(1, 4_096))
def test_a_marker_states_padding_shorter_than_the_frame(codec, padding, frames):
    marker = padding_marker(padding)
    assert len(marker) == MARKER_BYTES
    assert read(codec, marker, frames) == (padding if padding < frames else None)


@given(codec=codecs, padding=st.integers(0, 1_023), bit=st.integers(0, 8 * MARKER_BYTES - 1))
def test_one_wrong_bit_makes_a_marker_invalid(codec, padding, bit):
    word = int.from_bytes(padding_marker(padding), "big") ^ 1 << bit
    assert read(codec, word.to_bytes(MARKER_BYTES, "big")) is None


@given(codec=codecs, data=st.binary(max_size=MARKER_BYTES))
def test_other_bytes_are_not_a_marker(codec, data):
    assert read(codec, data) is None


def test_a_partial_marker_is_ignored():
    header = FrameHeader(24_000, 1, 1_024, 99, 7, 0)
    for size in range(MARKER_BYTES):
        assert read("mp3", padding_marker(5)[:size]) is None
        data = bytes(7) + DATA_ELEMENT + padding_marker(5)[:size]
        assert adts_padding(Frame(header, data, after_tag=False)) is None


def test_an_adts_marker_follows_the_crc():
    data = bytes(9) + DATA_ELEMENT + padding_marker(5)
    header = FrameHeader(24_000, 1, 1_024, len(data), 9, 0)
    assert adts_padding(Frame(header, data, after_tag=False)) == 5
