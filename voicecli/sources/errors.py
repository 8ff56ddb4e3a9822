"""Exceptions of the SDK and its transport, mapped to our errors in one place.

They are recognised by class name along the chain of causes, so that nothing here
imports the SDK. Both it and its transport (httpx2) raise: the SDK before the headers,
httpx2 after them. HTTP statuses are mapped in `voicecli.sources.http_errors`.

Everything that a server or a library said is cleaned and cut before it becomes part
of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

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
from voicecli.sources.http_errors import CHECK_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Iterator

_USE_HTTPS = "if the server speaks https, use https:// in --base-url"
_USE_HTTP = "if the server speaks plain http, use http:// in --base-url"
_TRUST_IT = "if it is your server, set SSL_CERT_FILE to a file with its certificate"
_CHECK_PROXY = "check --proxy, HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY"
_CHECK_GIVEN_PROXY = "start the proxy, or check --proxy"

_LIBRARIES = {"openai", "httpx2", "httpcore2", "h11"}
"""Unexpected exceptions of these are faults of the outside world."""


class _Case(NamedTuple):
    """A foreign exception: where, with its causes, after how many bytes of the body."""

    where: str
    chain: tuple[BaseException, ...]
    received: int | None

    @classmethod
    def of(cls, error: BaseException, where: str, received: int | None = None) -> _Case:
        return cls(where, tuple(_chain(error)), received)

    @property
    def names(self) -> set[str]:
        """The classes along the chain, with their bases."""
        return {base.__name__ for cause in self.chain for base in type(cause).__mro__}

    @property
    def reason(self) -> str:
        """The innermost cause's message; the operating system's without its number."""
        innermost = self.chain[-1]
        said = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
        return clean(said, limit=300)


def fault_of(error: Exception, label: str, received: int | None = None) -> VoiceError:
    """Return our error for an exception of the SDK or its transport.

    ``label`` says where it happened. ``received`` counts the bytes of the body that
    arrived before; None before the body.

    Raises:
        Exception: ``error`` itself if no library had a part in it: a defect of ours.
    """
    case = _Case.of(error, clean(label, limit=200), received)
    for cause in case.chain:
        if isinstance(cause, VoiceError):
            return cause
    names = case.names
    for known, fault in (_FAULTS if received is None else _BODY_FAULTS).items():
        if known in names:
            return fault(case)
    if not any(type(cause).__module__.partition(".")[0] in _LIBRARIES for cause in case.chain):
        raise error
    return SourceError(f"{case.where}: {type(error).__name__}: {case.reason}")


def fault_of_proxy(error: Exception, proxy: str) -> VoiceError:
    """Return our error for a failed connection to the proxy at this URL.

    User and password in the URL are not repeated.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415  only for a message

    parts = urlsplit(proxy)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    case = _Case.of(error, f"the proxy {clean(address, limit=200)}")
    names = case.names
    return next(fault(case) for known, fault in _PROXY_FAULTS.items() if known in names)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()  # a chain may lead back into itself
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


_Rule: TypeAlias = Callable[[_Case], VoiceError]


def _rule(
    kind: type[SourceError], message: str, remedy: str | None = None, *, retryable: bool = False
) -> _Rule:
    """Make an error of ``kind``; ``message`` may name {where}, {reason} and {received}."""

    def fault(case: _Case) -> VoiceError:
        said = message.format(where=case.where, reason=case.reason, received=case.received)
        return kind(said, remedy=remedy, retryable=retryable)

    return fault


def _unknown_host(case: _Case) -> VoiceError:
    if _has_proxy(case.where):
        return NetworkError(
            f"the host of {case.where}, or that of the proxy for it, was not found ({case.reason})",
            remedy=_CHECK_PROXY,
        )
    return NetworkError(
        f"the host of {case.where} was not found ({case.reason})",
        remedy="check the spelling of --base-url and the network",
    )


def _refused(case: _Case) -> VoiceError:
    if _has_proxy(case.where):
        return NetworkError(
            f"nothing listens at {case.where}, or at the proxy for it (connection refused)",
            remedy=_CHECK_PROXY,
        )
    return NetworkError(
        f"nothing listens at {case.where} (connection refused)",
        remedy="start the server, or check the port in --base-url",
    )


