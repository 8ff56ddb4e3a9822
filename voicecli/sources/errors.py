"""Foreign exceptions, mapped to our tree in one place.

Exceptions are told apart by class name along the chain of causes, so that
nothing here imports the SDK or its transport: both raise, the SDK before the
headers, its transport (httpx2) unwrapped after them.

Everything that a server or a library said is cleaned and cut before it becomes
part of a message.
"""

from __future__ import annotations

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
from voicecli.sources.statuses import WHERE_IS_IT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_IS_IT_HTTPS = "if the server speaks https, say https:// in --base-url"
_IS_IT_HTTP = "if the server speaks plain http, say http:// in --base-url"
_TRUST_IT = "if it is yours, name a file with its certificate in SSL_CERT_FILE"
_CHECK_PROXY = "check --proxy, HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY"
_CHECK_GIVEN_PROXY = "start the proxy, or check --proxy"

_LIBRARIES = {"openai", "httpx2", "httpcore2", "h11"}
"""Whose unexpected exceptions are faults of the outside world."""


class _Case(NamedTuple):
    """A foreign exception: where it happened, what caused it, after how many bytes of the body."""

    where: str
    chain: tuple[BaseException, ...]
    received: int | None

    @property
    def names(self) -> set[str]:
        """The classes along the chain, with their bases."""
        return {base.__name__ for cause in self.chain for base in type(cause).__mro__}

    @property
    def reason(self) -> str:
        """What the innermost cause says; the operating system's words without their number."""
        innermost = self.chain[-1]
        said = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
        return clean(said, limit=300)


def fault_of(error: Exception, label: str, received: int | None = None) -> VoiceError:
    """Our error for whatever the SDK or its transport raised.

    ``label`` says where, ``received`` counts the bytes of the body that came
    before it, None before the body.

    Raises:
        Exception: ``error`` itself, where no library had a part in it: a defect of ours.
    """
    case = _Case(clean(label, limit=200), tuple(_chain(error)), received)
    for cause in case.chain:
        if isinstance(cause, VoiceError):
            return cause
    names = case.names
    for known, fault in _FAULTS if received is None else _FAULTS_OF_BODIES:
        if known in names:
            return fault(case)
    if not any(type(cause).__module__.partition(".")[0] in _LIBRARIES for cause in case.chain):
        raise error
    return SourceError(f"{case.where}: {type(error).__name__}: {case.reason}")


