"""Formats that are not supported are refused by name, whatever was claimed."""

from __future__ import annotations

from itertools import product

import pytest

from tests.codecs.decoding.test_sniff import id3, sniff
from tests.codecs.feeding import in_pieces
from tests.codecs.foreign_streams import FOREIGN, foreign, free_format_mp3
from tests.codecs.samples import encoded
from tests.codecs.signals import noise
from voicecli.codecs.decoding.framing import FRAMINGS, SEARCH_BYTES, find_frames
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import UnsupportedFormat

SIZES = (13, 1000, 1 << 20)


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_streams_are_refused_by_name(name):
    data = foreign(*FOREIGN[name])
    for declared, before, size in product((None, "mp3"), (b"", b"\r\n", id3(50_000)), SIZES):
        with pytest.raises(UnsupportedFormat, match=name):
            sniff(Sniffer(declared), in_pieces(size, before + data))


def test_frames_without_a_bit_rate_are_named():
    for declared, size in product((None, "mp3"), SIZES):
        with pytest.raises(UnsupportedFormat, match="free-format MP3"):
            sniff(Sniffer(declared), in_pieces(size, free_format_mp3()))


def test_a_reserved_version_is_not_free_format_mp3():
    reserved = b"\xff\xeb" + free_format_mp3()[2:501]
    with pytest.raises(UnsupportedFormat, match="unrecognised"):
        sniff(Sniffer(), [reserved * 8])


@pytest.mark.parametrize("codec", ["mp3", "aac"])
def test_a_stream_that_begins_inside_a_frame_is_found_without_a_claim(codec):
    data = encoded(codec, 20_000)
    for cut, kept, size in product((1, 77, 200), (700, 1 << 20), SIZES):
        assert sniff(Sniffer(), in_pieces(size, data[cut : cut + kept])) == codec


def test_a_foreign_stream_that_begins_inside_a_frame_is_named():
    with pytest.raises(UnsupportedFormat, match="layer I or II"):
        sniff(Sniffer(), [foreign("mp2", "mp2")[100:]])


def test_noise_has_no_frames():
    for seed in range(40):
        data = noise(SEARCH_BYTES, seed=seed).tobytes()
        assert find_frames(data, final=True) is None


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_no_header_is_longer_than_its_format(framing):
    for seed in range(200):
        data = framing.sync + noise(20, seed=seed).tobytes()
        for end in range(framing.header_bytes):
            assert framing.header(data[:end], 0) is None
        header = framing.header(data, 0)
        assert header is None or header.frame_bytes >= framing.header_bytes
