"""WAV headers that count too much or too little, or misplace the samples."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.codecs.containers import chunk, fmt, riff, wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.mpeg_frames import id3v2
from tests.codecs.samples import encoded
from tests.codecs.signals import noise, tone
from voicecli.codecs import AutoDecoder
from voicecli.codecs.decoding.wav import WavDecoder
from voicecli.errors import CorruptStream, TruncatedStream

SIZES = [13, 1000, 1 << 20]
LIST = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf60.16.100\0")


@pytest.mark.parametrize("claim", [2_000_000_000, 1_000_000, 602])
def test_a_size_beyond_a_checked_end_is_a_placeholder(claim):
    sound = noise(300)
    for size in SIZES:
        pieces = in_pieces(size, wav(sound, size=claim))
        decoder = AutoDecoder("wav", is_checked=True)
        assert np.array_equal(joined(decode(decoder, pieces)), sound)
        blocks, fault = decode_until_fault(AutoDecoder("wav", is_file=True), pieces)
        assert np.array_equal(joined(blocks), sound)
        assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize(
    ("claim", "is_cut"), [(2_000_000_000, False), (200_000_000, False), (1_000_000, True)]
)
def test_a_size_that_no_answer_has_is_a_placeholder_even_if_nothing_checks_the_end(claim, is_cut):
    sound = noise(300)
    blocks, fault = decode_until_fault(AutoDecoder("wav"), [wav(sound, size=claim)])
    assert np.array_equal(joined(blocks), sound)
    assert isinstance(fault, TruncatedStream) == is_cut


def test_a_frame_that_is_cut_is_reported_though_the_end_was_checked():
    data = wav(noise(300), size=2_000_000_000)[:-1]
    _, fault = decode_until_fault(WavDecoder(trusted_s=0), [data])
    assert fault is None or isinstance(fault, TruncatedStream)


@pytest.mark.parametrize(("channels", "counted"), [(1, 500), (2, 501), (1, 1)])
def test_samples_that_the_header_does_not_count_are_heard(channels, counted):
    sound = noise(4_000, channels)
    head = wav(sound[:counted])[: 44 + counted * channels * 2]
    data = head + sound[counted:].tobytes()
    for size in SIZES:
        assert np.array_equal(joined(decode(WavDecoder(), in_pieces(size, data))), sound)


@pytest.mark.parametrize("letters", [b"\0 A-m7\xd1=\0@", b"abcd7\xd1=\0", b"LIST\0\0\0\x60"])
def test_uncounted_samples_that_look_like_a_chunk_are_heard(letters):
    sound = noise(4_000)
    raw = letters + sound[500 + len(letters) // 2 :].tobytes()
    for size in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(size, wav(sound[:500]) + raw)))
        assert len(got) == 500 + len(raw) // 2


@pytest.mark.parametrize("silent", [1, 1_024, 5_000])
def test_silence_before_samples_that_the_header_does_not_count_is_heard(silent):
    sound = noise(12_000, 2)
    sound[700 : 700 + silent] = 0
    data = wav(sound[:700])[: 44 + 2_800] + sound[700:].tobytes()
    for size in SIZES:
        assert np.array_equal(joined(decode(WavDecoder(), in_pieces(size, data))), sound)


def test_another_file_ends_samples_that_were_not_counted():
    sound = noise(4_000)
    data = wav(sound[:100]) + sound[100:].tobytes() + wav(sound[:50])
    for size in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(size, data)))
        assert np.array_equal(got, np.concatenate([sound, sound[:50]]))


@pytest.mark.parametrize(
    "tags",
    [b"", id3v2(bytes(3_000)), id3v2(bytes(100_000)), id3v2(bytes(300_000)), LIST, LIST + LIST],
    ids=["none", "tag", "picture", "photograph", "list", "lists"],
)
@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("name", ["mp3", "aac", "flac", "opus"])
def test_another_format_behind_the_data_is_reported_and_not_heard_as_noise(name, bits, tags):
    sound = noise(501)
    file = wav(sound) if bits == 16 else riff(fmt(bits=8), chunk(b"data", bytes(range(201))))
    data = file + tags + encoded(name, 12_000, 1)
    for size in SIZES if len(tags) < 65_536 else SIZES[1:]:
        blocks, fault = decode_until_fault(WavDecoder(), in_pieces(size, data))
        assert sum(block.frames for block in blocks) == (501 if bits == 16 else 201)
        if len(tags) < 262_144:  # a photograph is not held in memory to look behind it
            assert isinstance(fault, CorruptStream)
            assert fault.message == f"{name} audio follows the WAV audio, and is not played"


@pytest.mark.parametrize(
    "trailer",
    [
        chunk(b"LIST", b"INFO" + bytes(6_000)),
        b"id3 " + (3_000_000).to_bytes(4, "little") + noise(3_000).tobytes(),
        b"afsp" + (8_000).to_bytes(4, "little") + noise(3_000).tobytes(),
        b"\0" + chunk(b"id3 ", noise(3_000).tobytes()),
        b"ID3\4" + noise(3_000).tobytes(),
        b"TAG" + noise(3_000).tobytes(),
        b"APETAGEX" + noise(3_000).tobytes(),
        bytes(50_000),
        b"\xff" * 2_047,
        noise(1_000).tobytes(),
        b'{"error": {"message": "out of credit"}}' + b" " * 9_000,
    ],
    ids=lambda trailer: repr(trailer[:8]),
)
def test_trailers_are_not_heard(trailer):
    sound = noise(501)
    for size in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(size, wav(sound) + trailer)))
        assert np.array_equal(got, sound)


# --- 24 bits in four bytes


def packed(values, *, low, sign=True):
    """Put 24-bit integers into the upper or the lower bytes of four."""
    wide = np.asarray(values, "<i4") if low else np.asarray(values, "<i4") << 8
    return (wide if sign or not low else wide & 0xFFFFFF).astype("<i4").tobytes()


@pytest.mark.parametrize(("low", "sign"), [(False, True), (True, True), (True, False)])
@pytest.mark.parametrize("silence", [0, 5_000])
@pytest.mark.parametrize("loudness", [1, 30])
def test_24_bits_in_4_bytes_have_their_level(low, sign, silence, loudness):
    values = np.concatenate(
        [np.zeros(silence, int), tone(2_000)[:, 0].astype(int) * 200 // loudness]
    )
    layout = fmt(1, 24_000, 24, align=4)
    data = riff(layout, chunk(b"data", packed(values, low=low, sign=sign)))
    for size in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(size, data)))
        assert np.array_equal(got[:, 0], values / 2.0**23)


@pytest.mark.parametrize("sign", [True, False])
def test_16_bits_made_longer_in_the_low_bytes_have_their_level(sign):
    values = tone(30_000)[:, 0].astype(int) << 8
    layout = fmt(1, 24_000, 24, align=4)
    data = riff(layout, chunk(b"data", packed(values, low=True, sign=sign)))
    for size in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(size, data)))
        assert np.array_equal(got[:, 0], values / 2.0**23)


def test_a_quiet_beginning_in_the_upper_bytes_keeps_its_level():
    values = np.concatenate(
        [tone(30_000)[:, 0].astype(int) // 100, tone(3_000)[:, 0].astype(int) << 8]
    )
    data = riff(fmt(1, 24_000, 24, align=4), chunk(b"data", packed(values, low=False)))
    for size in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(size, data)))
        assert np.array_equal(got[:, 0], values / 2.0**23)


@pytest.mark.parametrize(("tag", "expected"), [(6, -5504), (7, -32124)])
def test_a_law_and_mu_law_are_decoded(tag, expected):
    data = riff(fmt(1, 8_000, 8, tag), chunk(b"data", bytes(100)))
    got = joined(decode(WavDecoder(), [data]))
    assert got.dtype == np.int16
    assert set(got[:, 0].tolist()) == {expected}


def test_the_channel_mask_is_kept():
    guid = bytes.fromhex("000000001000800000aa00389b71")
    body = struct.pack("<HHIIHH", 0xFFFE, 3, 24_000, 144_000, 6, 16)
    body += struct.pack("<HHIH", 22, 16, 0x103, 1) + guid
    (block,) = decode(WavDecoder(), [riff(chunk(b"fmt ", body), chunk(b"data", bytes(60)))])
    assert (block.channels, block.speakers) == (3, 0x103)
