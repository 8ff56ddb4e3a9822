"""Base URLs: which are taken, and what their spelling says about whom a key may go to."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from voicecli.errors import ConfigError
from voicecli.sanitize import clean

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"


def check_url(url: str, said_by: str) -> str:
    """A base URL without its trailing slash, or a `ConfigError` that shows the corrected form.

    What copying brings along goes: white space around it, and the path of speech behind it.
    ``localhost:8880/v1``, without a scheme, is taken as http for loopback hosts
    only: elsewhere the choice between http and https is not ours to guess.
    Nothing past the host is repeated in an error, as it may hold a secret.
    """
    url = url.strip()
    shown = _showable(url)
    if not url or not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>'):
        raise ConfigError(f"{said_by} is no URL: {shown!r}", remedy="e.g. http://localhost:8880/v1")
    if "://" not in url:
        parts = _split("http://" + url.lstrip("/"), said_by, shown)
        if not is_loopback(parts.hostname or ""):
            raise ConfigError(
                f"{said_by} has no scheme: {shown!r}", remedy=f"write https://{shown.lstrip('/')}"
            )
    else:
        parts = _split(url, said_by, shown)
    if parts.scheme not in ("http", "https"):
        raise ConfigError(
            f"{said_by} must begin with http:// or https://, not {clean(parts.scheme, 20)}://"
        )
    if "@" in parts.netloc:
        raise ConfigError(
            f"{said_by} has credentials in it, for {shown!r}",
            remedy="leave them out, and put the key in VOICECLI_API_KEY",
        )
    if not parts.hostname:
        raise ConfigError(f"{said_by} names no host: {shown!r}")
    if parts.query or parts.fragment:
        raise ConfigError(f"{said_by} must end with its path, without ? and #: {shown!r}")
    if parts.scheme == "http" and parts.hostname == OPENAI_HOST:
        raise ConfigError(f"{OPENAI_HOST} is reached over https only", remedy=f"use {OPENAI_URL}")
    path = parts.path.rstrip("/").removesuffix("/audio/speech")
    return f"{parts.scheme}://{parts.netloc}{path}".rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, as far as its spelling tells."""
    import ipaddress  # noqa: PLC0415  urllib.parse has it loaded on some versions only

    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_openai(url: str) -> bool:
    """Whether a URL is OpenAI's own: https, that exact host, no port of one's own."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname == OPENAI_HOST and parts.port in (None, 443)


def _showable(url: str) -> str:
    """The part of a URL, well-formed or not, that cannot hold a secret."""
    before_query = url.partition("?")[0].partition("#")[0]
    if "@" not in url:
        return clean(before_query, 80)
    # A password may itself hold ? or #, so only what follows the last @ is safe.
    return clean(before_query.rpartition("@")[2], 80) if "@" in before_query else "..."


def _split(url: str, said_by: str, shown: str) -> SplitResult:
    """``urlsplit``, with its two kinds of refusal mapped."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed on demand: raises for 8880x and 99999
    except ValueError:  # not chained, not quoted: it repeats what may be a password
        raise ConfigError(f"{said_by} is no URL: {shown!r}") from None
    return parts
