"""Truncated and damaged FLAC."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode_until_fault, in_pieces, joined
from tests.codecs.ffmpeg_streams import encode, flac, integers, sweep
from tests.codecs.mpeg_frames import ID3V1, ape, id3v2
from tests.codecs.signals import noise
from voicecli.codecs.decoding.flac import FlacDecoder
from voicecli.codecs.decoding.flacheader import StreamInfo, crc8, crc16, flac_frame_header
from voicecli.errors import CorruptStream, TruncatedStream

BLOCK = 2304  # of FFmpeg's encoder at 24 kHz


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(FlacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Return the samples of a stream, and its fault."""
    blocks, fault = decode_until_fault(FlacDecoder(), pieces)
    return joined(blocks), fault


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


# --- truncation


@given(part=st.floats(0, 0.9999), pipe=st.booleans())
@example(part=0.38203705674077504, pipe=False)
@settings(max_examples=40)
def test_a_truncated_stream_keeps_its_whole_frames(part, pipe):
    stream = flac(9001, pipe=pipe)
    before, frames = parts(stream)
    size = int(len(stream) * part)
    edges = len(before) + np.cumsum([len(frame) for frame in frames])
    got, fault = faulty(stream[:size])
    whole = int(np.searchsorted(edges, size, side="right"))
    assert np.array_equal(got, integers(sweep(9001))[: BLOCK * whole].reshape(got.shape))
    if size == 0:
        assert isinstance(fault, CorruptStream)
    elif not (pipe and size in (len(before), *edges)):  # if nothing shows that more was to come
        assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("missing", [1, 2, 3, 10])
def test_a_loss_of_the_very_last_bytes_is_reported(missing):
    for stream in (flac(9001), flac(9001, pipe=True)):
        assert isinstance(faulty(stream[:-missing])[1], TruncatedStream)


@pytest.mark.parametrize("extra", [1, 5, 15])
def test_a_partial_frame_is_reported_without_a_total(extra):
    before, frames = parts(flac(9001, pipe=True))
    got, fault = faulty(before, *frames[:2], frames[2][:extra])
    assert len(got) == 2 * BLOCK
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("commented", [False, True])
def test_metadata_alone_is_an_empty_stream(commented):
    """As encoders leave it without samples: the total is 0, or was never filled in."""
    before, _ = parts(flac(9001, pipe=True))
    if not commented:
        before = b"fLaC\x80" + before[5:42]  # STREAMINFO is the last block
    assert len(decoded(before)) == 0
    assert len(decoded(before + flac(5000))) == 5000
    for size in (41, len(before) - 1):
        assert isinstance(faulty(before[:size])[1], TruncatedStream)


@pytest.mark.parametrize("pipe", [False, True])
def test_a_partial_stream_at_the_end_is_reported(pipe):
    whole = flac(9000, pipe=pipe)
    for kept, last_block in itertools.product(range(1, 12), (False, True)):
        begun = bytearray(whole[:kept])
        if last_block and kept > 4:
            begun[4] |= 0x80
        blocks, fault = decode_until_fault(FlacDecoder(), [whole, bytes(begun)])
        assert len(joined(blocks)) == 9000
        assert isinstance(fault, TruncatedStream)


def test_a_last_frame_that_ends_with_f_is_whole():
    ending = (
        encode("flac", "flac", noise(20, seed=seed), 24000, pipe=True) for seed in range(2000)
    )
    stream = next(stream for stream in ending if stream.endswith(b"f"))
    assert len(decoded(stream)) == 20


def test_a_short_stream_is_reported_after_later_streams():
    before, frames = parts(flac(9001))
    got, fault = faulty(before, *frames[:2], flac(5000))
    assert len(got) == 2 * BLOCK + 5000
    assert isinstance(fault, TruncatedStream)
    assert "9001" in fault.message