def _insecure(case: _Case) -> VoiceError:
    if case.where.startswith("http:"):  # it redirects, and nothing is trusted there
        remedy = _USE_HTTPS
    else:
        remedy = _USE_HTTP if "WRONG_VERSION" in case.reason else _TRUST_IT
    return NetworkError(f"{case.where} could not be reached securely: {case.reason}", remedy=remedy)


def _missing_package(case: _Case) -> VoiceError:
    return ConfigError(
        f"something needed to reach {case.where} is not installed: {case.reason}",
        remedy="reinstall voicecli, or unset ALL_PROXY if it names a SOCKS proxy",
    )


def _illegal_request(case: _Case) -> VoiceError:
    # What HTTP cannot carry may be the key: it is not repeated.
    return ConfigError(
        f"the request to {case.where} contains characters that HTTP does not allow",
        remedy="copy the key into its variable again",
    )


def _has_proxy(url: str) -> bool:
    """Return whether the environment names a proxy for ``url``, which may be at fault."""
    from urllib.parse import urlsplit  # noqa: PLC0415  only for a message
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  likewise

    parts, proxies = urlsplit(url), getproxies()
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return False
    return parts.scheme in proxies or "all" in proxies


_NOT_ACCEPTED = "{where} did not accept the connection in time"
_NO_ANSWER = _rule(
    SourceTimeout,
    "{where} did not answer in time",
    "--timeout sets how long to wait",
    retryable=True,
)
_NO_URL = _rule(BadResponse, "{where} redirects to an unusable address: {reason}", CHECK_BASE_URL)
_UNREACHABLE = _rule(
    NetworkError,
    "{where} could not be reached: {reason}",
    "check the network and the server",
    retryable=True,
)
_BAD_CODING = _rule(BadResponse, "{where} sent a badly compressed answer: {reason}")
_CUT = _rule(
    NetworkError,
    "the connection was cut after {received} bytes",
    "try again; if it happens every time, the server's log may say why",
)

_FAULTS: Mapping[str, _Rule] = {
    "ConnectTimeout": _rule(
        SourceTimeout,
        _NOT_ACCEPTED,
        "check that the server runs; connect_timeout_s in the configuration sets the limit",
        retryable=True,
    ),
    "TimeoutException": _NO_ANSWER,
    "APITimeoutError": _NO_ANSWER,
    "TimeoutError": _NO_ANSWER,
    "gaierror": _unknown_host,
    "ConnectionRefusedError": _refused,
    "SSLError": _insecure,
    "ProxyError": _rule(NetworkError, "the proxy for {where} refuses: {reason}", _CHECK_PROXY),
    "TooManyRedirects": _rule(BadResponse, "{where} redirects endlessly", CHECK_BASE_URL),
    "UnsupportedProtocol": _NO_URL,
    "InvalidURL": _NO_URL,
    "DecodingError": _BAD_CODING,
    "ImportError": _missing_package,
    "LocalProtocolError": _illegal_request,
    "RemoteProtocolError": _rule(
        NetworkError,
        "{where} did not answer in HTTP: {reason}",
        _USE_HTTPS,
        retryable=True,
    ),
    "TransportError": _UNREACHABLE,
    "APIConnectionError": _UNREACHABLE,
    "OSError": _UNREACHABLE,
}
"""Class name of the exception, a base or a cause of it → our error; the first match counts."""

_BODY_FAULTS: Mapping[str, _Rule] = {
    "TimeoutException": _rule(
        SourceTimeout, "{where} did not answer in time", "--timeout sets how long to wait"
    ),
    "DecodingError": _BAD_CODING,
    "TransportError": _CUT,
    "OSError": _CUT,
}
"""The same once the body has begun: nothing is retried then."""

_PROXY_FAULTS: Mapping[str, _Rule] = {
    "TimeoutException": _rule(SourceTimeout, _NOT_ACCEPTED, _CHECK_GIVEN_PROXY, retryable=True),
    "gaierror": _rule(
        NetworkError, "the host of {where} was not found ({reason})", _CHECK_GIVEN_PROXY
    ),
    "ConnectionRefusedError": _rule(
        NetworkError, "nothing listens at {where} (connection refused)", _CHECK_GIVEN_PROXY
    ),
    "SSLError": _rule(
        NetworkError, "{where} could not be reached securely: {reason}", _CHECK_GIVEN_PROXY
    ),
    "Exception": _rule(
        NetworkError,
        "{where} could not be reached: {reason}",
        _CHECK_GIVEN_PROXY,
        retryable=True,
    ),
}
"""The same for a connection to the proxy."""
