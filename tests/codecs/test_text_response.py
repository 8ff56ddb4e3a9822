"""Text instead of audio: what counts as text, and the sentence made of it."""

from __future__ import annotations

import itertools
import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.feeding import in_pieces
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.text_response import explain, kind_of_text, readable, remedy_for
from voicecli.errors import BadResponse

PAGE = "<html><title>502 gateway gestört</title>".encode("latin-1") + b"\0\x07" + b"x" * 99

RESPONSES = {
    "a page in Latin-1": (PAGE, "received HTML instead of audio: 502 gateway gest\ufffdrt"),
    "a page with a byte order mark": (
        b"\xef\xbb\xbf\r\n<!DOCTYPE html>\x0c" + PAGE,
        "HTML .*: 502 gateway",
    ),
    "XML": (b'<?xml version="1.0"?><Error>\x1bDenied</Error>' + b" " * 40, "XML .*: enied"),
    "JSON": (
        b'{ "error" : {"message": "exec: \x1b[31mno such\tvoice\0"}}',
        r"received JSON instead of audio: exec: no such voice$",
    ),
    "JSON with two messages": (
        b'{"message": "the second", "error": "the\tfirst\x01", "padding": "' + b"x" * 40 + b'"}',
        "audio: the first$",
    ),
    "JSON that is cut": (
        b'{"detail": "line 1\x01line 2", "trace": "\xff\xfe' + b" " * 64,
        "audio: line 1line",
    ),
    "a short object": (b'{"error":"\x07no"}', "received JSON instead of audio: no"),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_a_text_opening_counts_whatever_follows(name):
    body, sentence = RESPONSES[name]
    for declared, size in product((None, "pcm", "mp3"), (1, 7, 1 << 20)):
        sniffer = Sniffer(declared)
        for piece in in_pieces(size, body):
            assert sniffer.feed(piece) is None
        with pytest.raises(BadResponse, match=sentence):
            sniffer.finish()


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
def test_similar_openings_are_not_text(data):
    assert readable(data) is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\r\n\ttext", "plain\r\n\ttext"),
        (b"\xef\xbb\xbfmarked", "marked"),
        ("zoë".encode()[:-1], "zo"),
        (b"bell\x07", None),
        (b"\x1b[31mno credit\x1b[0m", "\x1b[31mno credit\x1b[0m"),
        (b"\xff\xfb", None),
        ("\u202e".encode(), None),
        (b"", ""),
    ],
)
def test_plain_text_is_utf_8_without_control_characters(data, text):
    assert readable(data) == text


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
def test_wide_text_counts_if_it_is_marked_or_has_an_opening(encoding):
    for text in ('{"error": "out of memory"}', "<!doctype html><title>Überlastet</title>"):
        assert readable(text.encode(encoding)) == text
        assert readable(text.encode(encoding) + b"\r") == text
    assert readable("声がでません".encode(encoding)) is None  # samples look the same


def test_a_character_cut_by_the_end_is_dropped():
    text = '{"error": "\x07zo'
    assert readable(text.encode() + "ë".encode()[:1]) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"error": {"message": "cut off", "tra', "received JSON instead of audio: cut off"),
        ('{"err', 'received JSON instead of audio: {"err'),
        ('"just a string"', "received JSON instead of audio: just a string"),
        ("[" * 5000, "received JSON instead of audio: " + "[" * 299 + "…"),
        (
            '{"error":' * 10 + '"deep"' + "}" * 10,
            "received JSON instead of audio: " + '{"error":' * 10 + '"deep"' + "}" * 10,
        ),
        ("<Error><Code>AccessDenied</Code></Error>", "received XML instead of audio: AccessDenied"),
        (
            "<html><style>p{}</style><!-- c --><p>Sorry,<br>no</p>",
            "received HTML instead of audio: Sorry, no",
        ),
        ("<html><title> </title><p>body</p>", "received HTML instead of audio: body"),
        ("<html>", "received HTML instead of audio"),
        ("upstream connect error", "received text instead of audio: upstream connect error"),
        ("\x1b[31mno credit\x1b[0m", "received text instead of audio: no credit"),
        (
            'data: {"type": "speech.audio.delta", "audio": "' + "AA" * 300 + '"}',
            "received speech in events, which are not labelled as text/event-stream",
        ),
    ],
)
def test_text_is_explained_in_one_sentence(text, sentence):
    assert explain(text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"audioContent": "' + "UklGRg/+" * 60, 'JSON with encoded data in "audioContent"'),
        (
            '{\n "data": {"audio": "' + "0a1b" * 100 + '"}}',
            'JSON with encoded data in "audio"',
        ),
        ('data: {"delta": "' + "AA\\/B" * 100 + '"}', 'text with encoded data in "delta"'),
    ],
)
def test_encoded_audio_is_named_and_not_quoted(text, sentence):
    assert explain(text) == f"received {sentence} instead of audio"
    assert "/audio/speech" in remedy_for(text)


def test_speech_in_events_is_not_taken_for_another_api():
    assert remedy_for('data: {"type": "speech.audio.delta", "audio": "' + "AA" * 300) is None


def test_an_error_is_not_taken_for_encoded_audio():
    text = json.dumps({"error": {"message": "no credit", "id": "a" * 399, "hint": "well, " * 90}})
    assert explain(text) == "received JSON instead of audio: no credit"
    assert remedy_for(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}', "JSON"),
        ("[]", "JSON"),
        ("[ 1, 2", "JSON"),
        ('[{"a"', "JSON"),
        ("[", "JSON"),
        ('"no voice"', "JSON"),
        ('"no \\"voice', "JSON"),
        ("[server]\nport = 80", "text"),
        ("[00:12.00]Hello there", "text"),
        ("[12 apples", "text"),
        ("[-1.5e3, 2]", "JSON"),
        ("[12", "JSON"),
        ('"Hello," she said.', "text"),
        ("<a>", "XML"),
        ("Hello", "text"),
    ],
)
def test_the_kind_of_a_text_is_named(text, kind):
    assert kind_of_text(text) == kind


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text",
    [
        "Internal error: the model is out of memory, try again later.",
        "Fehler 500: Der Dienst ist überlastet (bitte später versuchen).",
        "Error while loading",
    ],
)
def test_words_in_utf_16_need_no_mark(text, encoding):
    assert readable(text.encode(encoding)) == text
    assert readable(text.encode(encoding) + b"\x81") == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text", ["Ошибка: нет памяти на сервере", "服务器内部错误，请稍后重试。", "Fehler: größer"]
)
def test_text_in_any_script_needs_a_mark(text, encoding):
    assert readable(text.encode(encoding)) == text
    wide = text.encode(f"{encoding}-le")
    assert text.startswith("Fehler") or readable(wide) is None


@given(
    level=st.integers(-300, 300),
    steps=st.lists(st.integers(-9, 9), min_size=32, max_size=64),
    is_marked=st.booleans(),
)
def test_faint_samples_are_no_words(level, steps, is_marked):
    samples = itertools.accumulate(steps, initial=level)
    data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    assert is_marked or readable(data) is None
    assert readable(b"\0" + data) is None
