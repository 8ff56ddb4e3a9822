"""One server: where it is, and what goes with each request to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYLESS = "voicecli"
"""The placeholder sent if there is no key."""

_PUBLIC_HEADERS = (
    "accept", "content-type", "http-referer", "referer", "user-agent", "x-stainless-", "x-title",
)  # fmt: skip
"""Beginnings of the names of headers whose values are not secret, but may be ordinary words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server's URL and what only it may get.

    Attributes:
        base_url: without credentials and a trailing slash.
        api_key: sent as a bearer token; None sends none.
        headers: further headers, names and values; ``Authorization`` replaces the key.
        allow_redirects_to: origins (``https://host:port``) that may get the text if the
            server redirects there. They never get the key or the headers.
        secrets: what must not be shown, besides the key and the values of headers.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    allow_redirects_to: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def has_key(self) -> bool:
        """Whether a key is sent that is more than a placeholder."""
        names = {name.lower() for name, _ in self.headers}
        return "authorization" in names or self.api_key not in (None, "", KEYLESS)

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown if the server repeats it."""
        return tuple(self._all_secrets())

    def _all_secrets(self) -> Iterator[str]:
        yield from self.secrets
        if self.api_key and self.api_key != KEYLESS:
            yield self.api_key
        for name, value in self.headers:
            if not name.lower().startswith(_PUBLIC_HEADERS):
                yield value
                yield value.rpartition(" ")[2]  # without "Bearer"


def origin_of(url: str) -> str:
    """Return the scheme, host and port of an http or https URL, spelled in one way.

    Raises:
        ValueError: it is not such a URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host.rstrip('.')}:{port}"
