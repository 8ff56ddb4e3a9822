"""Evidence about a body and its order: magic, text, content type, requested format."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import FIRST, opus_pages, page, wav
from tests.codecs.feeding import in_pieces
from tests.codecs.samples import encoded, opus_packets
from tests.codecs.signals import noise
from voicecli.codecs import CODECS
from voicecli.codecs.decoding import sniff as sniff_module
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.text_response import MAX_TEXT_BYTES
from voicecli.errors import BadResponse, TruncatedStream, UnsupportedFormat

CLAIMS = [None, *CODECS]
CONTENT_TYPES = [
    None,
    "audio/pcm",
    "audio/mpeg",
    "audio/ogg",
    "application/octet-stream",
    "text/html",
]
SIZES = [1, 7, 1 << 20]


def id3(body_bytes, flags=0):
    size = bytes(body_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00" + bytes([flags]) + size + bytes(body_bytes) + bytes(flags and 10)


def opus():
    return b"".join(opus_pages(opus_packets(5)))


def bodies():
    mp3, aac = encoded("mp3", 6000), encoded("aac", 6000)
    start = mp3.index(b"\xff\xfb")
    return {
        "wav": [wav(noise(50))],
        "opus": [
            opus(),
            page([b"fishead\0" + bytes(56)], flags=FIRST),
            page([b"new"], flags=FIRST),
        ],
        "mp3": [
            mp3[start:],
            mp3[:start] + mp3[start:],
            id3(300) + mp3[start:],
            id3(20, 16) + mp3[start:],
        ],
        "aac": [aac, id3(73) + aac],
        "flac": [encoded("flac", 6000), id3(30) + encoded("flac", 6000)],
    }


def sniff(sniffer, pieces):
    for piece in pieces:
        codec = sniffer.feed(piece)
        if codec is not None:
            return codec
    return sniffer.finish()


# --- magic


@pytest.mark.parametrize("declared", CLAIMS)
@pytest.mark.parametrize("codec", bodies())
def test_magic_outweighs_every_claim(codec, declared):
    for body, content_type, size in product(bodies()[codec], CONTENT_TYPES, SIZES):
        sniffer = Sniffer(declared, content_type)
        assert sniff(sniffer, in_pieces(size, body)) == codec, (content_type, size, body[:16])
        assert sniffer.seen in body


@pytest.mark.parametrize(
    ("codec", "enough"), [("wav", 12), ("flac", 4), ("opus", 36), ("mp3", 4), ("aac", 7)]
)
def test_the_codec_is_recognised_as_early_as_possible(codec, enough):
    body = bodies()[codec][0]
    sniffer = Sniffer(codec)
    assert sniffer.feed(body[: enough - 1]) is None
    assert sniffer.feed(body[enough - 1 : enough]) == codec


@pytest.mark.parametrize("layer", [b"\xff\xfd\x90\x00", b"\xff\xff\x90\x00"])
def test_older_layers_are_refused_if_mpeg_is_claimed(layer):
    with pytest.raises(UnsupportedFormat, match="layer I or II"):
        Sniffer(None, "audio/mpeg").feed(layer + b"\x01" * 50)
    assert sniff(Sniffer("pcm"), [layer + b"\x01" * 50]) == "pcm"


def test_an_unrecognised_body_without_a_claim_is_refused():
    for size in SIZES:
        with pytest.raises(UnsupportedFormat, match="unrecognised audio format") as raised:
            sniff(Sniffer(), in_pieces(size, b"\x01\x02\x03\x04\x05\x06\x07\x08" * 4))
        assert "pcm, wav, opus, mp3, aac and flac" in raised.value.remedy


@pytest.mark.parametrize(
    ("body", "is_file", "message"),
    [
        ("Il était une fois".encode("latin-1"), True, "looks like text"),
        ("Il était une fois".encode("latin-1"), False, "unrecognised"),
        (b"\xe9\xe8" * 40, True, "unrecognised"),
        (b"\xe9 \x02 \xe8", True, "unrecognised"),
    ],
)
def test_a_file_of_words_in_an_older_encoding_looks_like_text(body, is_file, message):
    for size in SIZES:
        with pytest.raises(UnsupportedFormat, match=message):
            sniff(Sniffer(is_file=is_file), in_pieces(size, body))


def test_an_ogg_page_cut_before_its_packet_is_left_to_the_decoder():
    for end in (10, 27, 30):
        sniffer = Sniffer("mp3")
        assert sniffer.feed(opus()[:end]) is None
        assert sniffer.finish() == "opus"


# --- ID3


@pytest.mark.parametrize("tag", [b"ID3\xff\0\0\0\0\0\1", b"ID3\4\0\0\0\0\0\x80"])
def test_an_invalid_id3_header_is_not_a_tag(tag):
    assert Sniffer("pcm").feed(tag + bytes(20)) == "pcm"


def test_an_end_inside_a_tag_is_reported():
    for declared, size in product((None, "aac", "pcm"), SIZES):
        with pytest.raises(TruncatedStream, match="inside a tag"):
            sniff(Sniffer(declared), in_pieces(size, id3(100)[:50]))


# --- raw samples


@pytest.mark.parametrize(
    "start",
    [
        b"\xff\xff\xff\xff",
        b"\xff\xfb\x90\x00",  # a valid MP3 header
        b"\xff\xf1\x50\x80\x03\x9f\xfc",  # a valid ADTS header
        b"\xff\xff\xfe\xff\x00\x00",
        b"{\x00}\x00",
        b"<\x00\x01\x00",
        b"[1]\x00",
        b"\0\0\0\0",
        b"R\0I\0",
        b"ID3\0\xff",
    ],
)
def test_raw_samples_are_not_mistaken_for_another_format(start):
    body = start + noise(2000, seed=9).tobytes()
    claims = [("pcm", None), (None, "audio/pcm;rate=8000"), ("mp3", "audio/l16")]
    for claim, size in product(claims, SIZES):
        sniffer = Sniffer(*claim)
        assert sniff(sniffer, in_pieces(size, body)) == "pcm", claim
        assert body.startswith(sniffer.seen)


def test_digital_silence_is_recognised_within_a_few_bytes():
    sniffer = Sniffer("pcm")
    decided = next(n for n in range(1, 99) if sniffer.feed(b"\0") is not None)
    assert decided <= 17


@pytest.mark.parametrize("body", [b"\xff\xfb\x90\x00" + bytes(100), b"\xff"])
def test_a_clip_too_short_for_a_second_header_is_samples(body):
    sniffer = Sniffer("pcm")
    assert sniffer.feed(body) is None
    assert sniffer.finish() == "pcm"


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=300))
def test_nothing_is_lost_and_the_split_does_not_matter(body):
    outcomes = []
    for size in (1, 5, 300):
        sniffer = Sniffer("pcm")
        try:
            outcomes.append(sniff(sniffer, in_pieces(size, body)))
        except (UnsupportedFormat, BadResponse, TruncatedStream) as fault:
            outcomes.append(str(fault))
        assert body.startswith(sniffer.seen)
    assert len(set(outcomes)) == 1


# --- claims


@pytest.mark.parametrize(
    ("declared", "content_type", "codec"),
    [
        ("mp3", None, "mp3"),
        ("mp3", "audio/aac", "aac"),
        ("mp3", "application/octet-stream", "mp3"),
        ("pcm", "text/html; charset=utf-8", "pcm"),  # Flask's default
        (None, "Audio/X-WAV; foo=bar", "wav"),
        (None, "audio/L16;rate=8000", "pcm"),
    ],
)
def test_the_content_type_outweighs_the_requested_format(declared, content_type, codec):
    assert Sniffer(declared, content_type).feed(b"\x01\x02\x03\x04" * 10) == codec


# --- text


MESSAGES = [
    ({"error": {"message": "no such voice", "code": 3}}, "no such voice"),
    ({"error": "boom"}, "boom"),
    ({"detail": "not found"}, "not found"),
    ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
    ({"detail": {"error": "x", "message": "model missing"}}, "x"),
    ({"message": "busy"}, "busy"),
    ({"status": 5}, '{"status": 5}'),
    ({"error": {"message": "声音不存在"}}, "声音不存在"),
    ([{"error": {"message": "in a list"}}], "in a list"),
]


@pytest.mark.parametrize(("answer", "message"), MESSAGES)
def test_json_is_raised_with_its_message(answer, message):
    body = json.dumps(answer, ensure_ascii=False).encode()
    content_types = (None, "application/json", "audio/mpeg")
    for declared, content_type, size in product(CLAIMS, content_types, SIZES):
        with pytest.raises(BadResponse) as raised:
            sniff(Sniffer(declared, content_type), in_pieces(size, body))
        assert str(raised.value) == f"received JSON instead of audio: {message}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_wide_characters_is_raised_with_its_message(encoding):
    body = '{"error": "no such voice"}'.encode(encoding)
    for content_type, size in product((None, "application/json", "audio/pcm"), SIZES):
        with pytest.raises(BadResponse, match="received JSON instead of audio: no such voice"):
            sniff(Sniffer("pcm", content_type), in_pieces(size, body))


@pytest.mark.parametrize("declared", ["pcm", "mp3"])
def test_html_is_raised_with_its_title(declared):
    body = (
        b"\r\n<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>x</body></html>"
    )
    with pytest.raises(BadResponse, match="received HTML instead of audio: 502 Bad Gateway"):
        sniff(Sniffer(declared), [body])


def test_short_text_is_recognised_by_its_content_type_or_if_it_cannot_be_samples():
    short = b"Not Found"
    for claims in (("pcm", "text/plain"), ("pcm", None), ("mp3", None), (None, None)):
        with pytest.raises(BadResponse, match="received text instead of audio: Not Found"):
            sniff(Sniffer(*claims), [short])
    for samples in (b"abcd", b"a1b2c3d4e5", "übermütig".encode(), short + b"\0\1"):
        assert sniff(Sniffer("pcm"), [samples]) == "pcm"


def test_text_is_recognised_by_its_length():
    with pytest.raises(BadResponse, match="received text"):
        sniff(Sniffer("pcm"), [b"Internal server error, please try again later. " * 2])


def test_long_text_is_raised_before_its_end():
    sniffer = Sniffer("mp3")
    line = b'{"error": {"message": "it broke"}, "trace": "' + b"x" * 1000
    for piece in [line, b"y" * 1000, b"y" * 1000]:
        assert sniffer.feed(piece) is None
    with pytest.raises(BadResponse, match="audio: it broke"):
        sniffer.feed(b"y" * 1100)


def test_text_byte_by_byte_is_not_read_again_with_every_byte(monkeypatch):
    read = []
    monkeypatch.setattr(sniff_module, "readable", lambda data: read.append(len(data)) or "text")
    with pytest.raises(BadResponse):
        sniff(Sniffer("pcm"), in_pieces(1, b"x" * 5_000))
    assert sum(read) <= 3 * MAX_TEXT_BYTES


@pytest.mark.parametrize("letters", [1, 3, 30, 63, 64, 500, 4_000])
def test_samples_that_begin_like_text_are_samples(letters):
    body = b"a" * letters + noise(3_000, seed=4).tobytes()
    for claim, size in product((("pcm", None), (None, "audio/pcm")), SIZES):
        assert sniff(Sniffer(*claim), in_pieces(size, body)) == "pcm"


def test_a_character_cut_at_the_limit_does_no_harm():
    with pytest.raises(BadResponse):
        Sniffer("mp3").feed(b'{"a":"' + "声".encode() * 4000)


def test_an_empty_body_is_a_bad_response():
    with pytest.raises(BadResponse, match="empty"):
        Sniffer("mp3").finish()


@pytest.mark.parametrize("declared", ["mp3", "aac", "wav", "pcm", None])
@pytest.mark.parametrize("label", [None, "audio/mpeg", "text/plain"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_plain_words_in_utf_16_are_an_error_message(declared, label, encoding, size):
    text = "The model is out of memory, please try again in a few minutes."
    with pytest.raises(BadResponse, match="The model is out of memory"):
        sniff(Sniffer(declared, label), in_pieces(size, text.encode(encoding)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
@pytest.mark.parametrize("size", [1, 64, 10_000])
def test_a_file_in_utf_16_is_text(encoding, size):
    sniffer = Sniffer("mp3", is_file=True)
    body = ("Dear all, " * 20).encode(encoding)
    with pytest.raises(UnsupportedFormat, match="this is text"):
        sniff(sniffer, in_pieces(size, body))
