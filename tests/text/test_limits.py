"""What one request takes, learned from refusals in the words of real servers."""

from __future__ import annotations

import json

import pytest

from voicecli.text.limits import (
    DEFAULT_CHARACTERS,
    InputLimit,
    LimitOrigin,
    limit_in,
    says_too_long,
)

PYDANTIC = {
    "type": "string_too_long",
    "loc": ["body", "input"],
    "msg": "String should have at most 4096 characters",
    "input": "It was at most 300 characters. maximum length 200",
    "ctx": {"max_length": 4096},
}
OPENAI = (
    "Invalid 'input': string too long. Expected a string with maximum length 4096, "
    "but got a string with length 5000 instead."
)
OPENAI_LITERAL = (
    "[{'type': 'string_too_long', 'loc': ('body', 'input'), "
    "'msg': 'String should have at most 4096 characters', "
    "'input': 'There are at most 300 characters in it', 'ctx': {'max_length': 4096}}]"
)


def error(message: str, **fields: object) -> dict[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (error(OPENAI, param="input", code="string_above_max_length"), 4096),
        (error(OPENAI_LITERAL), 4096),
        ({"detail": [PYDANTIC]}, 4096),
        ({"detail": [{"type": "string_too_long", "msg": PYDANTIC["msg"]}]}, 4096),
        ({"detail": {"error": "validation_error", "message": OPENAI}}, 4096),
        ({"detail": {"error": "validation_error", "message": [PYDANTIC]}}, 4096),
        ({"detail": "Input text exceeds maximum length of 3,000 characters"}, 3000),
        ({"detail": "Text too long (4500 characters). Maximum is 1000 characters."}, 1000),
        ({"detail": "Input text is too long. Maximum allowed length: 2000"}, 2000),
        (error(f"litellm.BadRequestError: OpenAIException - {OPENAI}"), 4096),
        (error(f"litellm.BadRequestError: OpenAIException - {json.dumps(error(OPENAI))}"), 4096),
        (error("litellm.BadRequestError: OpenAIException - " + OPENAI_LITERAL), 4096),
        (error(f"litellm.APIError: {json.dumps({'detail': [PYDANTIC]})}"), 4096),
        (error("'input': String should have at most 4096 characters", param="input"), 4096),
        ({"message": "`input` exceeds 4000 characters"}, 4000),
        ({"error": "text length (5000) should be less than 200 characters"}, 200),
        ({"error": "input must be fewer than 600 characters"}, 600),
        ("The text may have up to 1500 characters", 1500),
        ("4800/4096 characters: too long", 4096),
    ],
)
def test_the_number_in_a_refusal_is_found(body, limit):
    text = body if isinstance(body, str) else json.dumps(body)
    for form in (body, text, text.encode()):
        assert limit_in(form, 5000) == limit, f"as {type(form).__name__}"


def test_a_limit_in_tokens_becomes_a_cautious_number_of_characters():
    message = (
        "Input of 2132 tokens is over the maximum input limit of 2000 tokens. "
        "Please shorten your input."
    )
    assert limit_in(error(message), 8600) == 4000
    assert limit_in(error(message), 2400) == 1920


@pytest.mark.parametrize(
    "body",
    [
        error("The model `tts-9` does not exist", code="model_not_found"),
        error("Rate limit reached: limit 3, used 3, requested 1. Please try again in 20s."),
        {"detail": "Voice af_5000 not found"},
        error(OPENAI.replace("4096", "9000")),  # not what was wrong with 5,000
        {"detail": [{"type": "string_too_long", "input": "at most 4096 characters"}]},
        "<html><body>413 Request Entity Too Large</body></html>",
        b"\xff\xfe", "", None, 7, [], {}, {"error": None},
    ],
)  # fmt: skip
def test_other_refusals_teach_nothing(body):
    assert limit_in(body, 5000) is None


def test_numbers_in_the_quoted_input_are_not_believed():
    quoted = "'input': 'Say at most 100 characters', 'ctx': {'max_length': 4096}}]"
    assert limit_in(error(f"[{{'type': 'string_too_long', {quoted}"), 5000) == 4096
    cut = "{'type': 'string_too_long', 'input': 'at most 100 characters, he said"
    assert limit_in(error(cut), 5000) is None


def test_a_deeply_nested_answer_is_no_trap():
    body: object = OPENAI
    for _ in range(100):
        body = {"error": body}
    assert limit_in(body, 5000) is None
    assert limit_in("[" * 100_000, 5000) is None


def test_a_learned_limit_replaces_the_default_and_remembers_its_origin():
    limit = InputLimit()
    assert (limit.characters, limit.origin) == (DEFAULT_CHARACTERS, LimitOrigin.DEFAULT)
    learned = limit.after_refusal(error("maximum length 1000"), 3000)
    assert learned == InputLimit(1000, LimitOrigin.LEARNED)
    assert limit.after_refusal(error("no such voice"), 3000) is None


def test_a_body_that_is_nested_too_deeply_names_no_limit():
    body: object = error("input must have at most 100 characters")
    for _ in range(5000):
        body = {"detail": body}
    assert limit_in(body, 101) is None


def test_a_limit_that_the_text_did_not_exceed_is_not_the_reason():
    message = error("input must have at most 100 characters")
    assert limit_in(message, 101) == 100
    assert limit_in(message, 100) is None


def test_a_refusal_without_a_number_halves_what_is_sent():
    assert InputLimit().halved(3000) == InputLimit(1500, LimitOrigin.LEARNED)
    assert InputLimit(100).halved(3000) == InputLimit(50, LimitOrigin.LEARNED)
    assert InputLimit().halved(30) is None


@pytest.mark.parametrize(
    "message",
    [
        "input too long: maximum length is 0 characters",
        "Invalid 'input': string too long, at most -5 characters",
        "The text is too long, more than 999999999 characters are not allowed",
        "Text length 5000 exceeds the limit",
        "You sent too many tokens",
        "the request exceeds the maximum size",
        "le texte: max_length",
    ],
)
def test_a_refusal_for_length_is_known_without_a_useful_number(message):
    assert limit_in(error(message), 5000) is None
    assert says_too_long(error(message))


@pytest.mark.parametrize(
    "body",
    [
        error("The model `tts-9` does not exist", code="model_not_found"),
        error("speed must be between 0.25 and 4"),
        error("Rate limit reached: you exceeded your current quota"),
        {"detail": [{"type": "missing", "input": "This is too long"}]},
        {"detail": "Voice too loud"}, None, b"\xff", {},
    ],
)  # fmt: skip
def test_other_refusals_are_not_for_length(body):
    assert not says_too_long(body)


def test_a_range_names_its_upper_end():
    assert limit_in(error("input must have between 1 and 4096 characters"), 5000) == 4096
