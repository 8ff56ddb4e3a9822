"""Text behind sound is reported and not played."""

from __future__ import annotations

import codecs
import itertools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.errors import BadResponse, NetworkError, SourceTimeout
from voicecli.sources import metadata as metadata_module
from voicecli.sources.trailing_text import audio_before_text

ID3 = b"ID3\4" + bytes(6)
SAMPLES = bytes(range(256)) + b"data: {" * 3  # which is none

TEXTS = {
    b'{"error": {"message": "no memory"}}': "no memory",
    b'{"type": "error", "message": "no memory"}': "no memory",
    b'{"error":"no memory"}\xff\xfe\x00\x01': "no memory",
    b'{\n  "error": {\n    "message": "no memory"\n  }\n}': "no memory",
    b'{\r\n\t"detail" : [ {"msg": "no memory"} ]}': "no memory",
    b'{"success": false, "message": "no memory"}': "no memory",
    b'{"status":500,"error":"no memory"}': "no memory",
    b'{"code": "x", "message": "no memory"}': "no memory",
    b"{'error': 'no memory'}": "no memory",
    b'event: error\r\ndata: {"message": "no memory"}\r\n\r\n': "no memory",
    b"event:error\ndata:no memory\n\n": "no memory",
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>": "502 Bad Gateway",
    b"<!DOCTYPE html><title>no memory</title>": "no memory",
    b"<HTML><BODY>gone</BODY></HTML>": "page of text",
    b'<?xml version="1.0"?><Error><Message>x</Message></Error>': "page of text",
    b"Traceback (most recent call last):\n  File x\nMemoryError": "MemoryError",
}


def pieces(data, cuts):
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def read_all(chunks, into):
    for chunk in chunks:
        into.append(chunk)


@pytest.mark.parametrize("line", [b"", b"data: ", b"data:", b"event: error\ndata: "])
@pytest.mark.parametrize("text", [text for text in TEXTS if text.startswith(b"{")])
@given(cuts=st.lists(st.integers(0, 4096), max_size=6))
def test_an_error_behind_samples_is_not_audio(line, text, cuts):
    got = []
    with pytest.raises(BadResponse, match="no memory"):
        read_all(audio_before_text(iter(pieces(SAMPLES + line + text, cuts))), got)
    assert b"".join(got) == SAMPLES


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        '{"error": {"message": "no memory"}}',
        '{\r\n  "detail" : "no memory"}',
        "<!DOCTYPE html><title>no memory</title>",
    ],
)
def test_an_error_in_utf_16_behind_samples_is_not_audio(text, encoding, is_raw):
    for size in (1, 2, 3, 50, 1_000):
        data, got = SAMPLES + text.encode(encoding), []
        chunks = (data[at : at + size] for at in range(0, len(data), size))
        with pytest.raises(BadResponse, match="no memory"):
            read_all(audio_before_text(chunks, is_raw=is_raw), got)
        assert b"".join(got).removesuffix(codecs.BOM_UTF16_LE) == SAMPLES  # one sample


def test_faint_samples_that_might_begin_such_a_text_wait_for_few_more():
    samples = SAMPLES + b"{\0" + bytes(range(32, 126)).replace(b"", b"\0")[1:] * 4
    chunks = [samples[at : at + 2] for at in range(0, len(samples), 2)]
    got = []
    for number, chunk in enumerate(audio_before_text(iter(chunks))):
        got.append(chunk)
        assert 2 * number - len(b"".join(got)) <= 512
    assert b"".join(got) == samples


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_is_audio_however_it_arrives(text):
    for size in (1, 3, 1_000):
        data = SAMPLES + text
        got = []
        with pytest.raises(BadResponse, match=TEXTS[text]):
            read_all(audio_before_text(data[i : i + size] for i in range(0, len(data), size)), got)
        assert b"".join(got) == SAMPLES


@pytest.mark.parametrize("size", [1, 1_000])
@pytest.mark.parametrize("head", [b"RIFF", ID3, b"fLaC\x80\0\0\x22" + bytes(34), b"OggS"])
def test_tags_of_another_format_are_not_errors(head, size):
    data = head + SAMPLES + b'<?xml version="1.0"?>{"title": "A song"}' + SAMPLES
    assert b"".join(audio_before_text(iter(pieces(data, range(0, len(data), size))))) == data
    failing = data + b'{"error": "no memory"}'
    with pytest.raises(BadResponse, match="no memory"):
        read_all(audio_before_text(iter(pieces(failing, range(0, len(data), size)))), [])


