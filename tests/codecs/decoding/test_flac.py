from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode_until_fault, in_pieces, joined, split_at
from tests.codecs.ffmpeg_streams import flac, integers, sweep
from tests.codecs.mpeg_frames import ID3V1, ape, id3v2
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs import AutoDecoder
from voicecli.codecs.decoding.flac import FlacDecoder
from voicecli.codecs.decoding.flacheader import StreamInfo, crc8, crc16, flac_frame_header

BLOCK = 2304  # of FFmpeg's encoder at 24 kHz


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(FlacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


@functools.cache
def parts(stream):
    """Split a single stream into everything before the first frame, and the frames."""
    info, at, last = StreamInfo.parse(stream[8:42]), 4, False
    while not last:
        last = bool(stream[at] & 0x80)
        at += 4 + int.from_bytes(stream[at + 1 : at + 4], "big")
    edges, header = [at], flac_frame_header(stream, at, info)
    for place in range(at + 1, len(stream)):
        following = flac_frame_header(stream, place, info)
        if following is not None and following.continues(header):
            edges.append(place)
            header = following
    edges.append(len(stream))
    return stream[:at], [stream[a:b] for a, b in itertools.pairwise(edges)]


def with_block(stream, kind, payload):
    """Insert a metadata block after STREAMINFO."""
    return stream[:42] + bytes([kind]) + len(payload).to_bytes(3, "big") + payload + stream[42:]


# --- exact samples


@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [7000, 8000, 22050, 24000, 44100, 48000, 96000])
def test_sixteen_bits_are_exact(rate_hz, channels, pipe):
    got = decoded(flac(9001, rate_hz, channels, pipe=pipe))
    assert got.dtype == np.int16
    assert np.array_equal(got, integers(sweep(9001, rate_hz, channels)))


@pytest.mark.parametrize("channels", [1, 2])
def test_twenty_four_bits_are_exact(channels):
    got = decoded(flac(9001, 48000, channels, sample_type="s32"))
    truth = integers(sweep(9001, 48000, channels), "s32")
    assert got.dtype == np.float32
    assert np.array_equal(got.astype(np.float64), truth / 2.0**31)


@pytest.mark.parametrize("frames", [1, 2, 16, 2303, 2304, 2305, 4608, 12000])
@pytest.mark.parametrize("pipe", [False, True])
def test_any_length_is_exact(frames, pipe):
    stream = flac(frames, pipe=pipe)
    assert np.array_equal(decoded(stream), integers(sweep(frames)))
    assert np.array_equal(decoded(stream, stream), np.tile(integers(sweep(frames)), (2, 1)))


def hand_made(values, bits, *, variable=False, total=True, first=0):
    """Make a mono stream of constant blocks of 192 samples, one per value (RFC 9639 §9.2.3)."""
    word = 8000 << 44 | (bits - 1) << 36 | (192 * len(values) if total else 0)
    info = (192).to_bytes(2, "big") * 2 + bytes(6) + word.to_bytes(8, "big") + bytes(16)
    code = {8: 1, 12: 2, 20: 5}[bits]
    frames = []
    for at, value in enumerate(values, start=first):
        number = at * 192 if variable else at
        coded = bytes([number]) if number < 128 else bytes([0xC0 | number >> 6, 0x80 | number & 63])
        head = bytes([0xFF, 0xF8 | variable, 0x14, code << 1]) + coded
        head += bytes([crc8(head)])
        width = 8 + bits + -bits % 8
        subframe = ((value & (1 << bits) - 1) << -bits % 8).to_bytes(width // 8, "big")
        body = head + subframe
        frames.append(body + crc16(body).to_bytes(2, "big"))
    return b"fLaC\x80\0\0\x22" + info + b"".join(frames)


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 20])
def test_other_depths_and_both_blocking_strategies_decode(bits, variable, total):
    values = [1, -1, 100, -128, 0]
    got = decoded(*in_pieces(3, hand_made(values, bits, variable=variable, total=total)))
    if bits > 16:
        truth = np.repeat(np.array(values) / 2.0 ** (bits - 1), 192)
    else:
        truth = np.repeat(np.array(values) << 16 - bits, 192)
    assert np.array_equal(got.ravel(), truth)


def test_a_stream_may_begin_at_any_frame_number():
    assert len(decoded(hand_made([1, 2, 3], 8, first=5, total=False))) == 3 * 192


@given(data=st.data())
@settings(max_examples=20)
def test_any_split_gives_the_same_samples(data):
    stream = id3v2() + flac(9001) + flac(5000, 16000, 2, pipe=True) + ape() + flac(3000)
    assert stream.count(b"fLaC") == 3
    stream = stream.replace(ape(), b"")
    at = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    blocks, fault = decode_until_fault(FlacDecoder(), split_at(stream, at))
    assert fault is None
    mono = [block for block in blocks if block.format.channels == 1]
    assert np.array_equal(joined(mono), np.concatenate([decoded(flac(9001)), decoded(flac(3000))]))
    stereo = [block for block in blocks if block.format.channels == 2]
    assert np.array_equal(joined(stereo), decoded(flac(5000, 16000, 2)))


def test_feeding_byte_by_byte_gives_the_same():
    assert np.array_equal(decoded(*in_pieces(1, flac(9001))), decoded(flac(9001)))


def test_blocks_follow_the_contract():
    decoder = FlacDecoder()
    assert decoder.format is None
    for piece in in_pieces(1000, flac(9000, 44100, 2)):
        for block in decoder.feed(piece):
            assert block.samples.flags.c_contiguous
            assert decoder.format == AudioFormat(44100, 2, "int16")
    assert sum(block.frames for block in decoder.flush()) > 0


