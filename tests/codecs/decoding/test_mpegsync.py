from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import in_pieces, split_at
from tests.codecs.ffmpeg_streams import adts, mp3, raw_mp3
from tests.codecs.mpeg_frames import ID3V1, adts_frames, ape, id3v2, mp3_frames, silent_mp3_frame
from tests.codecs.samples import encoded
from voicecli.codecs.decoding.mpeg import ADTS, MP3
from voicecli.codecs.decoding.mpegsync import MAX_GARBAGE_BYTES, FrameReader
from voicecli.errors import CorruptStream, TruncatedStream

FRAMES = mp3_frames(raw_mp3(6000))
OTHER_RATE = mp3_frames(raw_mp3(6000, 16000))
GARBAGE = bytes(range(1, 250)) * 3 + b"\xff\xfb\x90" + b"\xff" * 9


def read(pieces, syntax=MP3):
    """Return all frames of a stream, and its fault."""
    reader, frames = FrameReader(syntax), []
    try:
        for piece in pieces:
            frames.extend(reader.feed(piece))
        frames.extend(reader.finish())
    except (CorruptStream, TruncatedStream) as fault:
        return frames, fault
    return frames, None


def payloads(*pieces, syntax=MP3):
    frames, fault = read(pieces, syntax)
    assert fault is None
    return [frame.data for frame in frames]


def test_frames_come_out_with_their_last_byte():
    reader = FrameReader(MP3)
    for frame in FRAMES:
        assert not list(reader.feed(frame[:-1]))
        assert [got.data for got in reader.feed(frame[-1:])] == [frame]


@pytest.mark.parametrize(
    ("syntax", "frames"), [(MP3, FRAMES), (ADTS, adts_frames(adts(6000)))], ids=["mp3", "adts"]
)
@given(data=st.data())
@settings(max_examples=25)
def test_any_split_gives_the_same_frames(syntax, frames, data):
    parts = [id3v2(b"\xff\xfb" * 60), *frames[:3], GARBAGE, *frames[3:], ape(), ID3V1]
    stream = b"".join(parts)
    at = data.draw(st.lists(st.integers(0, len(stream)), max_size=30))
    assert payloads(*split_at(stream, at), syntax=syntax) == frames


def test_feeding_byte_by_byte_gives_the_same():
    stream = id3v2() + b"".join(FRAMES[:4]) + GARBAGE + b"".join(FRAMES[4:]) + ID3V1
    assert payloads(*in_pieces(1, stream)) == FRAMES


@pytest.mark.parametrize("tag", [ID3V1, id3v2(b"\xff\xfb\x90\xc4" * 99), ape(), id3v2(flags=0x10)])
def test_a_frame_after_a_tag_says_so(tag):
    frames, fault = read([b"".join(FRAMES[:2]), tag, b"".join(FRAMES[2:])])
    assert fault is None
    assert [frame.data for frame in frames] == FRAMES
    assert [at for at, frame in enumerate(frames) if frame.after_tag] == [0, 2]


def test_an_id3_tag_in_garbage_is_skipped_as_a_tag():
    tag = id3v2(bytes(2 * MAX_GARBAGE_BYTES))
    assert payloads(b"".join(FRAMES[:2]), b"garbage", tag, b"".join(FRAMES[2:])) == FRAMES


@pytest.mark.parametrize("magic", [b"ID3\xff\xff", b"ID3", b"APETAGEX", b"AP", b"TA", b"\xff\xfe"])
def test_a_false_tag_is_garbage(magic):
    junk = magic + b"\xfe" * 5
    first, rest = b"".join(FRAMES[:2]), b"".join(FRAMES[2:])
    if magic != b"APETAGEX":
        assert payloads(first, junk, rest) == FRAMES
    assert payloads(first + rest, junk) == FRAMES


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize("name", ["aac", "opus", "flac"])
def test_another_format_behind_garbage_is_reported(name, size):
    data = b"".join(FRAMES) + GARBAGE + bytes(5000) + encoded(name, 12_000, 1)
    frames, fault = read(in_pieces(size, data))
    assert [frame.data for frame in frames] == FRAMES
    assert isinstance(fault, CorruptStream)
    assert fault.message == f"{name} audio follows the MP3 audio, and is not played"


def test_a_lone_sync_word_in_garbage_is_not_a_frame():
    assert payloads(b"garbage", silent_mp3_frame(), b"more garbage", *FRAMES) == FRAMES


def test_a_frame_after_garbage_counts_if_the_stream_ends_with_it():
    assert payloads(b"garbage", FRAMES[0]) == [FRAMES[0]]
    assert payloads(b"garbage", FRAMES[0][:-1]) == []
    assert payloads(b"garbage", FRAMES[0][:2]) == []
    assert payloads(b"garbage", FRAMES[0], ID3V1) == [FRAMES[0]]


def test_another_rate_needs_a_second_header():
    assert payloads(*FRAMES, *OTHER_RATE) == [*FRAMES, *OTHER_RATE]
    assert payloads(*FRAMES, OTHER_RATE[0], *FRAMES) == [*FRAMES, *FRAMES]


def test_garbage_between_frames_is_limited():
    some = b"\0" * MAX_GARBAGE_BYTES
    assert payloads(*FRAMES, some, *FRAMES, some, *FRAMES) == FRAMES * 3
    for pieces in (
        [*FRAMES, some + b"\0", *FRAMES],
        in_pieces(1000, b"".join(FRAMES) + some + b"\0" * 20),
    ):
        frames, fault = read(pieces)
        assert [frame.data for frame in frames] == FRAMES
        assert isinstance(fault, CorruptStream)


@given(at=st.integers(1, len(FRAMES[3]) - 1))
@settings(max_examples=25)
def test_a_partial_frame_at_the_end_is_reported(at):
    frames, fault = read([b"".join(FRAMES[:3]) + FRAMES[3][:at]])
    assert [frame.data for frame in frames] == FRAMES[:3]
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("tag", [id3v2(), ape(), ID3V1])
def test_a_partial_tag_at_the_end_is_reported(tag):
    assert isinstance(read([*FRAMES, tag[:-1]])[1], TruncatedStream)


@pytest.mark.parametrize(
    "end", [b"\xff\x00", b"\xff\x00\x00\x00\x00", b"\0\0", b"\xff\xff\xff\xff"]
)
def test_other_bytes_at_the_end_are_skipped(end):
    assert payloads(*FRAMES, end) == FRAMES


@pytest.mark.parametrize("kept", [4, 30, len(OTHER_RATE[0]) - 1])
def test_a_partial_stream_at_the_end_is_reported(kept):
    frames, fault = read([*FRAMES, OTHER_RATE[0][:kept]])
    assert [frame.data for frame in frames] == FRAMES
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("kept", [1, 3])
def test_a_single_frame_of_another_stream_comes_out(kept):
    frames, fault = read([*FRAMES, OTHER_RATE[0], OTHER_RATE[1][:kept]])
    assert [frame.data for frame in frames] == [*FRAMES, OTHER_RATE[0]]
    assert isinstance(fault, TruncatedStream)


def test_a_file_has_the_frames_that_libav_wrote():
    data = mp3(20000, 44100, 2)
    assert payloads(data) == mp3_frames(data)


def test_an_empty_stream_is_not_a_fault_of_the_reader():
    assert read([]) == ([], None)
