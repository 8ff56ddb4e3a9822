from __future__ import annotations

import email.utils
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import AuthError, BadResponse, NetworkError, RateLimited, VoiceError
from voicecli.sources.http_errors import fault_of_status, server_message

STATUSES = {
    300: (BadResponse, False, "proxy"),
    301: (BadResponse, False, "--base-url"),
    304: (BadResponse, False, "cache"),
    400: (BadResponse, False, None),
    401: (AuthError, False, "key"),
    403: (AuthError, False, "key"),
    404: (BadResponse, False, "/v1"),
    405: (BadResponse, False, "/v1"),
    407: (NetworkError, False, "--proxy"),
    413: (BadResponse, False, "in parts"),
    422: (BadResponse, False, None),
    429: (RateLimited, True, "--retries"),
    500: (BadResponse, True, "log"),
    503: (BadResponse, True, "log"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_an_error_and_a_remedy_or_none_that_misleads(status):
    kind, retryable, remedy = STATUSES[status]
    fault = fault_of_status(status, {}, b"")
    assert type(fault) is kind
    assert fault.retryable is retryable
    assert (remedy in fault.remedy) if remedy else (fault.remedy is None)
    assert f"({status})" in fault.message


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://b.example/v1", "https://b.example/v1"),
        ("https://me:s3cret@b.example/v1", "b.example/v1"),
        ("https://b.example/v1?key=s3cret", "https://b.example/v1"),
    ],
)
def test_where_a_server_has_moved_is_shown_without_what_may_be_a_password(location, shown):
    fault = fault_of_status(301, {"location": location}, b"")
    assert fault.message == f"the server has moved (301) to {shown}"


def test_a_server_may_not_say_where_it_has_moved():
    fault = fault_of_status(308, {}, b"")
    assert fault.message == "the server has moved (308) without saying where"


def in_detail(message):
    return json.dumps({"detail": message}).encode()


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        (in_detail("Input too long: 5000 characters, the model takes 4096"), "in parts"),
        (in_detail("input: String should have at most 4096 characters"), "in parts"),
        (in_detail("This model's maximum context length is 2000 tokens"), "in parts"),
        (in_detail("Unsupported format: opus. The model has mp3 and wav."), "--format"),
        (in_detail([{"loc": ["body", "response_format"], "msg": "not 'mp3'"}]), "--format"),
        (in_detail("output format opus is not available"), "--format"),
        (in_detail([{"loc": ["body", "speed"], "msg": "Input should be less than 2"}]), "--speed"),
        (in_detail("speed is not supported by this model"), "--speed"),
        (in_detail("the model takes no instructions"), "--instructions"),
        (in_detail("Voice 'alloy' not found"), "`voicecli voices`"),
        (b'{"error": {"code": "model_not_found", "message": "no such model"}}', "--model"),
        (b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
         "https://"),
        (b"Client sent an HTTP request to an HTTPS server.\n", "https://"),
        (b"<title>400 Bad Request</title><p>You're speaking plain HTTP to an SSL-enabled port.",
         "https://"),
        (in_detail("the request has an encoding that is not UTF-8"), None),
        (in_detail("you exceeded your quota"), None),
    ],
)  # fmt: skip
def test_a_remedy_fits_the_reason_or_is_left_out(status, body, remedy):
    fault = fault_of_status(status, {}, body)
    assert (remedy in fault.remedy) if remedy else (fault.remedy is None)


def test_the_title_of_a_page_is_shown():
    page = b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>"
    fault = fault_of_status(400, {}, page)
    assert "The plain HTTP request was sent to HTTPS port" in fault.message


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refuses requests without a key"), (403, "refuses the request")]
)
def test_a_key_that_was_not_sent_is_not_refused(status, message):
    fault = fault_of_status(status, {}, b"", has_key=False)
    assert type(fault) is AuthError
    assert message in fault.message
    assert "VOICECLI_API_KEY" in fault.remedy


@pytest.mark.parametrize("status", [400, 401, 404, 405, 422, 429, 500])
def test_the_server_s_words_are_shown(status):
    fault = fault_of_status(status, {}, b'{"error": {"message": "model \\u001b[1mx\\u001b[0m"}}')
    assert fault.message.endswith(f"({status}): model x")


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"detail": "Not Found"}',
        b"<html>404</html>",
        b"404 page not found\n",
        b'{"detail": "Method Not Allowed"}',
        b'{"error": {"message": "there is nothing at /audio/speech"}}',
    ],
)
def test_a_404_that_names_no_model_is_about_the_address(status, body):
    fault = fault_of_status(status, {}, body)
    assert "has no /audio/speech there" in fault.message
    assert "/v1" in fault.remedy


