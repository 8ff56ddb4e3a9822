from __future__ import annotations

import email.utils
import json
import socket
import ssl
import time

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceError,
    SourceTimeout,
    VoiceError,
)
from voicecli.sources.faults import fault_of, fault_of_status, server_message

LABEL = "http://127.0.0.1:8880/v1"
REQUEST = httpx2.Request("POST", LABEL)


def caused(outer, *causes):
    """``outer``, raised from the first of ``causes``, which was raised from the next."""
    error = outer
    for cause in causes:
        error.__cause__ = cause
        error = cause
    return outer


def of_sdk(*causes):
    return caused(openai.APIConnectionError(request=REQUEST), *causes)


BEFORE_THE_BODY = {
    "connect timeout": (of_sdk(httpx2.ConnectTimeout("x"), TimeoutError("x")), SourceTimeout, True),
    "sdk timeout": (openai.APITimeoutError(request=REQUEST), SourceTimeout, True),
    "read timeout": (httpx2.ReadTimeout("x"), SourceTimeout, True),
    "socket timeout": (TimeoutError("x"), SourceTimeout, True),
    "unknown host": (
        of_sdk(httpx2.ConnectError("x"), socket.gaierror(-2, "Name or service not known")),
        NetworkError,
        False,
    ),
    "refused": (of_sdk(httpx2.ConnectError("x"), ConnectionRefusedError(111, "x")), NetworkError,
                False),
    "certificate": (of_sdk(httpx2.ConnectError("x"), ssl.SSLCertVerificationError(1, "self")),
                    NetworkError, False),
    "no tls": (of_sdk(httpx2.ConnectError("x"), ssl.SSLError(1, "WRONG_VERSION_NUMBER")),
               NetworkError, False),
    "proxy": (of_sdk(httpx2.ProxyError("407 Login")), NetworkError, False),
    "redirects": (of_sdk(httpx2.TooManyRedirects("x", request=REQUEST)), BadResponse, False),
    "scheme": (of_sdk(httpx2.UnsupportedProtocol("x")), BadResponse, False),
    "no url": (httpx2.InvalidURL("x"), BadResponse, False),
    "coding": (httpx2.DecodingError("x"), BadResponse, False),
    "socks": (ImportError("socksio"), ConfigError, None),
    "unsayable": (of_sdk(httpx2.LocalProtocolError("Illegal header value b'Bearer sk-1'")),
                  ConfigError, None),
    "hung up": (of_sdk(httpx2.RemoteProtocolError("Server disconnected")), NetworkError, True),
    "reset": (of_sdk(httpx2.ReadError("x"), ConnectionResetError(104, "Connection reset")),
              NetworkError, True),
    "unreachable": (OSError(101, "Network is unreachable"), NetworkError, True),
    "sdk's own": (openai.OpenAIError("something new"), SourceError, False),
    "transport's own": (httpx2.StreamClosed(), SourceError, False),
}  # fmt: skip


@pytest.mark.parametrize("name", BEFORE_THE_BODY)
def test_every_foreign_exception_has_an_error_of_ours(name):
    error, kind, retryable = BEFORE_THE_BODY[name]
    fault = fault_of(error, LABEL)
    assert type(fault) is kind
    assert getattr(fault, "retryable", None) is retryable
    assert LABEL in fault.message
    if kind is not SourceError:
        assert fault.remedy or kind is BadResponse


def test_the_system_s_words_are_told_without_their_number():
    message = fault_of(BEFORE_THE_BODY["unreachable"][0], LABEL).message
    assert message.endswith(": Network is unreachable")
    assert "Name or service" in fault_of(BEFORE_THE_BODY["unknown host"][0], LABEL).message


def test_what_http_cannot_carry_is_not_repeated():
    assert "sk-1" not in fault_of(BEFORE_THE_BODY["unsayable"][0], LABEL).message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ReadTimeout("x"), SourceTimeout),
        (httpx2.DecodingError("x"), BadResponse),
        (httpx2.RemoteProtocolError("peer closed connection"), NetworkError),
        (caused(httpx2.ReadError("x"), ConnectionResetError(104, "x")), NetworkError),
        (ssl.SSLEOFError(8, "EOF"), NetworkError),
    ],
)
def test_in_the_body_nothing_is_retryable(error, kind):
    fault = fault_of(error, LABEL, 1234)
    assert type(fault) is kind
    assert not fault.retryable


def test_a_cut_tells_after_how_much():
    assert "after 1234 bytes" in fault_of(httpx2.ReadError("x"), LABEL, 1234).message


def test_our_own_error_in_the_chain_is_the_one():
    ours = RateLimited("busy", retry_after_s=3)
    assert fault_of(of_sdk(ValueError("x"), ours), LABEL) is ours


def test_a_chain_that_bites_its_own_tail_ends():
    first, second = httpx2.ReadError("one"), httpx2.ReadError("two")
    first.__context__, second.__context__ = second, first
    assert isinstance(fault_of(first, LABEL), NetworkError)


def test_an_exception_that_says_nothing_is_told_by_its_name():
    assert "ReadError" in fault_of(httpx2.ReadError(""), LABEL).message


@pytest.mark.parametrize("error", [TypeError("ours"), KeyError("ours"), AssertionError()])
def test_a_defect_of_ours_stays_one(error):
    with pytest.raises(type(error)) as caught:
        fault_of(error, LABEL)
    assert caught.value is error


