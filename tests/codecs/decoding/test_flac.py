from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import by, cut, decode_until_fault, joined
from tests.codecs.ffmpeg_streams import encode, flac, integers, sweep
from tests.codecs.mpeg_frames import ID3V1, ape, id3v2
from tests.codecs.signals import noise
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.flac import FlacDecoder
from voicecli.codecs.decoding.flacheader import StreamInfo, crc8, crc16, flac_frame_header
from voicecli.errors import CorruptStream, TruncatedStream

BLOCK = 2304  # what FFmpeg's encoder takes at 24 kHz


def decoded(*pieces):
    """All samples of a stream without fault."""
    blocks, fault = decode_until_fault(FlacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Samples and fault of a stream."""
    blocks, fault = decode_until_fault(FlacDecoder(), pieces)
    return joined(blocks), fault


@functools.cache
def parts(stream):
    """Everything before the first frame, and the frames, of a stream of one."""
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
    """The stream with one more metadata block behind STREAMINFO."""
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
def test_length_is_exact_whatever_the_length(frames, pipe):
    stream = flac(frames, pipe=pipe)
    assert np.array_equal(decoded(stream), integers(sweep(frames)))
    assert np.array_equal(decoded(stream, stream), np.tile(integers(sweep(frames)), (2, 1)))


def hand_made(values, bits, *, variable=False, total=True, first=0):
    """A mono stream of constant blocks of 192 samples, one for each value (RFC 9639 §9.2.3)."""
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
def test_other_depths_and_both_blocking_strategies(bits, variable, total):
    values = [1, -1, 100, -128, 0]
    got = decoded(*by(3, hand_made(values, bits, variable=variable, total=total)))
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
    blocks, fault = decode_until_fault(FlacDecoder(), cut(stream, at))
    assert fault is None
    mono = [block for block in blocks if block.format.channels == 1]
    assert np.array_equal(joined(mono), np.concatenate([decoded(flac(9001)), decoded(flac(3000))]))
    stereo = [block for block in blocks if block.format.channels == 2]
    assert np.array_equal(joined(stereo), decoded(flac(5000, 16000, 2)))


def test_byte_by_byte():
    assert np.array_equal(decoded(*by(1, flac(9001))), decoded(flac(9001)))


def test_blocks_keep_the_contract():
    decoder = FlacDecoder()
    assert decoder.format is None
    for piece in by(1000, flac(9000, 44100, 2)):
        for block in decoder.feed(piece):
            assert block.samples.flags.c_contiguous
            assert decoder.format == AudioFormat(44100, 2, "int16")
    assert sum(block.frames for block in decoder.flush()) > 0


def test_a_block_comes_with_the_header_of_the_next_frame():
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
    for piece in by(step, stream):
        blocks += decoder.feed(piece)
        assert len(decoder._buffer) < max(20_000, step + 1 if step > 10**6 else 0)
    assert np.array_equal(joined(blocks + decoder.flush()), decoded(flac(5000)))


@pytest.mark.parametrize("between", [b"", ID3V1, id3v2(), ape(), ID3V1 + id3v2(bytes(70000))])
def test_streams_laid_end_to_end(between):
    streams = [flac(5000), flac(2304), flac(3000, 48000, 2)]
    blocks, fault = decode_until_fault(FlacDecoder(), by(700, between.join(streams) + between))
    assert fault is None
    expected = [
        block for stream in streams for block in decode_until_fault(FlacDecoder(), [stream])[0]
    ]
    for block, other in zip(blocks, expected, strict=True):
        assert block.format == other.format
        assert np.array_equal(block.samples, other.samples)


def test_letters_that_look_like_a_tag_in_the_last_frame_are_sound():
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
def test_a_frame_of_the_next_stream_with_the_number_that_is_due_is_no_end(pipe):
    one, more = flac(BLOCK, pipe=pipe), flac(3 * BLOCK, pipe=pipe)
    before, frames = parts(more)
    short = before[:4] + b"\x80" + before[5:42]  # STREAMINFO alone: that frame is not far
    assert len(decoded(one, short, *frames)) == 4 * BLOCK
    assert len(decoded(one + short + b"".join(frames))) == 4 * BLOCK


def test_a_stream_without_frames_before_another():
    empty = bytearray(parts(flac(5000, pipe=True))[0])
    assert np.array_equal(decoded(bytes(empty), flac(5000)), decoded(flac(5000)))


# --- ends that come too early


@given(part=st.floats(0, 0.9999), pipe=st.booleans())
@example(part=0.38203705674077504, pipe=False)
@settings(max_examples=40)
def test_a_cut_stream_is_told_and_keeps_its_whole_frames(part, pipe):
    stream = flac(9001, pipe=pipe)
    before, frames = parts(stream)
    size = int(len(stream) * part)
    edges = len(before) + np.cumsum([len(frame) for frame in frames])
    got, fault = faulty(stream[:size])
    whole = int(np.searchsorted(edges, size, side="right"))
    assert np.array_equal(got, integers(sweep(9001))[: BLOCK * whole].reshape(got.shape))
    if size == 0:
        assert isinstance(fault, CorruptStream)
    elif not (pipe and size in (len(before), *edges)):  # where nothing tells that more was to come
        assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("missing", [1, 2, 3, 10])
def test_the_very_last_bytes_matter(missing):
    for stream in (flac(9001), flac(9001, pipe=True)):
        assert isinstance(faulty(stream[:-missing])[1], TruncatedStream)


@pytest.mark.parametrize("extra", [1, 5, 15])
def test_the_beginning_of_another_frame_is_told_where_no_total_is_known(extra):
    before, frames = parts(flac(9001, pipe=True))
    got, fault = faulty(before, *frames[:2], frames[2][:extra])
    assert len(got) == 2 * BLOCK
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("commented", [False, True])
def test_metadata_alone_is_a_stream_of_nothing(commented):
    """As encoders leave it where there was no sample: a total of 0, or one never filled in."""
    before, _ = parts(flac(9001, pipe=True))
    if not commented:
        before = b"fLaC\x80" + before[5:42]  # STREAMINFO is the last block
    assert len(decoded(before)) == 0
    assert len(decoded(before + flac(5000))) == 5000
    for size in (41, len(before) - 1):
        assert isinstance(faulty(before[:size])[1], TruncatedStream)


@pytest.mark.parametrize("last_block", [False, True])
@pytest.mark.parametrize("there", range(1, 12))
@pytest.mark.parametrize("pipe", [False, True])
def test_the_beginning_of_another_stream_at_the_end_is_told(there, pipe, last_block):
    whole = flac(9000, pipe=pipe)
    begun = bytearray(whole[:there])
    if last_block and there > 4:
        begun[4] |= 0x80
    blocks, fault = decode_until_fault(FlacDecoder(), [whole, bytes(begun)])
    assert len(joined(blocks)) == 9000
    assert isinstance(fault, TruncatedStream)


def test_a_last_frame_that_ends_like_a_marker_begins_is_whole():
    ending = (
        encode("flac", "flac", noise(20, seed=seed), 24000, pipe=True) for seed in range(2000)
    )
    stream = next(stream for stream in ending if stream.endswith(b"f"))
    assert len(decoded(stream)) == 20


def test_a_short_stream_is_told_after_the_streams_behind_it():
    before, frames = parts(flac(9001))
    got, fault = faulty(before, *frames[:2], flac(5000))
    assert len(got) == 2 * BLOCK + 5000
    assert isinstance(fault, TruncatedStream)
    assert "9001" in fault.message


@pytest.mark.parametrize("size", [2, 5, 30, 43, 60])
def test_a_cut_beginning_is_told(size):
    assert isinstance(faulty(parts(flac(9001))[0])[1], TruncatedStream)
    assert isinstance(faulty(flac(9001)[:size])[1], TruncatedStream)
    assert isinstance(faulty(id3v2(), flac(9001)[:size])[1], TruncatedStream)


def test_a_cut_tag_is_told():
    assert isinstance(faulty(id3v2()[:-1])[1], TruncatedStream)
    assert isinstance(faulty(flac(5000) + id3v2(bytes(9000))[:-1])[1], TruncatedStream)


# --- damage


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("place", [1, 3, 40, 700, -1])
def test_a_flipped_bit_ends_the_stream_behind_the_good_frames(at, place):
    before, frames = parts(flac(9001))
    damaged = bytearray(frames[at])
    damaged[place] ^= 0x10
    stream = [before, *frames[:at], bytes(damaged), *frames[at + 1 :]]
    got, fault = faulty(*stream)
    assert isinstance(fault, CorruptStream)
    assert np.array_equal(got, integers(sweep(9001))[: BLOCK * at].reshape(got.shape))
    assert np.array_equal(got, faulty(*by(50, b"".join(stream)))[0])


def test_a_flipped_bit_in_the_last_frame_is_damage_not_truncation():
    for stream in (flac(9001), flac(9001, pipe=True)):
        damaged = bytearray(stream)
        damaged[-1] ^= 0x10
        got, fault = faulty(bytes(damaged))
        assert isinstance(fault, CorruptStream)
        assert len(got) == 9001 - 9001 % BLOCK


@pytest.mark.parametrize("total", [True, False])
def test_a_missing_frame_ends_the_stream(total):
    stream = hand_made(range(100), 8, total=total)
    size = (len(stream) - 42) // 100
    missing = stream[: 42 + 3 * size] + stream[42 + 4 * size :]
    got, fault = faulty(missing)
    assert isinstance(fault, CorruptStream)
    assert np.array_equal(got.ravel() >> 8, np.repeat([0, 1, 2], 192))


def test_a_frame_that_gives_no_sound_is_damage():
    class Mute:
        def decode(self, packet):
            return []

    decoder, info = FlacDecoder(), StreamInfo.parse(flac(5000)[8:42])
    with pytest.raises(CorruptStream):
        decoder._decode(Mute(), b"", info, sure=True)


def test_noise_without_end_behind_a_frame_is_told():
    before, frames = parts(flac(9001))
    got, fault = faulty(before, frames[0], *[bytes(1000)] * 40)
    assert isinstance(fault, CorruptStream)
    assert len(got) == BLOCK


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"RIFF" * 99,
        bytes(100),
        b"fLaC\x01\0\0\x04abcd" + bytes(99),  # padding first
        b"fLaC\0\0\0\x23" + bytes(99),  # STREAMINFO of 35 bytes
        flac(5000)[:42] + b"\x81\0\0\0" + bytes(99),  # no frame behind the metadata
        flac(5000) + ID3V1 + b"and more",
    ],
)
def test_what_is_no_flac_is_told(stream):
    got, fault = faulty(stream)
    assert isinstance(fault, CorruptStream)
    assert len(got) == (5000 if stream.endswith(b"more") else 0)


def test_a_tag_at_the_end_is_passed_where_the_total_is_known():
    assert len(decoded(flac(5000) + ID3V1)) == 5000
