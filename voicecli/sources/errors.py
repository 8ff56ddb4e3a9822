"""Exceptions of the SDK and its transport, mapped to our errors in one place.

They are recognised by class name along the chain of causes, so that nothing here
imports the SDK. Both it and its transport (httpx2) raise: the SDK before the headers,
httpx2 after them. HTTP statuses are mapped in `voicecli.sources.http_errors`.

Text from a server or a library is cleaned and cut before it becomes part of a message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from voicecli.config.urls import is_loopback
from voicecli.errors import (
    BadResponse,
    ConfigError,
    NetworkError,
    SourceError,
    SourceTimeout,
    VoiceError,
)
from voicecli.sanitize import clean
from voicecli.sources.remedies import (
    CHECK_BASE_URL,
    LOOK_FOR_PROXY,
    SET_CONNECT_TIMEOUT,
    SET_TIMEOUT,
    TRY_AGAIN,
    USE_HTTPS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.sources.proxies import Proxy

_CHECK_HOST = "check the spelling of --base-url and the network"
_CHECK_PORT = "start the server, or check the port in --base-url"
_CHECK_NETWORK = "check the network and the server"
_CHECK_PROXY = "check --proxy, HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY"
_USE_HTTP = "if the server speaks plain http, use http:// in --base-url"
_TRUST_IT = "if it is your server, set SSL_CERT_FILE to a file with its certificate"
_REINSTALL = "reinstall voicecli"
_COPY_KEY = "copy the key into its variable again"

_LIBRARIES = {"openai", "httpx2", "httpcore2", "h11", "websockets", "idna", "socksio"}
"""Unexpected exceptions of these are faults of the outside world."""


class _Rule(NamedTuple):
    """Our error for a foreign exception; ``message`` may name where, reason and received."""

    kind: type[VoiceError]
    message: str
    remedy: str | None = None
    retryable: bool = False


_NOT_ACCEPTED = "{where} did not accept the connection in time"
_NO_ANSWER = _Rule(SourceTimeout, "{where} did not answer in time", SET_TIMEOUT, retryable=True)
_NO_URL = _Rule(BadResponse, "{where} redirects to an unusable address: {reason}", CHECK_BASE_URL)
_NO_HTTP = "{where} did not answer in HTTP: {reason}"
_UNREACHABLE = _Rule(
    NetworkError, "{where} could not be reached: {reason}", _CHECK_NETWORK, retryable=True
)
_BAD_CODING = _Rule(BadResponse, "{where} sent a badly compressed answer: {reason}", LOOK_FOR_PROXY)
_CUT = _Rule(NetworkError, "the connection was cut after {received} bytes", TRY_AGAIN)
_BROKEN = _Rule(
    NetworkError,
    "the answer breaks the rules of HTTP: {reason}",
    "look at the server, and at any proxy in front of it",
    retryable=True,
)
_NO_ANSWER_OR_END = re.compile("(request|response) line|clos(ed|ing)|disconnected", re.IGNORECASE)
"""What libraries say if there is no HTTP at all, or no more of it."""
_MISSING = "something needed to reach {where} is not installed: {reason}"
# The characters may be part of the key, so they are not repeated.
_ILLEGAL = "the request to {where} contains characters that HTTP does not allow"

_RULES: Mapping[str, _Rule] = {
    "ConnectTimeout": _Rule(SourceTimeout, _NOT_ACCEPTED, SET_CONNECT_TIMEOUT, retryable=True),
    "TimeoutException": _NO_ANSWER,
    "APITimeoutError": _NO_ANSWER,
    "TimeoutError": _NO_ANSWER,
    "gaierror": _Rule(NetworkError, "the host of {where} was not found ({reason})", _CHECK_HOST),
    "ConnectionRefusedError": _Rule(
        NetworkError, "nothing listens at {where} (connection refused)", _CHECK_PORT
    ),
    "SSLEOFError": _Rule(
        NetworkError, "{where} closed the connection", _CHECK_NETWORK, retryable=True
    ),
    "SSLError": _Rule(NetworkError, "{where} could not be reached securely: {reason}", _TRUST_IT),
    "ProxyError": _Rule(NetworkError, "the proxy for {where} refuses: {reason}", _CHECK_PROXY),
    "SOCKSError": _Rule(
        NetworkError, "the proxy for {where} did not answer in SOCKS 5: {reason}", _CHECK_PROXY
    ),
    "TooManyRedirects": _Rule(BadResponse, "{where} redirects endlessly", CHECK_BASE_URL),
    "UnsupportedProtocol": _NO_URL,
    "InvalidURL": _NO_URL,
    "DecodingError": _BAD_CODING,
    "ImportError": _Rule(ConfigError, _MISSING, _REINSTALL),
    "LocalProtocolError": _Rule(ConfigError, _ILLEGAL, _COPY_KEY),
    "RemoteProtocolError": _Rule(NetworkError, _NO_HTTP, USE_HTTPS, retryable=True),
    "TransportError": _UNREACHABLE,
    "APIConnectionError": _UNREACHABLE,
    "OSError": _UNREACHABLE,
}
"""Class name of the exception, a base or a cause of it → rule; the first match counts."""

_BODY_RULES: Mapping[str, _Rule] = {
    "TimeoutException": _NO_ANSWER._replace(retryable=False),
    "DecodingError": _BAD_CODING,
    "TransportError": _CUT,
    "OSError": _CUT,
}
"""The same once the body has begun, when nothing is retried any more."""


class _Case(NamedTuple):
    """A foreign exception: where, with its causes, after how many bytes of the body."""

    where: str
    chain: tuple[BaseException, ...]
    received: int | None

    @property
    def names(self) -> set[str]:
        """The classes along the chain, with their bases."""
        return {base.__name__ for cause in self.chain for base in type(cause).__mro__}

    @property
    def reason(self) -> str:
        """The innermost cause's message, without the operating system's number or bytes."""
        innermost = self.chain[-1]
        message = getattr(innermost, "strerror", None) or str(innermost)
        message = message.partition(": bytearray(")[0]
        return clean(message or type(innermost).__name__, limit=300)


def fault_of(error: Exception, label: str, received: int | None = None) -> VoiceError:
    """Return our error for an exception of the SDK or its transport.

    ``label`` says where it happened. ``received`` counts the bytes of the body that
    arrived before; None before the body.

    Raises:
        Exception: ``error`` itself if no library had a part in it: a defect of ours.
    """
    case = _Case(clean(label, limit=200), tuple(_chain(error)), received)
    for cause in case.chain:
        if isinstance(cause, VoiceError):
            return cause
    names = case.names
    for name, rule in (_RULES if received is None else _BODY_RULES).items():
        if name in names:
            return _apply(rule, name, case)
    if not any(map(_is_of_library, case.chain)):
        raise error
    return SourceError(f"{case.where}: {type(error).__name__}: {case.reason}")


def _is_of_library(error: BaseException) -> bool:
    """Return whether an exception comes from a library, or from a value it was given."""
    if type(error).__module__.partition(".")[0] in _LIBRARIES:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not isinstance(error, AssertionError | LookupError | ValueError):
        return False  # such as a TypeError, which is a wrong call of ours
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] in _LIBRARIES


def fault_of_proxy(error: Exception, proxy: Proxy) -> VoiceError:
    """Return our error for a failed connection to a proxy."""
    fault = fault_of(error, f"the proxy {proxy.shown}")
    fault.remedy = f"start the proxy, or check {proxy.setting}"
    return fault


def _apply(rule: _Rule, name: str, case: _Case) -> VoiceError:
    where, remedy = case.where, rule.remedy
    if name in ("gaierror", "ConnectionRefusedError") and _has_proxy(where):
        where, remedy = f"{where} or its proxy", _CHECK_PROXY
    elif name == "SSLError" and where.startswith("http:"):  # it redirects to https
        remedy = USE_HTTPS
    elif rule is _UNREACHABLE and where.startswith("http:") and "reset" in case.reason:
        remedy = f"{_CHECK_NETWORK}; {USE_HTTPS}"  # how some servers refuse plain http
    elif name == "SSLError" and "WRONG_VERSION" in case.reason:
        remedy = _USE_HTTP
    elif "RemoteProtocolError" in case.names and not _NO_ANSWER_OR_END.search(case.reason):
        is_early = case.received is None
        rule = _BROKEN if is_early else _BROKEN._replace(retryable=False)
        remedy = rule.remedy
    message = rule.message.format(where=where, reason=case.reason, received=case.received)
    fault = rule.kind(message, remedy=remedy)
    if isinstance(fault, SourceError):
        fault.retryable = rule.retryable
    return fault


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()  # a chain may lead back into itself
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _has_proxy(url: str) -> bool:
    """Return whether the environment names a proxy for ``url``, which may be at fault."""
    from urllib.parse import urlsplit  # noqa: PLC0415  only for a message
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  likewise

    parts, proxies = urlsplit(url), getproxies()
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return False
    return parts.scheme in proxies or (parts.scheme != "" and "all" in proxies)
