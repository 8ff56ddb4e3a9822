"""Choose the proxy for a server: the given one, else the environment's.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` are read as by
`urllib.request`, which asks macOS for its settings as well. Desktops export SOCKS
proxies as ``socks://``, which means SOCKS 5.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from voicecli.config.urls import is_host, is_loopback, showable
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

SCHEMES = ("http", "https", "socks5", "socks5h")

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

_SYNONYMS = {"socks": "socks5"}


class Proxy(NamedTuple):
    """A proxy's URL, and the flag or variable that names it."""

    url: str
    setting: str

    @property
    def shown(self) -> str:
        """The URL without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def proxy_for(base_url: str, given: str | None = None) -> Proxy | None:
    """Return the proxy to use for a server, None for a direct connection.

    ``given`` overrides the environment. The environment's proxies are not used for hosts
    of this machine, which no proxy can reach on its behalf.

    Raises:
        ConfigError: the environment names a proxy that cannot be used.
    """
    if given is not None:
        return parse_proxy(given, "--proxy")
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  httpx2 imports it too

    found = {scheme: url for scheme, url in getproxies().items() if url}
    scheme = parts.scheme if parts.scheme in found else "all"
    if scheme not in found or proxy_bypass(parts.netloc) or proxy_bypass(host):
        return None
    return parse_proxy(found[scheme], f"{scheme.upper()}_PROXY")


def parse_proxy(url: str, setting: str) -> Proxy:
    """Normalise a proxy's URL; one without a scheme is http.

    Raises:
        ConfigError: it is not the URL of a proxy that can be used. User and password are
            not repeated.
    """
    match = _SCHEME.match(url)
    scheme = match[1].lower() if match else "http"
    scheme = _SYNONYMS.get(scheme, scheme)
    rest = url[match.end() :] if match else url
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES[:-1])
        raise ConfigError(
            f"{setting} names a proxy of a kind that voicecli cannot use: {clean(scheme, 20)}://",
            remedy=f"it can use {known}; or name the server in NO_PROXY",
        )
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        is_usable = is_host(parts.hostname or "") and parts.port != 0 and url.isascii()
    except ValueError:  # half an IPv6 address, or an invalid port
        is_usable = False
    if not is_usable or not url.isprintable():
        raise ConfigError(
            f"{setting} is not the URL of a proxy: {showable(url)!r}",
            remedy="it has the form http://HOST:PORT",
        )
    return Proxy(f"{parts.scheme}://{parts.netloc}", setting)
