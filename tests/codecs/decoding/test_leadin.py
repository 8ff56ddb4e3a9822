"""What stands in front of the sound is skipped, before every format."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest

from tests.codecs.containers import wav
from tests.codecs.decoding.test_sniff import id3, sniff
from tests.codecs.feeding import decode, in_pieces, joined
from tests.codecs.samples import encoded, samples_of
from tests.codecs.signals import noise
from voicecli.codecs import CODECS, AutoDecoder
from voicecli.codecs.decoding.leadin import MAX_FILLER_BYTES
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import BadResponse, UnsupportedFormat

APE_HEADER = b"APETAGEX" + (2000).to_bytes(4, "little") + (40).to_bytes(4, "little")
APE = APE_HEADER + bytes(4) + b"\0\0\0\xa0" + bytes(8) + b"\1" * 8 + b"x" * 32
ID3V1 = b"TAG" + b"a title".ljust(124, b"\0") + b"\xff"

LEADS = {
    "a short tag": id3(10),
    "a tag with a footer": id3(20, 16),
    "a long tag": id3(70_000),
    "several tags": id3(9) + id3(100_000) + id3(0),
    "an APE tag": APE,
    "an ID3v1 tag": ID3V1,
    "a byte order mark": b"\xef\xbb\xbf",
    "line ends": b"\r\n\r\n",
    "NULs": bytes(7),
    "many NULs": bytes(5_000),
    "all of it": b"\xef\xbb\xbf\r\n" + id3(300) + bytes(50) + APE + ID3V1 + b"\r\n",
}
SAFE_BEFORE_SAMPLES = {
    "a short tag",
    "a long tag",
    "several tags",
    "an APE tag",
    "a byte order mark",
}


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_what_stands_before_the_sound_is_skipped(codec, lead):
    sample = samples_of(codec)[0]
    expected = joined(decode(AutoDecoder(codec), [sample.data]))
    for claim, size in product((None, codec), (13, 1000, 1 << 20)):
        decoder = AutoDecoder(claim)
        blocks = decode(decoder, in_pieces(size, LEADS[lead] + sample.data))
        assert decoder.name == codec
        assert np.array_equal(joined(blocks), expected), (claim, size)


@pytest.mark.parametrize("lead", sorted(SAFE_BEFORE_SAMPLES))
def test_a_lead_that_cannot_be_sound_is_skipped_before_samples(lead):
    sound = noise(600)
    for size in (13, 1000, 1 << 20):
        blocks = decode(AutoDecoder("pcm"), in_pieces(size, LEADS[lead] + sound.tobytes()))
        assert np.array_equal(joined(blocks), sound)


@pytest.mark.parametrize(
    "before",
    [
        bytes(2),
        bytes(40),
        bytes(9_000),
        b"\r\n",
        ID3V1,
        b"\0" + id3(401),
        b"\0\0" + id3(1 << 18),
        b"\0\xef",
        b"\n\xff\xfb\x90\0\1",
    ],
)
def test_what_may_be_sound_is_heard_if_samples_are_expected(before):
    data = before + noise(3_000).tobytes()
    for claim, size in product((("pcm", None), ("pcm", "audio/mpeg")), (13, 1 << 20)):
        blocks = decode(AutoDecoder(*claim), in_pieces(size, data))
        assert joined(blocks).tobytes() == data[: len(data) // 2 * 2]


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_a_little_filler_and_tags_are_skipped_though_samples_were_requested(codec):
    data = encoded(codec, 6_000) if codec != "wav" else wav(noise(50))
    leads = (b"\0", bytes(16), b"\r\n", b"\xef\xbb\xbf\r\n", ID3V1, b"\r\n" + id3(70),
             id3(20) + bytes(300), ID3V1 + APE + b"\n" + id3(9),
             LEADS["all of it"])  # fmt: skip
    for before, size in product(leads, (1, 1 << 20)):
        assert sniff(Sniffer("pcm"), in_pieces(size, before + data)) == codec


@pytest.mark.parametrize("lead", [lead for lead in LEADS if lead != "many NULs"])
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_a_label_counts_behind_any_lead_though_samples_were_requested(codec, lead):
    data = encoded(codec, 6_000) if codec != "wav" else wav(noise(50))
    for size in (13, 1 << 20):
        sniffer = Sniffer("pcm", CODECS[codec].media_types[0])
        assert sniff(sniffer, in_pieces(size, LEADS[lead] + data)) == codec
        assert sniffer.seen[:40] in data  # the encoder of MP3 writes a tag of its own


def test_a_tag_is_not_held():
    sniffer = Sniffer()
    tracemalloc.start()
    try:
        for piece in in_pieces(10_000, id3((1 << 21) - 1)):
            assert sniffer.feed(piece) is None
            assert len(sniffer.seen) <= 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20  # the tag itself has two


@pytest.mark.parametrize(
    "inside", [b"fLaC", b"RIFF....WAVE", b"OggS", b"caff\0\1", b"TAG", b"\0\0\0\4ftyp"]
)
def test_what_a_tag_contains_does_not_matter(inside):
    tag = b"ID3\4\0\0\0\0\x08\x00" + (inside * 1_024)[:1_024]
    for codec, size in product(("mp3", "wav"), (1, 5, 13, 1 << 20)):
        sample = samples_of(codec)[0]
        assert sniff(Sniffer(), in_pieces(size, tag + sample.data)) == codec


def test_endless_filler_is_refused():
    pieces = [bytes(4_096)] * (2 * MAX_FILLER_BYTES // 4_096)
    with pytest.raises(UnsupportedFormat, match="unrecognised"):
        sniff(Sniffer(), pieces)


def test_text_that_begins_like_a_tag_is_text():
    for size in (1, 1 << 20):
        with pytest.raises(BadResponse, match="received text instead of audio: TAGS are"):
            sniff(Sniffer("mp3"), in_pieces(size, b"TAGS are not supported. " * 20))


@pytest.mark.parametrize("lead", ["\ufeff", "\r\n", "\ufeff\r\n"])
def test_text_behind_filler_is_text(lead):
    body = f'{lead}{{"error": "no such voice"}}'.encode()
    for declared, size in product((None, "pcm", "mp3", "wav"), (1, 1 << 20)):
        with pytest.raises(BadResponse, match="audio: no such voice"):
            sniff(Sniffer(declared), in_pieces(size, body))