def test_a_block_arrives_with_the_header_of_the_next_frame():
    before, frames = parts(flac(9001))
    decoder = FlacDecoder()
    assert decoder.feed(before + frames[0]) == []
    assert [block.frames for block in decoder.feed(frames[1][:16])] == [BLOCK]


# --- metadata and tags


@pytest.mark.parametrize("step", [1000, 10**7])
def test_metadata_of_any_size_is_skipped_and_not_kept(step):
    picture = b"\xff\xf8fLaC\0\0\0\x22" * 150_000
    stream = with_block(with_block(flac(5000), 6, picture), 4, b"")
    decoder = FlacDecoder()
    blocks = []
    for piece in in_pieces(step, stream):
        blocks += decoder.feed(piece)
        assert len(decoder._buffer) < max(20_000, step + 1 if step > 10**6 else 0)
    assert np.array_equal(joined(blocks + decoder.flush()), decoded(flac(5000)))


@pytest.mark.parametrize("pipe", [False, True], ids=["total", "no total"])
@pytest.mark.parametrize("between", [b"", ID3V1, id3v2(), ape(), ID3V1 + id3v2(bytes(70000))])
def test_concatenated_streams_decode(between, pipe):
    streams = [flac(5000, pipe=pipe), flac(2304, pipe=pipe), flac(3000, 48000, 2, pipe=pipe)]
    blocks, fault = decode_until_fault(
        FlacDecoder(), in_pieces(700, between.join(streams) + between)
    )
    assert fault is None
    expected = [
        block for stream in streams for block in decode_until_fault(FlacDecoder(), [stream])[0]
    ]
    for block, other in zip(blocks, expected, strict=True):
        assert block.format == other.format
        assert np.array_equal(block.samples, other.samples)


def test_tag_letters_within_the_last_frame_are_audio():
    letters = np.frombuffer(b"TAGID3" * 400, np.uint8).astype(np.int16) - 128
    word = 8000 << 44 | 7 << 36 | len(letters)
    info = len(letters).to_bytes(2, "big") * 2 + bytes(6) + word.to_bytes(8, "big") + bytes(16)
    head = bytes([0xFF, 0xF8, 0x74, 1 << 1, 0]) + (len(letters) - 1).to_bytes(2, "big")
    head += bytes([crc8(head)])
    body = head + b"\x02" + letters.astype(np.int8).tobytes()  # verbatim (§9.2.4)
    body = body.replace(letters.astype(np.int8).tobytes(), b"TAGID3" * 400)
    stream = b"fLaC\x80\0\0\x22" + info + body + crc16(body).to_bytes(2, "big")
    got = decoded(stream, ID3V1)
    assert np.array_equal(got.ravel() >> 8, np.frombuffer(b"TAGID3" * 400, np.int8))


@pytest.mark.parametrize("pipe", [False, True])
def test_a_matching_frame_number_in_the_next_stream_is_not_an_end(pipe):
    one, more = flac(BLOCK, pipe=pipe), flac(3 * BLOCK, pipe=pipe)
    before, frames = parts(more)
    short = before[:4] + b"\x80" + before[5:42]  # STREAMINFO alone, so that the frame is near
    assert len(decoded(one, short, *frames)) == 4 * BLOCK
    assert len(decoded(one + short + b"".join(frames))) == 4 * BLOCK


def test_an_empty_stream_before_another_is_skipped():
    empty = bytearray(parts(flac(5000, pipe=True))[0])
    assert np.array_equal(decoded(bytes(empty), flac(5000)), decoded(flac(5000)))


# --- streams out of the ordinary


def renumbered(frame, number, code=None):
    """Give a frame another number and, by its code, another rate; both checksums are right."""
    frame = bytearray(frame)
    frame[4] = number
    if code is not None:
        frame[2] = frame[2] & 0xF0 | code
    end = 5
    frame[end] = crc8(frame[:end])
    frame[-2:] = crc16(frame[:-2]).to_bytes(2, "big")
    return bytes(frame)


SIZES = (13, 1000, 1 << 20)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_stream_may_begin_with_any_frame(first):
    stream = flac(20_001, 44_100, 2)
    _, frames = parts(stream)
    data = b"".join(frames[first:])
    whole = decoded(stream)
    for claim, size in itertools.product((None, "flac", "pcm"), SIZES):
        blocks, fault = decode_until_fault(AutoDecoder(claim), in_pieces(size, data))
        assert fault is None
        assert np.array_equal(joined(blocks), whole[len(whole) - len(joined(blocks)) :])
        assert {block.rate_hz for block in blocks} == {44_100}
        assert len(joined(blocks)) > 0


def test_a_stream_may_change_its_rate():
    head, frames = parts(flac(2 * 4_608, 44_100, 1))
    assert len(frames) == 2
    for size in SIZES:
        data = head + renumbered(frames[0], 0, 9) + renumbered(frames[1], 1, 10)
        blocks, fault = decode_until_fault(FlacDecoder(), in_pieces(size, data))
        assert fault is None
        assert [(block.rate_hz, block.frames) for block in blocks] == [
            (44_100, 4_608),
            (48_000, 4_608),
        ]


def test_a_stream_may_change_its_channels():
    mono, stereo = parts(flac(4_608, 44_100, 1)), parts(flac(4_608, 44_100, 2))
    unknown_total = bytes([mono[0][21] & 0xF0]) + bytes(4)
    data = mono[0][:21] + unknown_total + mono[0][26:]
    for size in SIZES:
        pieces = in_pieces(size, data + mono[1][0] + renumbered(stereo[1][0], 1))
        blocks, fault = decode_until_fault(FlacDecoder(), pieces)
        assert fault is None
        assert [block.channels for block in blocks] == [1, 2]
        assert np.array_equal(blocks[1].samples, decoded(flac(4_608, 44_100, 2)))
