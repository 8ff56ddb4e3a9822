"""Evidence and its order: magic, text, content type, request."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.streams import (
    FIRST,
    by,
    encoded,
    noise,
    opus_head,
    opus_packets,
    opus_pages,
    page,
    wav,
)
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.media_type import MediaType, parse_media_type
from voicecli.codecs.text_response import clean, explain, readable
from voicecli.errors import BadResponse, UnsupportedFormat

CODECS = ["pcm", "wav", "opus", "mp3", "aac", "flac"]
CONTENT_TYPES = [
    None,
    "audio/pcm",
    "audio/mpeg",
    "audio/ogg",
    "application/octet-stream",
    "text/html",
]


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


BODIES = [(codec, body) for codec, some in bodies().items() for body in some]


def sniff(sniffer, pieces):
    for piece in pieces:
        decision = sniffer.feed(piece)
        if decision is not None:
            return decision
    return sniffer.finish()


# --- magic


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("declared", [None, *CODECS])
@pytest.mark.parametrize(
    ("codec", "body"), BODIES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_magic_outweighs_every_claim(codec, body, declared, size):
    for content_type in CONTENT_TYPES:
        sniffer = Sniffer(declared, content_type)
        assert sniff(sniffer, by(size, body)).codec == codec
        assert body.startswith(sniffer.seen)


@pytest.mark.parametrize(
    ("codec", "enough"), [("wav", 12), ("flac", 4), ("opus", 36), ("mp3", 4), ("aac", 7)]
)
def test_the_decision_comes_as_early_as_it_can(codec, enough):
    body = bodies()[codec][0]
    sniffer = Sniffer(codec)
    assert sniffer.feed(body[: enough - 1]) is None
    decision = sniffer.feed(body[enough - 1 : enough])
    assert decision is not None
    assert decision.codec == codec


STRANGERS = {
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
    "Vorbis": page([b"\x01vorbis" + bytes(23)], flags=FIRST),
    "FLAC": page([b"\x7fFLAC\1\0" + bytes(43)], flags=FIRST),
    "Speex": page([b"Speex   1.2" + bytes(69)], flags=FIRST),
}


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("declared", [None, "pcm", "mp3"])
@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_are_refused_by_name(name, declared, size):
    with pytest.raises(UnsupportedFormat, match=name):
        sniff(Sniffer(declared), by(size, STRANGERS[name]))


@pytest.mark.parametrize("layer", [b"\xff\xfd\x90\x00", b"\xff\xff\x90\x00"])
def test_older_layers_are_refused_where_mpeg_is_claimed(layer):
    with pytest.raises(UnsupportedFormat, match="layer I or II"):
        Sniffer(None, "audio/mpeg").feed(layer + b"\x01" * 50)
    assert Sniffer("pcm").feed(layer + b"\x01" * 50).codec == "pcm"


def test_nothing_known_and_nothing_claimed_is_refused():
    with pytest.raises(UnsupportedFormat, match="no format that is known"):
        Sniffer().feed(b"\x01\x02\x03\x04\x05\x06\x07\x08" * 4)


def test_an_ogg_page_cut_before_its_packet_is_left_to_the_decoder():
    for end in (10, 27, 30):
        sniffer = Sniffer("mp3")
        assert sniffer.feed(opus()[:end]) is None
        assert sniffer.finish().codec == "opus"


# --- ID3


def test_a_tag_too_long_to_wait_for_goes_by_the_claim():
    tag = id3(1 << 20)[:500]
    assert Sniffer().feed(tag).codec == "mp3"
    assert Sniffer("aac").feed(tag).codec == "aac"
    assert Sniffer("mp3", "audio/aac").feed(tag).codec == "aac"


@pytest.mark.parametrize("tag", [b"ID3\xff\0\0\0\0\0\1", b"ID3\4\0\0\0\0\0\x80"])
def test_letters_that_are_no_tag(tag):
    assert Sniffer("pcm").feed(tag + bytes(20)).codec == "pcm"


def test_an_end_inside_a_tag_goes_by_the_claim():
    sniffer = Sniffer("aac")
    assert sniffer.feed(id3(100)[:50]) is None
    assert sniffer.finish().codec == "aac"


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
@pytest.mark.parametrize(
    "claims", [("pcm", None), (None, "audio/pcm;rate=8000"), ("mp3", "audio/l16")]
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_samples_are_not_mistaken(start, claims, size):
    body = start + noise(2000, seed=9).tobytes()
    sniffer = Sniffer(*claims)
    assert sniff(sniffer, by(size, body)).codec == "pcm"
    assert body.startswith(sniffer.seen)


def test_digital_silence_is_decided_within_a_few_bytes():
    sniffer = Sniffer("pcm")
    decided = next(n for n in range(1, 99) if sniffer.feed(b"\0") is not None)
    assert decided <= 5


def test_a_clip_too_short_for_a_second_header_is_samples():
    sniffer = Sniffer("pcm")
    assert sniffer.feed(b"\xff\xfb\x90\x00" + bytes(100)) is None
    assert sniffer.finish().codec == "pcm"
    sniffer = Sniffer("pcm")
    assert sniffer.feed(b"\xff") is None
    assert sniffer.finish().codec == "pcm"


@given(st.binary(min_size=1, max_size=300))
def test_nothing_is_lost_and_no_cut_matters(body):
    outcomes = []
    for size in (1, 5, 300):
        sniffer = Sniffer("pcm")
        try:
            outcomes.append(sniff(sniffer, by(size, body)).codec)
        except (UnsupportedFormat, BadResponse) as fault:
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
        ("pcm", "text/html; charset=utf-8", "pcm"),  # what Flask says unless told otherwise
        (None, "Audio/X-WAV; foo=bar", "wav"),
        (None, "audio/L16;rate=8000", "pcm"),
    ],
)
def test_the_content_type_outweighs_the_request(declared, content_type, codec):
    decision = Sniffer(declared, content_type).feed(b"\x01\x02\x03\x04" * 10)
    assert decision.codec == codec


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


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("declared", [None, *CODECS])
@pytest.mark.parametrize(("answer", "message"), MESSAGES)
def test_json_is_raised_with_its_message(answer, message, declared, size):
    body = json.dumps(answer, ensure_ascii=False).encode()
    for content_type in (None, "application/json", "audio/mpeg"):
        sniffer = Sniffer(declared, content_type)
        with pytest.raises(BadResponse) as raised:
            sniff(sniffer, by(size, body))
        assert str(raised.value) == f"JSON came instead of audio: {message}"


@pytest.mark.parametrize("declared", ["pcm", "mp3"])
def test_html_is_raised_with_its_title(declared):
    body = (
        b"\r\n<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>x</body></html>"
    )
    with pytest.raises(BadResponse, match="HTML came instead of audio: 502 Bad Gateway"):
        sniff(Sniffer(declared), [body])


def test_text_by_its_content_type_or_length_or_for_want_of_samples():
    short = b"Not Found"
    for claims in (("pcm", "text/plain"), ("mp3", None), (None, None)):
        with pytest.raises(BadResponse, match="text came instead of audio: Not Found"):
            sniff(Sniffer(*claims), [short])
    assert sniff(Sniffer("pcm"), [short]).codec == "pcm"
    with pytest.raises(BadResponse, match="text came"):
        sniff(Sniffer("pcm"), [b"Internal server error, please try again later. " * 2])


def test_a_long_text_is_raised_without_waiting_for_its_end():
    sniffer = Sniffer("mp3")
    line = b'{"error": {"message": "it broke"}, "trace": "' + b"x" * 1000
    for piece in [line, b"y" * 1000, b"y" * 1000]:
        assert sniffer.feed(piece) is None
    with pytest.raises(BadResponse, match="audio: it broke"):
        sniffer.feed(b"y" * 1100)


def test_a_character_cut_at_the_limit_does_no_harm():
    with pytest.raises(BadResponse):
        Sniffer("mp3").feed(b'{"a":"' + "声".encode() * 4000)


def test_an_empty_body_is_a_bad_response():
    with pytest.raises(BadResponse, match="empty"):
        Sniffer("mp3").finish()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\r\n\ttext", "plain\r\n\ttext"),
        (b"\xef\xbb\xbfmarked", "marked"),
        ("zoë".encode()[:-1], "zo"),
        (b"bell\x07", None),
        (b"\x1b[31m", None),
        (b"\xff\xfb", None),
        ("\u202e".encode(), None),
        (b"", ""),
    ],
)
def test_readable(data, text):
    assert readable(data) == text


def test_messages_are_cleaned_and_bounded():
    assert clean("a\x1b[31m\u202eb\r\n\u2028 c\x07") == "a [31m b c"
    assert clean("x" * 1000) == "x" * 299 + "…"
    assert clean("x" * 300) == "x" * 300


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"error": {"message": "cut off", "tra', "JSON came instead of audio: cut off"),
        ('{"err', 'JSON came instead of audio: {"err'),
        ('"just a string"', "JSON came instead of audio: just a string"),
        ("[" * 5000, "JSON came instead of audio: " + "[" * 299 + "…"),
        (
            '{"error":' * 10 + '"deep"' + "}" * 10,
            "JSON came instead of audio: " + '{"error":' * 10 + '"deep"' + "}" * 10,
        ),
        ("<Error><Code>AccessDenied</Code></Error>", "XML came instead of audio: AccessDenied"),
        (
            "<html><style>p{}</style><!-- c --><p>Sorry,<br>no</p>",
            "HTML came instead of audio: Sorry, no",
        ),
        ("<html><title> </title><p>body</p>", "HTML came instead of audio: body"),
        ("<html>", "HTML came instead of audio"),
        ("upstream connect error", "text came instead of audio: upstream connect error"),
    ],
)
def test_explain(text, sentence):
    assert explain(text) == sentence


# --- media types


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("audio/pcm", "audio/pcm", {}),
        ("Audio/PCM;Rate=22050", "audio/pcm", {"rate": "22050"}),
        ('audio/L16; rate="8000" ; channels=2', "audio/l16", {"rate": "8000", "channels": "2"}),
        ("audio/ogg; codecs=opus", "audio/ogg", {"codecs": "opus"}),
        ("audio/pcm;rate=1;rate=2;;junk;=", "audio/pcm", {"rate": "1", "": ""}),
        ("", "", {}),
    ],
)
def test_parse_media_type(text, name, params):
    assert parse_media_type(text) == MediaType(name, params)


@pytest.mark.parametrize(
    ("params", "rate_hz", "channels"),
    [
        ("rate=22050;channels=2", 22_050, 2),
        ("rate=0;channels=0", None, None),
        ("rate=-1;channels=x", None, None),
        ("rate=44100.0", None, None),
        ("rate=²²;channels=٣", None, None),
        ("rate=999999999999999999999;channels=65", None, None),
        ("", None, None),
    ],
)
def test_rate_and_channels(params, rate_hz, channels):
    media_type = parse_media_type("audio/pcm;" + params)
    assert (media_type.rate_hz, media_type.channels) == (rate_hz, channels)


@pytest.mark.parametrize(
    ("text", "is_text"),
    [
        ("text/plain", True),
        ("application/json", True),
        ("application/problem+json", True),
        ("application/xhtml+xml", True),
        ("audio/mpeg", False),
        ("application/octet-stream", False),
    ],
)
def test_types_to_read(text, is_text):
    assert parse_media_type(text).is_text is is_text


def test_endianness_is_believed_where_it_is_said():
    assert parse_media_type("audio/l16;endianness=Big-Endian").is_big_endian
    assert not parse_media_type("audio/l16;rate=24000").is_big_endian
    assert not parse_media_type("audio/l16;endianness=little-endian").is_big_endian


def test_the_opus_header_of_these_tests_is_first_in_its_page():
    assert opus().index(opus_head()) == 28
    assert struct.unpack_from("<I", opus(), 18) == (0,)
