"""Answers to read that hold what no text does; the rest of it is tested through `test_sniff`."""

from __future__ import annotations

import pytest

from tests.codecs.streams import by
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.text_response import readable
from voicecli.errors import BadResponse

PAGE = "<html><title>502 gateway gestört</title>".encode("latin-1") + b"\0\x07" + b"x" * 99

ANSWERS = {
    "a page in Latin-1": (PAGE, "HTML came instead of audio: 502 gateway gest\ufffdrt"),
    "a marked page": (b"\xef\xbb\xbf\r\n<!DOCTYPE html>\x0c" + PAGE, "HTML .*: 502 gateway"),
    "XML": (b'<?xml version="1.0"?><Error>\x1bDenied</Error>' + b" " * 40, "XML .*: Denied"),
    "JSON": (
        b'{ "error" : {"message": "exec: \x1b[31mno such\tvoice\0"}}',
        r"JSON came instead of audio: exec: \[31mno such voice$",
    ),
    "JSON with two messages": (
        b'{"message": "the second", "error": "the\tfirst\x01", "padding": "' + b"x" * 40 + b'"}',
        "audio: the first$",
    ),
    "JSON that is cut": (
        b'{"detail": "line 1\x01line 2", "trace": "\xff\xfe',
        "audio: line 1 line",
    ),
    "a short object": (b'{"error":"\x07no"}', "JSON came instead of audio: no"),
}


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("declared", [None, "pcm", "mp3"])
@pytest.mark.parametrize("name", ANSWERS)
def test_what_opens_as_a_text_is_one_whatever_it_holds(name, declared, size):
    body, sentence = ANSWERS[name]
    if name == "JSON that is cut":
        body += b" " * 64
    with pytest.raises(BadResponse, match=sentence):
        sniff(Sniffer(declared), by(size, body))


def sniff(sniffer, pieces):
    for piece in pieces:
        assert sniffer.feed(piece) is None
    return sniffer.finish()


@pytest.mark.parametrize(
    "data",
    [
        b"<\0!\0d\0o\0c\0t\0y\0p\0e\0",  # faint samples as well as UTF-16
        b"<htm\x01",
        b"<htmlx\x01",
        b"<!doctype\x01",
        b"<?xmlx\x01",
        b'{"a":\x01',
        b'{"error"\x01:',
        b'{"error:\x01',
        b'{error":\x01',
        b'\x01{"error":',
        b'x{"error":\x01',
    ],
)
def test_what_only_looks_like_one_is_none(data):
    assert readable(data) is None


def test_a_character_cut_by_the_end_is_left_out():
    text = '{"error": "\x07zo'
    assert readable(text.encode() + "ë".encode()[:1]) == text