WORDS = (
    b"Internal Server Error",
    b"upstream timed out",
    b"rate limit exceeded\n",
    b"502 Bad Gateway",
    b"error code: 1015",
    b"Timeout",
    b"CUDA out of memory. Tried to allocate 2.00 GiB",
    b"the model was unloaded",
    b"upstream connect error or disconnect/reset before headers. reset reason: timeout",
)


@pytest.mark.parametrize("words", WORDS)
@given(cuts=st.lists(st.integers(0, 4096), max_size=6))
def test_plain_words_behind_samples_are_not_audio(words, cuts):
    samples = bytes(range(256)) * 2
    got = []
    with pytest.raises(BadResponse, match=words.strip().decode()[4:]):
        read_all(audio_before_text(iter(pieces(samples + words, cuts))), got)
    heard = b"".join(got)
    assert heard[: len(samples)] == samples
    assert len(heard) < len(samples) + 4  # of the words


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_words_that_come_in_small_pieces_are_not_audio(size):
    data = bytes(17) + b'"messag*"error": {-mes: "quota"}}'
    with pytest.raises(BadResponse):
        read_all(audio_before_text(iter(pieces(data, range(0, len(data), size)))), [])


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("head", [b"RIFF", ID3, b"\xff\xf3"])
def test_a_fault_behind_another_format_is_one_but_a_comment_is_not(head, is_raw):
    data = head + bytes(range(256))
    comment = data + (b"ICMTMade by a speech engine" if head == b"RIFF" else b"TAGA long title\0")
    assert b"".join(audio_before_text(iter([comment]), is_raw=is_raw)) == comment
    with pytest.raises(BadResponse, match="Server Error"):
        read_all(audio_before_text(iter([data + b"Internal Server Error"]), is_raw=is_raw), [])


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body


def opus_tags(comment):
    page = b"OpusTags" + chunk(b"", b"x") + struct.pack("<I", 1) + chunk(b"", comment)
    return b"OggS\0\0" + bytes(20) + bytes([1, len(page)]) + page


METADATA = {
    "list": lambda text: chunk(b"LIST", b"INFO" + chunk(b"ICMT", text)),
    "bext": lambda text: chunk(b"bext", text),
    "_PMX": lambda text: chunk(b"_PMX", text),
    "id3": lambda text: b"ID3\4\0\0\0\0\0" + bytes([len(text)]) + text,
    "id3v1": lambda text: (b"TAG" + text.ljust(125))[:128],
    "ape": lambda text: (
        b"APETAGEX" + struct.pack("<IIII", 2000, len(text) + 32, 1, 0xA0000000) + bytes(8)
        + text + b"APETAGEX" + struct.pack("<IIII", 2000, len(text) + 32, 1, 0x80000000) + bytes(8)
    ),
    "opus": opus_tags,
    "flac": lambda text: b"fLaC\0\0\0\x22" + bytes(34) + b"\x84\0\0" + bytes([len(text)]) + text,
}  # fmt: skip
"""Texts in metadata."""

TITLES = (
    b"Your payment failed. Try again.",
    b'{"error": "none", "text": "Hi"}',
    b"<!doctype html><title>Errors</title>",
    b"Traceback (most recent call last): a song",
    b"connection timed out",
)


@pytest.mark.parametrize("size", [1, 13, 1_000])
@pytest.mark.parametrize("kind", METADATA)
def test_a_text_in_a_tag_or_chunk_is_no_error_but_one_behind_it_is(kind, size):
    for title in TITLES:
        data = b"RIFF" + SAMPLES + METADATA[kind](title)
        assert b"".join(audio_before_text(iter(pieces(data, range(0, len(data), size))))) == data
        for error in (b'{"error": "no memory"}', b"Failed: no memory"):
            failing, got = data + error, []
            parts = pieces(failing, range(0, len(failing), size))
            with pytest.raises(BadResponse, match="no memory") as raised:
                read_all(audio_before_text(iter(parts)), got)
            assert b"".join(got) == data
            assert "song" not in str(raised.value)


