"""Decide which redirects to follow: those that send the text nowhere else.

A redirect within the origin of the base URL keeps the key and the headers. One to another
origin is followed only if the profile allows it, without them. None leads from https to
plain http.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from voicecli.config.server import origin_of
from voicecli.config.urls import is_host, showable
from voicecli.errors import BadResponse
from voicecli.sanitize import clean
from voicecli.sources.remedies import CHECK_BASE_URL, USE_HTTPS

if TYPE_CHECKING:
    from voicecli.config.server import Server


def check_redirect(server: Server, requested: str, location: str) -> None:
    """Check that a redirect, of a request for the URL ``requested``, may be followed.

    Raises:
        BadResponse: it leads to no usable address, or to one that must not get the text.
    """
    target = _target(requested, location)
    if target is None:
        raise BadResponse(
            f"{clean(server.base_url, 200)} redirects to an unusable address: "
            f"{showable(location)!r}",
            remedy=CHECK_BASE_URL,
        )
    check_origin(server, target)


def check_origin(server: Server, url: str) -> bool:
    """Check that a request for ``url`` may be made; return whether it is the server's own.

    Raises:
        BadResponse: it is the address of another server, which must not get the text.
    """
    own, origin = origin_of(server.base_url), origin_of(url)
    if origin == own:
        return True
    where, shown = clean(server.base_url, 200), clean(origin, 200)
    if own.startswith("https:") and origin.startswith("http:"):
        raise BadResponse(
            f"{where} redirects to {shown}, which is not encrypted",
            remedy="nothing was sent there; ask the server's operator",
        )
    if origin not in server.allow_redirects_to:
        was, now = urlsplit(own), urlsplit(origin)
        is_upgrade = was.hostname == now.hostname and (was.scheme, now.scheme) == ("http", "https")
        remedy = f'if you trust it: --base-url, or allow_redirects_to = ["{shown}"] in a profile'
        raise BadResponse(
            f"{where} redirects to another server, {shown}",
            remedy=USE_HTTPS if is_upgrade else remedy,
        )
    return False


def _target(requested: str, location: str) -> str | None:
    """Return the address that a redirect leads to, None if it is unusable."""
    try:
        parts = urlsplit(location)
        target = urljoin(requested, location)
        origin = urlsplit(origin_of(target))
    except ValueError:
        return None
    is_usable = location.isascii() and location.isprintable() and is_host(origin.hostname or "")
    is_whole = bool(parts.netloc) or not (parts.scheme or location.startswith("//"))
    return target if is_usable and is_whole else None
