from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.cli.plain_text import PlainTextDecoder, plain_text

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",  # writes its own
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


def decoded(data, cuts=()):
    decoder = PlainTextDecoder()
    text, begin = "", 0
    for cut in (*sorted(cuts), len(data)):
        text += decoder.feed(data[begin:cut])
        begin = max(begin, cut)
    return text + decoder.finish()


@given(
    text=st.text(alphabet="\x1b\x9b[]0;m\x07\\aé😀\x9cP( K\n", max_size=20),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_the_same_text_comes_out_however_it_is_cut(text, encoding, cuts):
    data = ENCODINGS[encoding] + text.encode(encoding)
    whole = decoded(data)
    assert decoded(data, [min(cut, len(data)) for cut in cuts]) == whole
    assert whole.strip() == plain_text(text)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("\x1b[1;31merror:\x1b[0m it broke", "error: it broke"),
        ("\x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("ding\x07 dong\x01\x7f\x93", "ding dong"),
        ("one\ttwo\r\nthree\x0c\x85four", "one\ttwo\r\nthree\x0c\x85four"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),
    ],
)
def test_escape_sequences_and_controls_are_left_out(text, spoken):
    assert plain_text(text) == spoken
    data = text.encode()
    assert decoded(data, range(len(data))) == spoken


def test_a_character_cut_in_the_middle_waits_for_its_rest():
    decoder = PlainTextDecoder()
    data = "größer".encode()
    assert decoder.feed(data[:3]) == "gr"
    assert decoder.feed(data[3:]) == "ößer"
    assert decoder.feed(b"\xc3") == ""
    assert decoder.finish() == "\ufffd"


def test_an_escape_sequence_without_an_end_holds_back_a_bounded_amount():
    decoder = PlainTextDecoder()
    assert decoder.feed(b"before \x1b]0;" + b"x" * 5000) == "before "
    assert decoder.feed(b"after") == "after"


def test_a_nul_makes_text_binary_unless_it_is_utf_16():
    for data, is_binary in ((b"a\0b", True), (b"\xff\xfea\0", False), (b"\xef\xbb\xbfa\0", True)):
        decoder = PlainTextDecoder()
        decoder.feed(data)
        assert decoder.is_binary is is_binary