@pytest.mark.parametrize(
    "words",
    [
        b'Traceback (most recent call last):\n  File "x.py", line 3\nValueError: no memory',
        b"ValueError: no memory",
        b"java.lang.RuntimeException: no memory",
        b"Traceback (most recent call last):\n" + b"  no memory\n" * 60 + b"Killed",
        b"Internal Server Error: no memory for TAG",
    ],
)
def test_an_error_of_a_program_behind_any_format_is_one(words):
    for head in (b"RIFF", ID3, b"\xff\xf3", b"OggS"):
        with pytest.raises(BadResponse, match="no memory"):
            read_all(audio_before_text(iter([head + SAMPLES, words]), is_raw=False), [])


@pytest.mark.parametrize("tail", [b"UUUU", b"\xfe", b'{"a'])
def test_bytes_before_a_broken_connection_are_all_passed_on(tail):
    def chunks():
        yield SAMPLES + tail
        raise SourceTimeout("too late")

    for is_raw in (True, False):
        got = []
        with pytest.raises(SourceTimeout):
            read_all(audio_before_text(chunks(), is_raw=is_raw), got)
        assert b"".join(got) == SAMPLES + tail


@pytest.mark.parametrize("text", [b"event: error\r\ndata: boom", b'<?xml version="1.0"?><Error/>'])
def test_letters_that_end_a_frame_are_sound(text):
    got, data = [], b"fLaC\x80\0\0\x22" + bytes(34) + SAMPLES + b"\xf0H4W"
    with pytest.raises(BadResponse):
        read_all(audio_before_text(iter([data, text])), got)
    assert b"".join(got) == data


def test_the_padding_of_the_last_frame_is_sound():
    got, data = [], b"\xff\xf3" + bytes(range(256)) + b"U" * 80
    with pytest.raises(BadResponse, match=r"reports: Internal Server Error$"):
        read_all(audio_before_text(iter([data, b"Internal Server Error"]), is_raw=False), got)
    assert b"".join(got) == data


@given(data=st.binary(max_size=200) | st.sampled_from(list(TEXTS)), size=st.integers(1, 50))
def test_other_bytes_pass_unchanged(data, size):
    """Among them an answer that is a text as a whole, which the decoder reports."""
    chunks = (data[i : i + size] for i in range(0, len(data), size))
    assert b"".join(audio_before_text(chunks)) == data


@pytest.mark.slow
def test_loud_samples_are_no_text():
    rng = np.random.default_rng(13)
    loud = rng.integers(0x2020, 0x7E7E, 5_000_000, dtype="<i2").tobytes()
    printable = rng.integers(0x20, 0x7F, 5_000_000, dtype=np.uint8).tobytes()
    for data in (loud, printable):
        chunks = (data[i : i + 4_096] for i in range(0, len(data), 4_096))
        assert b"".join(audio_before_text(chunks)) == data


@pytest.mark.parametrize("size", [1, 13, 1_000])
@pytest.mark.parametrize("page", [text for text in TEXTS if b"html" in text.lower()[:20]])
def test_a_page_behind_compressed_sound_is_an_error_except_in_a_file(page, size):
    got, data = [], b"\xff\xfb" + SAMPLES + page
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    with pytest.raises(BadResponse):
        read_all(audio_before_text(iter(parts), is_raw=False), got)
    assert b"".join(got) == b"\xff\xfb" + SAMPLES
    assert b"".join(audio_before_text(iter(parts), is_raw=False, is_file=True)) == data


@pytest.mark.parametrize("text", [*TEXTS, b"Internal server error: the GPU is out of memory"])
@given(cuts=st.lists(st.integers(0, 4096), max_size=6))
def test_a_server_that_reports_an_error_and_cuts_the_connection_is_quoted(text, cuts):
    samples = SAMPLES + b"\xff"  # no character of a text

    def chunks():
        yield from pieces(samples + text, cuts)
        raise NetworkError("the connection was cut")

    got = []
    with pytest.raises(BadResponse):
        read_all(audio_before_text(chunks()), got)
    assert b"".join(got) == samples


