"""Files that other players, or earlier versions, got wrong: each with what it should give.

Whole, in pieces of 1,000 and of 13 bytes, with and without a claim.
"""

from __future__ import annotations

import functools
import io
from itertools import product
from typing import NamedTuple

import av
import numpy as np
import pytest

from tests.codecs.containers import FIRST, chunk, fmt, opus_pages, page, riff, wav
from tests.codecs.feeding import decode_until_fault, in_pieces
from tests.codecs.ffmpeg_streams import raw_mp3
from tests.codecs.foreign_streams import foreign
from tests.codecs.samples import encoded, opus_packets
from tests.codecs.signals import tone
from voicecli.audio.pcm import to_float32
from voicecli.codecs import AutoDecoder
from voicecli.errors import UnsupportedFormat

TONE_PEAK = 16_000 / 32_768


class Case(NamedTuple):
    """A file: its name's claim, its bytes, and frames by rate, or words of the refusal."""

    claim: str
    data: bytes
    frames: dict[int, int] | None = None
    refusal: str = ""


def id3(size: int) -> bytes:
    """An ID3v2 tag with bytes in it that resemble other formats."""
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + length + (b"fLaC\0RIFF....WAVEOggS\xff\xfb\x90\0" * size)[:size]


def flac() -> bytes:
    return encoded("flac", 9_600, rate_hz=24_000)


def two_rates() -> Case:
    low, high = raw_mp3(10_000, 24_000), raw_mp3(19_000, 44_100)
    frames = {24_000: mp3_frames(low) * 576 - 529, 44_100: mp3_frames(high) * 1_152}
    return Case("mp3", low + high, frames)


def mp3_frames(data: bytes) -> int:
    from tests.codecs.mpeg_frames import mp3_frames as split

    return len(split(data))


def inside_a_frame() -> Case:
    data = raw_mp3(6_000, 22_050)
    whole = mp3_frames(data)
    blocks, _ = decode_until_fault(AutoDecoder("mp3"), [data[40:]])
    got = sum(block.frames for block in blocks)
    assert (whole - 2) * 576 <= got <= whole * 576
    return Case("mp3", data[40:], {22_050: got})


def bad_lacing() -> Case:
    pages = opus_pages(opus_packets(150), per_page=50)
    bad = bytearray(pages[3])
    bad[40] += 20
    return Case("opus", b"".join([*pages[:3], bytes(bad), *pages[4:]]), {48_000: 150 * 960 - 312})


@functools.cache
def vorbis_then_opus() -> Case:
    """Interleave two logical streams, Vorbis first."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as out:
        vorbis = out.add_stream("vorbis", rate=44_100, layout="stereo", options={"strict": "-2"})
        vorbis.codec_context.options = {"strict": "experimental"}
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44_100), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 44_100, 0
        out.mux(vorbis.encode(frame))
        out.mux(vorbis.encode(None))
    first, *others = [b"OggS" + part for part in file.getvalue().split(b"OggS")[1:]]
    ours = opus_pages(opus_packets(100), serial=99, per_page=10)
    mixed = [first, ours[0], *others[:2], *ours[1:6], *others[2:], *ours[6:]]
    return Case("opus", b"".join(mixed), {48_000: 100 * 960 - 312})


def low_24_bits() -> Case:
    values = (tone(4_800)[:, 0].astype(np.int32) << 8) & 0xFFFFFF
    data = riff(fmt(1, 24_000, 24, align=4), chunk(b"data", values.astype("<i4").tobytes()))
    return Case("wav", data, {24_000: 4_800})


CASES = {
    "FLAC behind 70 KiB of tag": lambda: Case("flac", id3(71_680) + flac(), {24_000: 9_600}),
    "WAV behind a tag": lambda: Case("wav", id3(40) + wav(tone(9_600)), {24_000: 9_600}),
    "FLAC behind two tags": lambda: Case("flac", id3(9) + id3(200) + flac(), {24_000: 9_600}),
    "MP3 of two rates": two_rates,
    "MP3 from inside a frame": inside_a_frame,
    "Opus with a wrong length in a page": bad_lacing,
    "Vorbis and Opus in Ogg": vorbis_then_opus,
    "24 bits in the low bytes of 4": low_24_bits,
    "layer II": lambda: Case("mp3", foreign("mp2", "mp2"), refusal="layer I or II"),
    "Vorbis alone": lambda: Case(
        "opus", page([b"\x01vorbis" + bytes(23)], flags=FIRST) + page([b"x"], sequence=1),
        refusal="Vorbis in Ogg",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_file_gives_what_it_should(name):
    case = CASES[name]()
    for claim, size in product((None, case.claim), (13, 1_000, len(case.data))):
        blocks, fault = decode_until_fault(AutoDecoder(claim), in_pieces(size, case.data))
        if case.frames is None:
            assert isinstance(fault, UnsupportedFormat)
            assert case.refusal in fault.message
            continue
        assert fault is None
        frames = dict.fromkeys(case.frames, 0)
        for block in blocks:
            frames[block.rate_hz] += block.frames
        assert frames == case.frames
        peak = max(float(np.abs(to_float32(block.samples)).max()) for block in blocks)
        assert 0.5 * TONE_PEAK < peak < 1.3 * TONE_PEAK
