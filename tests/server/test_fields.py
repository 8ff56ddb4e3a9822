from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.voices import CATALOGUE
from voicecli.request import SpeechRequest
from voicecli.server.errors import Refusal
from voicecli.server.fields import MAX_BODY_BYTES, MAX_INPUT, SAYABLE, SpeechFields

FIELDS = SpeechFields(CATALOGUE)


def parse(**body):
    return FIELDS.parse(json.dumps(body).encode())


def refused(body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refusal) as caught:
        FIELDS.parse(data)
    return caught.value


def test_defaults_are_openais_but_for_model_and_voice():
    order = parse(input="Hello.")
    assert order.speech == SpeechRequest("Hello.", "heart", "hibari", "mp3")
    assert not order.as_events


def test_everything_is_heeded():
    order = parse(
        input="Hello.", model="tts-1", voice="heart", response_format="opus", speed=2,
        stream_format="sse", instructions="Whisper.", stream=True,
    )  # fmt: skip
    assert order.speech == SpeechRequest("Hello.", "heart", "tts-1", "opus", 2.0, "Whisper.")
    assert order.as_events


@pytest.mark.parametrize("voice", ["alloy", {"id": "nova"}, {"id": "heart", "more": 1}, None])
def test_names_of_openai_stand_for_the_voice(voice):
    assert parse(input="Hi", voice=voice).speech.voice == "heart"


def test_null_is_left_out():
    left_out = dict.fromkeys(("model", "response_format", "speed", "stream_format", "instructions"))
    assert parse(input="Hi", **left_out) == parse(input="Hi")


def test_limits_are_within():
    assert len(parse(input="a" * MAX_INPUT).speech.text) == MAX_INPUT
    assert [parse(input="Hi", speed=speed).speech.speed for speed in (0.25, 4)] == [0.25, 4.0]


def test_the_longest_request_fits_the_body_however_it_is_escaped():
    text = "\U0001f600" * (MAX_INPUT - 1) + "a"
    body = json.dumps({"input": text, "instructions": text}, ensure_ascii=True)
    assert len(body) < MAX_BODY_BYTES
    assert FIELDS.parse(body.encode()).speech.text == text


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
    ],
)  # fmt: skip
def test_a_field_at_fault_is_named(body, param, code):
    refusal = refused(body)
    assert (refusal.status, refusal.param, refusal.code) == (400, param, code)
    assert param in refusal.message


def test_an_unknown_model_is_not_found():
    refusal = refused({"input": "a", "model": "kokoro\x1b[31m"})
    assert (refusal.status, refusal.param, refusal.code) == (404, "model", "model_not_found")
    assert "'kokoro'" in refusal.message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"input": NaN}', b'{"speed": Infinity}', b"[" * 100_000,
     '{"input": "a"}'.encode("utf-16"), b'{"speed": ' + b"1" * 5000 + b"}"],
)  # fmt: skip
def test_what_is_no_json_is_said_to_be_none(body):
    refusal = refused(body)
    assert (refusal.status, refusal.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1"])
def test_json_that_is_no_object_is_refused(body):
    assert refused(body).code == "invalid_type"


NAMES = st.sampled_from([field.name for field in FIELDS.table])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
    | st.sampled_from(["a", "sse", "pcm", "heart", "tts-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300)
@given(st.dictionaries(NAMES, VALUES))
def test_anything_is_an_order_or_a_refusal_that_blames_the_client(body):
    outcome = parsed_or_refused(json.dumps(body).encode())
    if isinstance(outcome, Refusal):
        assert outcome.status in (400, 404)
        json.dumps(outcome.to_json())
    else:
        assert re.search(SAYABLE, outcome.speech.text)
        assert outcome.speech.voice == "heart"


def parsed_or_refused(data):
    try:
        return FIELDS.parse(data)
    except Refusal as refusal:
        return refusal


def test_the_description_has_the_tables_limits():
    schema = FIELDS.describe()
    fields = schema["properties"]
    assert schema["required"] == ["input"]
    assert (fields["input"]["minLength"], fields["input"]["maxLength"]) == (1, MAX_INPUT)
    assert fields["input"]["type"] == "string"
    assert fields["speed"]["type"] == ["number", "null"]
    assert (fields["speed"]["minimum"], fields["speed"]["maximum"]) == (0.25, 4.0)
    assert fields["response_format"]["enum"] == ["pcm", "wav", "opus", "mp3", "aac", "flac", None]
    named, as_object, null = fields["voice"]["anyOf"]
    assert as_object["properties"]["id"] == named
    assert null == {"type": "null"}