OTHER_KEYS = {
    '{"request_id":"f3a1","code":"Throttling","message":"请求超限"}': "请求超限",
    '{"object":"error","message":"模型错误"}': "模型错误",
    '{"ok":false,"reason":"quota"}\n': "quota",
    '{"ok": false, "error": {"message": "内存不足"}}': "内存不足",
    'retry: 3\ndata: {"a":"no memory"}\n\n': "no memory",
    'id: 3\nevent: error\ndata: {"message": "no memory"}\n\n': r"reports: no memory$",
    '{"id": "' + "ab " * 60 + '", "error": {"message": "no memory"}}': "no memory",
}


@pytest.mark.parametrize("text", OTHER_KEYS)
@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("size", [1, 7, 5_000])
def test_an_object_with_any_keys_at_the_end_is_not_audio(text, is_raw, size):
    head = bytes(range(256)) if is_raw else ID3 + bytes(range(256))
    data, got = head + text.encode(), []
    with pytest.raises(BadResponse, match=OTHER_KEYS[text]):
        read_all(
            audio_before_text(iter(pieces(data, range(0, len(data), size))), is_raw=is_raw), got
        )
    heard = b"".join(got)
    assert heard == head or (not is_raw and heard.startswith(head))


@pytest.mark.parametrize("words", ["服务器内存不足，请稍后再试", "Ошибка: нет памяти"])
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_words_in_other_scripts_behind_samples_are_not_audio(words, size):
    data, got = bytes(range(256)) + words.encode(), []
    with pytest.raises(BadResponse, match=words):
        read_all(audio_before_text(iter(pieces(data, range(0, len(data), size)))), got)
    assert b"".join(got) == bytes(range(256))


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_samples_under_the_label_of_a_text_end_at_an_error_but_a_text_is_the_decoder_s(size):
    def read(data, got):
        parts = pieces(data, range(0, len(data), size))
        read_all(audio_before_text(iter(parts), is_text=True), got)

    got = []
    with pytest.raises(BadResponse, match="no memory"):
        read(SAMPLES + b'{"error": "no memory"}', got)
    assert b"".join(got) == SAMPLES
    for text in (b'Sorry: {"error": "no memory"}', b"Internal Server Error " * 40):
        got = []
        read(text, got)
        assert b"".join(got) == text


@pytest.mark.parametrize("head", [b"\xff\xf1", b"RIFF"])
@pytest.mark.parametrize("is_raw", [True, False])
def test_a_text_in_a_tag_is_no_error_whatever_was_asked_for(head, is_raw):
    tag = b"ID3\4\0\0\0\0\x27\x08" + b'{"error": 1}' + bytes(4_988)
    data = head + SAMPLES + tag
    for size in (1, 7, 1_000, len(data)):
        parts = pieces(data, range(0, len(data), size))
        assert b"".join(audio_before_text(iter(parts), is_raw=is_raw)) == data


def test_many_texts_in_chunks_cost_no_more_than_their_number(monkeypatch):
    calls, unit_bytes = [], metadata_module._unit_bytes
    monkeypatch.setattr(
        metadata_module, "_unit_bytes", lambda *a, **k: calls.append(1) or unit_bytes(*a, **k)
    )
    data = b"RIFF" + SAMPLES + chunk(b"LIST", b'{"error":1  ') * 3_000
    assert b"".join(audio_before_text(iter([data]))) == data
    assert len(calls) <= 3 * 3_000


PARTS = (
    *(b'{"er":', b'{"error":{"', b'{"error": "x"}', b'{"a":1}', b'"}', "内存".encode()),
    *(b"\xda", b"\xe4\xb8", b"\0", b"\xff", b"id: 3\n", b"data: ", b"event: error\n"),
    *(b"Bad Gateway ", b"ab cd ef " * 60, b"ID3\4\0\0\0\0\0\x20", b"LIST\x10\0\0\0", b'{\0"\0e\0'),
)


@given(
    words=st.lists(st.sampled_from(PARTS), max_size=10),
    size=st.integers(1, 90),
    is_raw=st.booleans(),
)
@settings(max_examples=300)
def test_no_split_changes_where_the_text_begins(words, size, is_raw):
    data = SAMPLES + b"".join(words)
    results = []
    for parts in ([data], pieces(data, range(0, len(data), size)), pieces(data, range(len(data)))):
        got: list[bytes] = []
        fault = None
        try:
            read_all(audio_before_text(iter(parts), is_raw=is_raw), got)
        except BadResponse as error:
            fault = type(error)
        results.append((b"".join(got), fault))
    assert results[1:] == [results[0]] * 2