def fault_of_proxy(error: Exception, proxy: str) -> VoiceError:
    """Our error for a proxy, given by its URL, to which no connection could be made.

    A user and a password in the URL are not repeated.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415  only for a message

    parts = urlsplit(proxy)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    case = _Case(f"the proxy {clean(address, limit=200)}", tuple(_chain(error)), None)
    names = case.names
    if "TimeoutException" in names:
        return SourceTimeout(
            f"{case.where} did not accept the connection in time",
            remedy=_CHECK_GIVEN_PROXY,
            retryable=True,
        )
    if "gaierror" in names:
        return _lost(f"the host of {case.where} was not found ({case.reason})")
    if "ConnectionRefusedError" in names:
        return _lost(f"nothing listens at {case.where} (connection refused)")
    if "SSLError" in names:
        return _lost(f"{case.where} could not be reached securely: {case.reason}")
    return _lost(f"{case.where} could not be reached: {case.reason}", retryable=True)


def _lost(said: str, *, retryable: bool = False) -> VoiceError:
    return NetworkError(said, remedy=_CHECK_GIVEN_PROXY, retryable=retryable)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()  # a chain may bite its own tail
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _unaccepted(case: _Case) -> VoiceError:
    return SourceTimeout(
        f"{case.where} did not accept the connection in time",
        remedy="check that the server runs; connect_timeout_s in the configuration sets the limit",
        retryable=True,
    )


def _unanswered(case: _Case) -> VoiceError:
    return SourceTimeout(
        f"{case.where} did not answer in time",
        remedy="--timeout sets how long to wait",
        retryable=case.received is None,
    )


def _unknown_host(case: _Case) -> VoiceError:
    if _has_proxy(case.where):
        return NetworkError(
            f"the host of {case.where}, or that of the proxy on the way, was not found "
            f"({case.reason})",
            remedy=_CHECK_PROXY,
        )
    return NetworkError(
        f"the host of {case.where} was not found ({case.reason})",
        remedy="check the spelling of --base-url and the network",
    )


def _refused(case: _Case) -> VoiceError:
    if _has_proxy(case.where):
        return NetworkError(
            f"nothing listens at {case.where}, or at the proxy on the way (connection refused)",
            remedy=_CHECK_PROXY,
        )
    return NetworkError(
        f"nothing listens at {case.where} (connection refused)",
        remedy="start the server, or check the port in --base-url",
    )


def _insecure(case: _Case) -> VoiceError:
    if case.where.startswith("http:"):  # it redirects, and nobody is trusted there
        remedy = _IS_IT_HTTPS
    else:
        remedy = _IS_IT_HTTP if "WRONG_VERSION" in case.reason else _TRUST_IT
    return NetworkError(f"{case.where} could not be reached securely: {case.reason}", remedy=remedy)


def _no_http(case: _Case) -> VoiceError:
    return NetworkError(
        f"{case.where} gave no answer in HTTP: {case.reason}", remedy=_IS_IT_HTTPS, retryable=True
    )


def _proxied(case: _Case) -> VoiceError:
    return NetworkError(
        f"the proxy on the way to {case.where} refuses: {case.reason}",
        remedy=_CHECK_PROXY,
    )


def _has_proxy(url: str) -> bool:
    """Whether the environment names a proxy for ``url``, who may be the one at fault."""
    from urllib.parse import urlsplit  # noqa: PLC0415  only for a message
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  likewise

    parts, proxies = urlsplit(url), getproxies()
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return False
    return parts.scheme in proxies or "all" in proxies


def _going_round(case: _Case) -> VoiceError:
    return BadResponse(f"{case.where} redirects without end", remedy=WHERE_IS_IT)


def _no_url(case: _Case) -> VoiceError:
    return BadResponse(
        f"{case.where} redirects to where no server can be: {case.reason}", remedy=WHERE_IS_IT
    )


def _undecodable(case: _Case) -> VoiceError:
    return BadResponse(f"{case.where} compressed its answer badly: {case.reason}")


def _unloadable(case: _Case) -> VoiceError:
    return ConfigError(
        f"something needed to reach {case.where} is not installed: {case.reason}",
        remedy="install voicecli anew, or unset ALL_PROXY if it names a SOCKS proxy",
    )


def _unsayable(case: _Case) -> VoiceError:
    # What HTTP cannot carry may be the key: it is not repeated.
    return ConfigError(
        f"the request to {case.where} holds characters that HTTP does not allow",
        remedy="copy the key into its variable again",
    )


def _unreachable(case: _Case) -> VoiceError:
    return NetworkError(
        f"{case.where} could not be reached: {case.reason}",
        remedy="check the network and the server",
        retryable=True,
    )


def _cut(case: _Case) -> VoiceError:
    return NetworkError(
        f"the connection was cut after {case.received} bytes",
        remedy="say it again; if it happens every time, the server's log may tell why",
    )


_Faults = tuple[tuple[str, "Callable[[_Case], VoiceError]"], ...]

_FAULTS: _Faults = (
    ("ConnectTimeout", _unaccepted),
    ("TimeoutException", _unanswered),
    ("APITimeoutError", _unanswered),
    ("TimeoutError", _unanswered),
    ("gaierror", _unknown_host),
    ("ConnectionRefusedError", _refused),
    ("SSLError", _insecure),
    ("ProxyError", _proxied),
    ("TooManyRedirects", _going_round),
    ("UnsupportedProtocol", _no_url),
    ("InvalidURL", _no_url),
    ("DecodingError", _undecodable),
    ("ImportError", _unloadable),
    ("LocalProtocolError", _unsayable),
    ("RemoteProtocolError", _no_http),
    ("TransportError", _unreachable),
    ("APIConnectionError", _unreachable),
    ("OSError", _unreachable),
)
"""Class name, of the exception or a base of it or of a cause → our error; the first one counts."""

_FAULTS_OF_BODIES: _Faults = (
    ("TimeoutException", _unanswered),
    ("DecodingError", _undecodable),
    ("TransportError", _cut),
    ("OSError", _cut),
)
"""The same once the body has begun."""
