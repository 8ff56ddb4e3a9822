"""Validate base URLs, and classify hosts to decide which key they may receive."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from voicecli.errors import ConfigError
from voicecli.sanitize import clean

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"

_MAX_HOST = 253

_CUT_SCHEME = re.compile(r"(https?):/(?!/)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)

SOURCE_ENTRY_POINTS = "voicecli.sources"
"""Group of entry points: URL scheme → callable that makes a source."""


class BaseUrl(NamedTuple):
    """A base URL, and the user and password that were in it, if any."""

    url: str
    login: tuple[str, str] | None = None


def parse_base_url(url: str, setting: str) -> BaseUrl:
    """Normalise a base URL that came from the flag or variable ``setting``.

    Surrounding white space, credentials, a trailing slash and a trailing
    ``/audio/speech`` are removed. A URL without a scheme becomes http on loopback hosts
    only; for other hosts the user must choose between http and https.

    Raises:
        ConfigError: the URL is malformed or not allowed. Nothing after the host is
            repeated in the message, since it may contain a secret.
    """
    url = url.strip()
    shown = showable(url)
    if not url or not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>'):
        # Not repeated: part of it may be a password.
        raise ConfigError(f"{setting} is not a URL", remedy="example: http://localhost:8880/v1")
    if "://" in url:
        parts = _split(url, setting, shown)
    else:
        parts = _split("http://" + url.lstrip("/"), setting, shown)
        if not is_loopback(parts.hostname or ""):
            raise ConfigError(
                f"{setting} has no scheme: {shown!r}",
                remedy=f"use {_with_scheme(shown)}",
            )
    _check_parts(parts, setting, shown)
    path = parts.path.rstrip("/").removesuffix("/audio/speech")
    login, _, address = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return BaseUrl(
        f"{parts.scheme}://{address}{path}".rstrip("/"),
        (unquote(user), unquote(password)) if login else None,
    )


def _with_scheme(url: str) -> str:
    """Return a URL with ``https://`` in front, or with the slash it lacks in ``http:/host``."""
    if cut := _CUT_SCHEME.match(url):
        return f"{cut[1].lower()}://{url[cut.end() :]}"
    return f"https://{url.lstrip('/')}"


def _check_parts(parts: SplitResult, setting: str, shown: str) -> None:
    """Check the parts of a well-formed URL; raises as `parse_base_url`."""
    is_http = parts.scheme in ("http", "https")
    if not is_http and not _has_source(parts.scheme):
        raise ConfigError(
            f"{setting} must begin with http:// or https://, not {clean(parts.scheme, 20)}://"
        )
    if not is_http and "@" in parts.netloc:
        raise ConfigError(f"{setting} cannot contain credentials for {shown!r}")
    if not parts.hostname:
        raise ConfigError(f"{setting} has no host: {shown!r}")
    if is_http and not is_host(parts.hostname):
        raise ConfigError(f"{setting} has no valid host: {shown!r}")
    if parts.query or parts.fragment:
        raise ConfigError(f"{setting} must not contain a query or fragment: {shown!r}")
    if parts.hostname == OPENAI_HOST and parts.scheme == "http":
        raise ConfigError(f"{OPENAI_HOST} requires https", remedy=f"use {OPENAI_URL}")
    if parts.hostname == OPENAI_HOST and "@" in parts.netloc:
        raise ConfigError(
            f"{setting} contains credentials for {shown!r}",
            remedy="remove them, and put the key in OPENAI_API_KEY",
        )


def is_host(host: str) -> bool:
    """Whether this is an IP address or a name that DNS could have (RFC 1035, 2.3.4)."""
    import ipaddress  # noqa: PLC0415  urllib.parse has it loaded on some versions only

    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= _MAX_HOST and _HOST.fullmatch(host) is not None
    return True


def _has_source(scheme: str) -> bool:
    """Return whether an installed package adds a source for URLs of this scheme."""
    from importlib.metadata import entry_points  # noqa: PLC0415  reads every package's metadata

    return bool(entry_points(group=SOURCE_ENTRY_POINTS, name=scheme))


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine, judged without a lookup."""
    import ipaddress  # noqa: PLC0415  urllib.parse has it loaded on some versions only

    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_openai(url: str) -> bool:
    """Whether a URL is OpenAI's own: https, exactly that host, the default port."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname == OPENAI_HOST and parts.port in (None, 443)


def showable(url: str) -> str:
    """Return the part of a URL, well-formed or not, that cannot hold a secret."""
    before_query = url.partition("?")[0].partition("#")[0]
    if "@" in url:
        # A password may itself contain ? or #, so only what follows the last @ is safe.
        return clean(before_query.rpartition("@")[2], 80) if "@" in before_query else "..."
    scheme, slashes, rest = before_query.rpartition("//")
    host, _, port = rest.partition("/")[0].partition(":")
    if port and not port.isdigit() and not host.startswith("["):  # perhaps a password
        return clean(scheme + slashes + host, 60) + ":..."
    return clean(before_query, 80)


def _split(url: str, setting: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed on access: raises for 8880x and 99999
    except ValueError:  # neither chained nor quoted: its text may repeat a password
        raise ConfigError(f"{setting} is not a URL: {shown!r}") from None
    return parts