@pytest.mark.parametrize("size", [2, 5, 30, 43, 60])
def test_a_truncated_beginning_is_reported(size):
    assert isinstance(faulty(parts(flac(9001))[0])[1], TruncatedStream)
    assert isinstance(faulty(flac(9001)[:size])[1], TruncatedStream)
    assert isinstance(faulty(id3v2(), flac(9001)[:size])[1], TruncatedStream)


def test_a_truncated_tag_is_reported():
    assert isinstance(faulty(id3v2()[:-1])[1], TruncatedStream)
    assert isinstance(faulty(flac(5000) + id3v2(bytes(9000))[:-1])[1], TruncatedStream)


# --- damage


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("place", [1, 3, 40, 700, -1])
def test_a_flipped_bit_ends_the_stream_after_the_good_frames(at, place):
    before, frames = parts(flac(9001))
    damaged = bytearray(frames[at])
    damaged[place] ^= 0x10
    stream = [before, *frames[:at], bytes(damaged), *frames[at + 1 :]]
    got, fault = faulty(*stream)
    assert isinstance(fault, CorruptStream)
    assert np.array_equal(got, integers(sweep(9001))[: BLOCK * at].reshape(got.shape))
    assert np.array_equal(got, faulty(*in_pieces(50, b"".join(stream)))[0])


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


def test_a_frame_without_audio_is_damage():
    class Mute:
        def decode(self, packet):
            return []

    decoder, info = FlacDecoder(), StreamInfo.parse(flac(5000)[8:42])
    with pytest.raises(CorruptStream):
        decoder._decode(Mute(), b"", info, sure=True)


def test_endless_noise_after_a_frame_is_reported():
    before, frames = parts(flac(9001))
    got, fault = faulty(before, frames[0], *[bytes(1000)] * 40)
    assert isinstance(fault, CorruptStream)
    assert len(got) == BLOCK


def bomb(filler):
    """Make a stream of one frame of 2 MB at most, in which ``filler`` is what may end it."""
    word = 8000 << 44 | 7 << 41 | 15 << 36 | 65_535
    info = (65_535).to_bytes(2, "big") * 2 + bytes(6) + word.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\0\0\x22" + info + header_of(0, 0) + filler * (60_000 // len(filler))


def header_of(number, rate_code):
    head = bytes([0xFF, 0xF8, 0x70 | rate_code, 0x78, number]) + (65_534).to_bytes(2, "big")
    return head + bytes([crc8(head)])


@pytest.mark.parametrize("filler", [b"TAG", header_of(1, 9)], ids=["tags", "other rates"])
def test_looking_for_the_end_of_a_frame_reads_it_a_few_times_at_most(filler, monkeypatch):
    read_bytes = []

    def counting(data, *crc):
        read_bytes.append(len(data))
        return crc16(data, *crc)

    monkeypatch.setattr("voicecli.codecs.decoding.flac.crc16", counting)
    assert isinstance(faulty(bomb(filler))[1], (CorruptStream, TruncatedStream))
    assert sum(read_bytes) < 300_000


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"RIFF" * 99,
        bytes(100),
        b"fLaC\x01\0\0\x04abcd" + bytes(99),  # padding first
        b"fLaC\0\0\0\x23" + bytes(99),  # STREAMINFO of 35 bytes
        flac(5000)[:42] + b"\x81\0\0\0" + bytes(99),  # no frame after the metadata
        flac(5000) + ID3V1 + b"and more",
    ],
)
def test_other_bytes_are_reported_as_corrupt(stream):
    got, fault = faulty(stream)
    assert isinstance(fault, CorruptStream)
    assert len(got) == (5000 if stream.endswith(b"more") else 0)


@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize("tag", [ID3V1, id3v2(bytes(300)), id3v2(bytes(100_000)), ape()])
def test_a_tag_at_the_end_is_skipped(tag, pipe):
    stream = flac(5000, pipe=pipe)
    for size in (13, 1000, len(stream) + len(tag)):
        assert len(decoded(*in_pieces(size, stream + tag))) == 5000
    got, fault = faulty(stream[:-3] + tag)
    assert len(got) < 5000
    assert isinstance(fault, (CorruptStream, TruncatedStream))
