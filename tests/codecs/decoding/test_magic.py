"""Formats that are recognised but not supported."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from tests.codecs.containers import FIRST, page
from tests.codecs.feeding import in_pieces
from voicecli.codecs.decoding.magic import MAGICS
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import UnsupportedFormat

UNSUPPORTED = {
    "MP4": b"\0\0\0\x20ftypM4A \0\0\0\0",
    "WebM": b"\x1a\x45\xdf\xa3\x01\0\0\0",
    "AIFF ": b"FORM\0\0\0\0AIFFCOMM",
    "AIFF-C": b"FORM\0\0\0\0AIFCCOMM",
    "CAF": b"caff\0\x01\0\0desc",
    "AU": b".snd\0\0\0\x18\xff\xff\xff\xff",
    "AVI": b"RIFF\0\0\0\0AVI LIST",
    "RF64": b"RF64\xff\xff\xff\xffWAVEds64",
    "RIFX": b"RIFX\0\0\0\0WAVEfmt ",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
    "AMR": b"#!AMR\n",
    "ADIF": b"ADIF\0\0\0\0",
    "ASF": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1",
    "a JPEG": b"\xff\xd8\xff\xe1\x01\xf2Exif\0\0MM",
    "GIF": b"GIF87a\x10\0\x10\0",
    "a GIF": b"GIF89a\x10\0\x10\0",
    "WebP": b"RIFF\0\0\0\0WEBPVP8 ",
    "PDF": b"%PDF-1.7\n",
    "ZIP": b"PK\x03\x04\x14\0\0\0",
    "SWF": b"FWS\x0a\x11\x25\0\0\x78\0",
    "Flash": b"CWS\x09\x11\x25\0\0\x78\x9c",
    "MXF": b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01",
    "GXF": b"\0\0\0\0\x01\xbc\0\0\0\x40\0\0",
    "WTV": b"\xb7\xd8\0\x20\x37\x49\xda\x11\xa6\x4e",
    "IRCAM": b"\x64\xa3\x02\0\0\0\x7a\x44",
    "IRCAM is": b"\0\x02\xa3\x64\x47\x3b\x80\0",
    "S/PDIF": b"\x72\xf8\x1f\x4e\x01\0\0\x60",
    "SMAF": b"MMMD\0\0\x30\x44CNTI",
    "MP4/M4A": b"\0\0\0\x18stypmsdh",
    "QuickTime": b"\0\0\0\x08free\0\0",
    "xWMA": b"RIFF\0\0\0\0XWMAfmt ",
    "RAR": b"Rar!\x1a\x07\x01\0",
    "QOA": b"qoaf\0\0\xbb\x80",
    "Vorbis": page([b"\x01vorbis" + bytes(23)], flags=FIRST),
    "FLAC": page([b"\x7fFLAC\1\0" + bytes(43)], flags=FIRST),
    "Speex": page([b"Speex   1.2" + bytes(69)], flags=FIRST),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_formats_are_named(name):
    for declared, size in product((None, "pcm", "mp3"), (1, 7, 1 << 20)):
        with pytest.raises(UnsupportedFormat, match=name):
            feed_all(Sniffer(declared), in_pieces(size, UNSUPPORTED[name]))


def feed_all(sniffer, pieces):
    for piece in pieces:
        assert sniffer.feed(piece) is None
    sniffer.finish()


def test_no_magic_is_the_beginning_of_another():
    """Otherwise the size of the chunks would decide between them."""
    for one, other in permutations(MAGICS, 2):
        if one.name != other.name and len(one.parts) == len(other.parts) == 1:
            assert not other.parts[0][1].startswith(one.parts[0][1]), (one, other)