def test_the_message_says_how_long_the_server_asks_to_wait():
    message = fault_of_status(429, {"retry-after": "90"}, b"{}").message
    assert message == "the server asks to wait (429), for 90 s"


def test_a_404_that_names_a_model_is_about_it():
    fault = fault_of_status(404, {}, b'{"detail": "no model tts-9"}')
    assert "no model tts-9" in fault.message
    assert "--model" in fault.remedy


def test_the_new_address_of_a_server_is_cleaned():
    location = "http://new.example/\x1b[31m" + "x" * 5000
    fault = fault_of_status(302, {"location": location}, b"")
    assert "http://new.example/" in fault.message
    assert fault.message.isprintable()
    assert len(fault.message) < 300


def test_an_exhausted_account_is_not_waited_for():
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    fault = fault_of_status(429, {"retry-after": "1"}, body)
    assert isinstance(fault, RateLimited)
    assert not fault.retryable
    assert "billing" in fault.remedy


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("99999999999999999999", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("soon", None),
        ("٧", None),
        ("", None),
        (None, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 9999999 07:28:00 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    headers = {} if value is None else {"retry-after": value}
    assert fault_of_status(429, headers, b"").retry_after_s == seconds


def test_retry_after_as_a_date():
    then = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert fault_of_status(429, {"retry-after": then}, b"").retry_after_s == pytest.approx(
        100, abs=10
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"plain words", "plain words"),
        (b"<html><h1>Bad Gateway</h1></html>", ""),
        (b'"a string"', "a string"),
        (b"42", ""),
        (b"null", ""),
        (b'{"error": {"message": "from openai"}}', "from openai"),
        (b'{"error": "flat"}', "flat"),
        (b'{"message": "plain"}', "plain"),
        (b'{"detail": "fastapi"}', "fastapi"),
        (b'{"detail": {"error": "nested", "message": "kokoro"}}', "kokoro"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}, {"msg": "too long"}]}',
         "field required; too long"),
        (b'{"detail": [{"loc": ["body", "voice"], "msg": "field required"}]}',
         "voice: field required"),
        (b'{"detail": [{"loc": ["body", 0], "msg": "no"}, {"loc": "x", "msg": "y"}]}', "no; y"),
        (b"{}", ""),
        (b'{"detail": ["a", "b", "c", "d"]}', "a; b; c"),
        (b'{"status": "broken"}', '{"status": "broken"}'),
        (b'{"error": {"code": 7}}', '{"error": {"code": 7}}'),
        (b'{"error": {"error": {"error": {"error": {"error": "deep"}}}}}', "deep"),
        (b'{"error": {"error": {"error": {"error": {"error": {"error": {"e": 1}}}}}}}',
         '{"error": {"error": {"error": {"error": {"error": {"error": {"e": 1}}}}}}}'),
        (b"[" * 100_000, "[" * 299 + "…"),
        (b"\xff bad utf-8", "\ufffd bad utf-8"),
        ('{"detail": "in UTF-16"}'.encode("utf-16"), "in UTF-16"),
        ('{"detail": "in UTF-16"}'.encode("utf-16-be"), "in UTF-16"),
        (b'\xef\xbb\xbf{"detail": "behind a mark"}', "behind a mark"),
    ],
)  # fmt: skip
def test_the_message_in_an_error_body(body, message):
    assert server_message(body) == message


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: json.dumps(t).encode()))
def test_any_message_is_short_and_printable(body):
    message = server_message(body)
    assert len(message) <= 300
    assert not message or message.isprintable()


@given(st.integers(300, 999), st.binary(max_size=50))
def test_any_status_makes_an_error(status, body):
    fault = fault_of_status(status, {"location": "x", "retry-after": "x"}, body)
    assert isinstance(fault, VoiceError)
    assert fault.message.isprintable()


def test_a_body_that_is_not_text_is_not_quoted():
    samples = bytes.fromhex("00406d3741902d00e0bf92c8c22f") * 40
    assert server_message(samples) == ""
    assert server_message(b"\x1f\x8b\x08" + samples) == ""
    assert server_message("服务器错误".encode()) == "服务器错误"
    assert server_message("no voice".encode("utf-16-le")) == "no voice"
    assert server_message(b'{"error": "no voice"}' + samples) == "no voice"
