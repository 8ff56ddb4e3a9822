from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.fakes import CATALOGUE
from voicecli.request import SpeechRequest
from voicecli.server.catalogue import Catalogue
from voicecli.server.errors import ApiError
from voicecli.server.schema import (
    MAX_BODY_BYTES,
    MAX_INPUT,
    SPEAKABLE,
    parse,
    speech_model,
)

MODEL = speech_model(CATALOGUE)
STRICT = speech_model(Catalogue(CATALOGUE.builtin, strict=True))


def parsed(schema=MODEL, /, **body):
    return parse(schema, json.dumps(body).encode())


def error_of(body, model=MODEL):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ApiError) as caught:
        parse(model, data)
    return caught.value


def test_defaults():
    body = parsed(input="Hello.")
    assert body.request() == SpeechRequest("Hello.", "heart", "hibari", "mp3")
    assert body.stream_format == "audio"


def test_every_field_is_used():
    body = parsed(
        input="Hello.", model="tts-1", voice="heart", response_format="opus", speed=2,
        stream_format="sse", instructions="Whisper.", stream=True,
    )  # fmt: skip
    assert body.request() == SpeechRequest("Hello.", "heart", "tts-1", "opus", 2.0, "Whisper.")
    assert body.stream_format == "sse"


@pytest.mark.parametrize("model", [MODEL, STRICT])
@pytest.mark.parametrize("voice", ["alloy", {"id": "nova"}, {"id": "heart", "more": 1}, None])
def test_openais_names_stand_for_the_default_voice(model, voice):
    assert parsed(model, input="Hi", voice=voice).request().voice == "heart"


NAMES_OF_OTHERS = [
    *({"voice": voice} for voice in ("Alloy", "", "af_sky", "af_bella(2)+af_sky(1)", "HEART")),
    *({"voice": {"id": "Nova"}}, {"model": "TTS-1"}, {"model": "kokoro"}, {"model": ""}),
    *({"model": "hexgrad/Kokoro-82M"}, {"model": " openai/tts-1 "}, {"model": "tts-1-1106"}),
    *({"response_format": "MP3"}, {"response_format": ""}, {"stream_format": "Audio"}),
    *({"speed": "1.0"}, {"voice": "af"}, {"voice": "af_bella(0.5)-af_sky(0.2)"}),
]


@pytest.mark.parametrize("names", NAMES_OF_OTHERS)
def test_names_of_other_servers_are_accepted(names):
    request = parsed(input="Hi", **names).request()
    assert request.voice == "heart"
    assert request.response_format == "mp3"
    assert request.speed in (None, 1.0)
    assert request.model in ("hibari", "tts-1")


@pytest.mark.parametrize("names", NAMES_OF_OTHERS)
def test_names_of_other_servers_are_rejected_if_strict(names):
    (param,) = names
    assert error_of({"input": "Hi", **names}, STRICT).param == param


def test_null_means_the_default():
    nulls = dict.fromkeys(("model", "response_format", "speed", "stream_format", "instructions"))
    assert parsed(input="Hi", **nulls).request() == parsed(input="Hi").request()


def test_limits_are_inclusive():
    assert len(parsed(input="a" * MAX_INPUT).input) == MAX_INPUT
    assert [parsed(input="Hi", speed=speed).speed for speed in (0.25, 4)] == [0.25, 4.0]


def test_the_longest_text_fits_the_body_however_it_is_escaped():
    text = "\U0001f600" * (MAX_INPUT - 1) + "a"
    body = json.dumps({"input": text, "instructions": text}, ensure_ascii=True)
    assert len(body) < MAX_BODY_BYTES
    assert parse(MODEL, body.encode()).input == text


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": None}, "input", "invalid_type"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": ["a"]}, "input", "invalid_type"),
        ({"input": {}}, "input", "invalid_type"),
        ({"input": ""}, "input", "empty_string"),
        ({"input": " \n"}, "input", "empty_string"),
        ({"input": "!?…"}, "input", "invalid_value"),
        ({"input": "a\ud800"}, "input", "invalid_value"),
        ({"input": "a" * (MAX_INPUT + 1)}, "input", "string_above_max_length"),
        ({"input": "a", "instructions": "b" * (MAX_INPUT + 1)}, "instructions",
         "string_above_max_length"),
        ({"input": "a", "instructions": True}, "instructions", "invalid_type"),
        ({"input": "a", "voice": "nobody"}, "voice", "invalid_value"),
        ({"input": "a", "voice": {}}, "voice", "invalid_type"),
        ({"input": "a", "voice": {"id": 5}}, "voice", "invalid_type"),
        ({"input": "a", "voice": 5}, "voice", "invalid_type"),
        ({"input": "a", "response_format": "ogg"}, "response_format", "invalid_value"),
        ({"input": "a", "response_format": []}, "response_format", "invalid_type"),
        ({"input": "a", "stream_format": "ndjson"}, "stream_format", "invalid_value"),
        ({"input": "a", "speed": "fast"}, "speed", "invalid_type"),
        ({"input": "a", "speed": True}, "speed", "invalid_type"),
        ({"input": "a", "speed": 0.2}, "speed", "decimal_below_min_value"),
        ({"input": "a", "speed": 4.1}, "speed", "decimal_above_max_value"),
        ({"input": "a", "speed": 10**400}, "speed", "decimal_above_max_value"),
        (b'{"input": "a", "speed": 1' + b"0" * 5000 + b"}", "speed", "decimal_above_max_value"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(body, param, code):
    error = error_of(body)
    assert (error.status, error.param, error.code) == (400, param, code)
    assert param in error.message


def test_an_unknown_model_is_not_found():
    error = error_of({"input": "a", "model": "kokolo\x1b[31m"})
    assert (error.status, error.param, error.code) == (404, "model", "model_not_found")
    assert "'kokolo'" in error.message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"input": NaN}', b'{"speed": Infinity}', b"[" * 100_000,
     '{"input": "a"}'.encode("utf-16")],
)  # fmt: skip
def test_a_body_that_is_not_json_is_rejected(body):
    error = error_of(body)
    assert (error.status, error.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1"])
def test_json_that_is_not_an_object_is_rejected(body):
    assert error_of(body).code == "invalid_type"


NAMES = st.sampled_from(list(MODEL.model_fields))
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
    | st.sampled_from(["a", "sse", "pcm", "heart", "tts-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=100)
@given(st.dictionaries(NAMES, VALUES))
def test_any_body_is_valid_or_a_client_error(body):
    try:
        request = parsed(**body).request()
    except ApiError as error:
        json.dumps(error.to_json())
        status = error.status
    else:
        status = 200
        assert re.search(SPEAKABLE, request.text)
        assert request.voice == "heart"
    assert status in (200, 400, 404)