@pytest.mark.parametrize("name", ["hung up", "proxy", "sdk's own", "coding", "scheme"])
def test_what_a_library_says_is_cleaned_and_cut(name):
    error = BEFORE_THE_BODY[name][0]
    said = "\x1b]0;title\x07\x1b[2Jword " * 400
    fault = fault_of(caused(type(error)(said)) if not isinstance(error, openai.APIConnectionError)
                     else of_sdk(type(error.__cause__)(said)), LABEL)  # fmt: skip
    assert fault.message.isprintable()
    assert "word" in fault.message
    assert len(fault.message) < 600


STATUSES = {
    301: (BadResponse, False, "--base-url"),
    304: (BadResponse, False, "voices"),
    400: (BadResponse, False, "voices"),
    401: (AuthError, False, "key"),
    403: (AuthError, False, "key"),
    404: (BadResponse, False, "/v1"),
    405: (BadResponse, False, "/v1"),
    413: (BadResponse, False, "in parts"),
    422: (BadResponse, False, "voices"),
    429: (RateLimited, True, "--retries"),
    500: (BadResponse, True, "log"),
    503: (BadResponse, True, "log"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_an_error_and_a_remedy(status):
    kind, retryable, remedy = STATUSES[status]
    fault = fault_of_status(status, {}, b"")
    assert type(fault) is kind
    assert fault.retryable is retryable
    assert remedy in fault.remedy
    assert f"({status})" in fault.message


@pytest.mark.parametrize("status", [400, 401, 404, 405, 422, 429, 500])
def test_the_server_s_words_are_told(status):
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


@pytest.mark.parametrize(
    ("url", "said", "remedy"),
    [
        ("https://host/v1", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "say http://"),
        ("https://host/v1", "certificate verify failed: self-signed", "SSL_CERT_FILE"),
        ("http://host/v1", "certificate verify failed: unable to get issuer", "say https://"),
    ],
)
def test_what_to_do_about_tls_depends_on_who_speaks_it(url, said, remedy):
    assert remedy in fault_of(of_sdk(httpx2.ConnectError("x"), ssl.SSLError(1, said)), url).remedy


def test_a_server_that_hung_up_was_reached():
    fault = fault_of(BEFORE_THE_BODY["hung up"][0], LABEL)
    assert "gave no answer in HTTP: Server disconnected" in fault.message


def test_the_limit_for_connecting_is_named_as_the_file_has_it():
    from voicecli.config import FILE_KEYS

    remedy = fault_of(BEFORE_THE_BODY["connect timeout"][0], LABEL).remedy
    (named,) = (word for word in remedy.split() if "_" in word)
    assert named in FILE_KEYS


def test_how_long_a_server_asks_to_wait_is_told():
    message = fault_of_status(429, {"retry-after": "90"}, b"{}").message
    assert message == "the server asks for patience (429), for 90 s"


def test_a_404_that_says_more_is_about_the_model():
    fault = fault_of_status(404, {}, b'{"detail": "no model tts-9"}')
    assert "no model tts-9" in fault.message
    assert "--model" in fault.remedy


def test_where_a_server_moved_is_cleaned():
    location = "http://new.example/\x1b[31m" + "x" * 5000
    fault = fault_of_status(302, {"location": location}, b"")
    assert "http://new.example/" in fault.message
    assert fault.message.isprintable()
    assert len(fault.message) < 300


def test_money_that_has_run_out_is_not_waited_for():
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
def test_how_long_to_wait(value, seconds):
    headers = {} if value is None else {"retry-after": value}
    assert fault_of_status(429, headers, b"").retry_after_s == seconds


def test_how_long_to_wait_by_a_date():
    then = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert fault_of_status(429, {"retry-after": then}, b"").retry_after_s == pytest.approx(
        100, abs=10
    )


@pytest.mark.parametrize(
    ("body", "said"),
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
        (b"\xff\xfe bad utf-8", "\ufffd\ufffd bad utf-8"),
    ],
)  # fmt: skip
def test_what_an_error_body_says(body, said):
    assert server_message(body) == said


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: json.dumps(t).encode()))
def test_whatever_a_server_says_is_short_and_printable(body):
    said = server_message(body)
    assert len(said) <= 300
    assert not said or said.isprintable()


@given(st.integers(300, 999), st.binary(max_size=50))
def test_every_status_makes_an_error(status, body):
    fault = fault_of_status(status, {"location": "x", "retry-after": "x"}, body)
    assert isinstance(fault, VoiceError)
    assert fault.message.isprintable()


@pytest.fixture
def proxies(monkeypatch):
    """Set the environment's proxies, none but these."""
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)

    def give(**named):
        for name, value in named.items():
            monkeypatch.setenv(f"{name}_proxy".upper(), value)

    return give


@pytest.mark.parametrize("name", ["refused", "unknown host"])
@pytest.mark.parametrize(
    ("url", "named", "is_suspected"),
    [
        ("https://host.test/v1", {"https": "http://dead.test:1"}, True),
        ("https://host.test/v1", {"all": "http://dead.test:1"}, True),
        ("https://host.test/v1", {"http": "http://dead.test:1"}, False),
        ("https://host.test/v1", {"https": "http://dead.test:1", "no": "host.test"}, False),
        ("https://host.test/v1", {}, False),
        ("http://localhost:1/v1", {"http": "http://dead.test:1"}, False),
    ],
)
def test_a_proxy_of_the_environment_may_be_the_one_at_fault(
    proxies, name, url, named, is_suspected
):
    proxies(**named)
    fault = fault_of(BEFORE_THE_BODY[name][0], url)
    assert ("proxy on the way" in fault.message) is is_suspected
    assert ("HTTPS_PROXY" in fault.remedy) is is_suspected
