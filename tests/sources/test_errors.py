from __future__ import annotations

import socket
import ssl

import httpx2
import openai
import pytest

from voicecli.errors import (
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceError,
    SourceTimeout,
)
from voicecli.sources.errors import fault_of, fault_of_proxy
from voicecli.sources.proxies import Proxy

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
    "bad url": (httpx2.InvalidURL("x"), BadResponse, False),
    "coding": (httpx2.DecodingError("x"), BadResponse, False),
    "socks": (ImportError("socksio"), ConfigError, None),
    "illegal characters": (of_sdk(httpx2.LocalProtocolError("Illegal header value b'Bearer sk-1'")),
                  ConfigError, None),
    "hung up": (of_sdk(httpx2.RemoteProtocolError("Server disconnected")), NetworkError, True),
    "reset": (of_sdk(httpx2.ReadError("x"), ConnectionResetError(104, "Connection reset")),
              NetworkError, True),
    "unreachable": (OSError(101, "Network is unreachable"), NetworkError, True),
    "sdk's own": (openai.OpenAIError("something new"), SourceError, False),
    "transport's own": (httpx2.StreamClosed(), SourceError, False),
}  # fmt: skip


@pytest.mark.parametrize("name", BEFORE_THE_BODY)
def test_every_foreign_exception_maps_to_our_error(name):
    error, kind, retryable = BEFORE_THE_BODY[name]
    fault = fault_of(error, LABEL)
    assert type(fault) is kind
    assert getattr(fault, "retryable", None) is retryable
    assert LABEL in fault.message
    if kind is not SourceError:
        assert fault.remedy or kind is BadResponse


def test_system_messages_lose_their_error_number():
    message = fault_of(BEFORE_THE_BODY["unreachable"][0], LABEL).message
    assert message.endswith(": Network is unreachable")
    assert "Name or service" in fault_of(BEFORE_THE_BODY["unknown host"][0], LABEL).message


def test_what_http_cannot_carry_is_not_repeated():
    assert "sk-1" not in fault_of(BEFORE_THE_BODY["illegal characters"][0], LABEL).message


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


def test_a_cut_says_after_how_many_bytes():
    assert "after 1234 bytes" in fault_of(httpx2.ReadError("x"), LABEL, 1234).message


@pytest.mark.parametrize("received", [None, 0, 7])
@pytest.mark.parametrize(
    "reason",
    [
        "illegal chunk header: bytearray(b'zz')",
        "malformed chunk footer: bytearray(b'XX') (expected b'\\r\\n')",
        "illegal header line: bytearray(b':')",
        "conflicting Content-Length headers",
        "Only Transfer-Encoding: chunked is supported",
    ],
)
def test_an_answer_against_the_rules_of_http_is_not_called_cut(reason, received):
    fault = fault_of(httpx2.RemoteProtocolError(reason), LABEL, received)
    assert type(fault) is NetworkError
    assert fault.message == (
        "the answer breaks the rules of HTTP: " + reason.partition(": bytearray")[0]
    )
    assert "proxy" in fault.remedy
    assert fault.retryable == (received is None)


def test_our_own_error_in_the_chain_counts():
    ours = RateLimited("busy", retry_after_s=3)
    assert fault_of(of_sdk(ValueError("x"), ours), LABEL) is ours


def test_a_circular_chain_ends():
    first, second = httpx2.ReadError("one"), httpx2.ReadError("two")
    first.__context__, second.__context__ = second, first
    assert isinstance(fault_of(first, LABEL), NetworkError)


def test_an_exception_without_a_message_is_named():
    assert "ReadError" in fault_of(httpx2.ReadError(""), LABEL).message


@pytest.mark.parametrize("error", [TypeError("ours"), KeyError("ours"), AssertionError()])
def test_a_bug_of_ours_passes_through(error):
    with pytest.raises(type(error)) as caught:
        fault_of(error, LABEL)
    assert caught.value is error


@pytest.mark.parametrize("name", ["hung up", "proxy", "sdk's own", "coding", "scheme"])
def test_what_a_library_says_is_cleaned_and_cut(name):
    error = BEFORE_THE_BODY[name][0]
    message = "\x1b]0;title\x07\x1b[2Jword " * 400
    if isinstance(error, openai.APIConnectionError):
        fault = fault_of(of_sdk(type(error.__cause__)(message)), LABEL)
    else:
        fault = fault_of(type(error)(message), LABEL)
    assert fault.message.isprintable()
    assert "word" in fault.message
    assert len(fault.message) < 600


@pytest.mark.parametrize(
    ("url", "message", "remedy"),
    [
        ("https://host/v1", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "use http://"),
        ("https://host/v1", "certificate verify failed: self-signed", "SSL_CERT_FILE"),
        ("http://host/v1", "certificate verify failed: unable to get issuer", "use https://"),
    ],
)
def test_the_remedy_for_tls_depends_on_who_uses_it(url, message, remedy):
    error = of_sdk(httpx2.ConnectError("x"), ssl.SSLError(1, message))
    assert remedy in fault_of(error, url).remedy


def test_a_server_that_hung_up_is_not_called_unreachable():
    fault = fault_of(BEFORE_THE_BODY["hung up"][0], LABEL)
    assert "did not answer in HTTP: Server disconnected" in fault.message


def test_the_connect_timeout_is_named_as_in_the_configuration():
    from voicecli.config.file import FILE_KEYS

    remedy = fault_of(BEFORE_THE_BODY["connect timeout"][0], LABEL).remedy
    (named,) = (word for word in remedy.split() if "_" in word)
    assert named in FILE_KEYS


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
    assert ("or its proxy" in fault.message) is is_suspected
    assert ("HTTPS_PROXY" in fault.remedy) is is_suspected


@pytest.mark.parametrize(
    ("error", "message", "is_retryable"),
    [
        (httpx2.ConnectTimeout("x"), "{} did not accept the connection in time", True),
        (caused(httpx2.ConnectError("x"), socket.gaierror(-2, "not known")),
         "the host of {} was not found (not known)", False),
        (caused(httpx2.ConnectError("x"), ConnectionRefusedError(111, "x")),
         "nothing listens at {} (connection refused)", False),
        (caused(httpx2.ConnectError("x"), ssl.SSLError(1, "wrong version")),
         "{} could not be reached securely: wrong version", False),
        (caused(httpx2.ConnectError("x"), OSError(101, "Network is unreachable")),
         "{} could not be reached: Network is unreachable", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("user", ["", "user@", "user:pass@word@"])
def test_a_proxy_is_named_without_its_user(error, message, is_retryable, user):
    fault = fault_of_proxy(error, Proxy(f"https://{user}proxy.test:3128", "--proxy"))
    assert fault.message == message.format("the proxy https://proxy.test:3128")
    assert fault.retryable is is_retryable
    assert fault.remedy == "start the proxy, or check --proxy"
    assert fault.exit_status == NetworkError.exit_status


@pytest.mark.parametrize(("scheme", "hints"), [("http", True), ("https", False)])
def test_a_reset_by_a_plain_server_may_mean_that_it_speaks_https(scheme, hints):
    error = httpx2.ReadError("broken")
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    fault = fault_of(error, f"{scheme}://speech.example/v1")
    assert "check the network" in fault.remedy
    assert ("https://" in fault.remedy) is hints
