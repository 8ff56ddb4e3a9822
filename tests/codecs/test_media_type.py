"""Content types: what they name, and the parameters of raw samples."""

from __future__ import annotations

import pytest

from voicecli.codecs.media_type import MediaType, parse_media_type


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("audio/pcm", "audio/pcm", {}),
        ("Audio/PCM;Rate=22050", "audio/pcm", {"rate": "22050"}),
        ('audio/L16; rate="8000" ; channels=2', "audio/l16", {"rate": "8000", "channels": "2"}),
        ("audio/ogg; codecs=opus", "audio/ogg", {"codecs": "opus"}),
        ("audio/pcm;rate=1;rate=2;;junk;=", "audio/pcm", {"rate": "1", "": ""}),
        ("audio/x-raw, rate=(int)8000", "audio/x-raw", {"rate": "8000"}),
        ("audio/wav, audio/wav", "audio/wav", {}),
        ("", "", {}),
    ],
)
def test_a_content_type_is_parsed(text, name, params):
    assert parse_media_type(text) == MediaType(name, params)


@pytest.mark.parametrize(
    ("params", "rate_hz", "channels"),
    [
        ("rate=22050;channels=2", 22_050, 2),
        ("rate=0;channels=0", None, None),
        ("rate=-1;channels=x", None, None),
        ("rate=44100.0;channels=stereo", 44_100, 2),
        ("rate=44.1k;channels=Mono", 44_100, 1),
        ("sample_rate=16000 Hz;num-channels=2", 16_000, 2),
        ("Sample-Rate=16kHz", 16_000, None),
        ("samplerate=16000", 16_000, None),
        ("rate=16000.5", None, None),
        ("rate=16000, audio/pcm;rate=8000", 16_000, None),
        ("rate=²²;channels=٣", None, None),
        ("rate=999999999999999999999;channels=65", None, None),
        ("", None, None),
    ],
)
def test_rate_and_channels_are_plausible_or_none(params, rate_hz, channels):
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
def test_text_types_are_recognised(text, is_text):
    assert parse_media_type(text).is_text is is_text
