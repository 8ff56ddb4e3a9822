"""Parsers and checks of the values of options."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicecli.cli.text_input import as_unicode
from voicecli.config.file import AUTO
from voicecli.config.values import is_json
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

NORMAL_RATE = 175
"""Words a minute at speed 1: what `say` of macOS and espeak speak by default."""

MAX_PORT = 65_535
"""The last number that TCP has for a port."""

_STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")

_ORIGIN = re.compile(
    r"\*|null|[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^/\s@?#:\[\]]+)(:(?P<port>\d{1,5}))?/?",
    re.IGNORECASE,
)


def milliseconds(low: float, high: float) -> Callable[[str], Any]:
    """Make a parser of milliseconds or `AUTO`."""

    def parse(value: str) -> Any:
        if value == AUTO:
            return AUTO
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not low <= number <= high:  # nan fails as well
            raise typer.BadParameter(f"{value!r} is not {AUTO} or from {low:g} to {high:g}")
        return number

    return parse


buffer_ms = milliseconds(0, 60_000)
"""Parse how much to buffer before playback."""

latency_ms = milliseconds(5, 2_000)
"""Parse how much a device buffers."""


def speed_of_rate(words_per_minute: float | None) -> float | None:
    """Convert words a minute to a factor."""
    if words_per_minute is None:
        return None
    slowest, fastest = NORMAL_RATE // 4, NORMAL_RATE * 4
    if not slowest <= words_per_minute <= fastest:
        raise typer.BadParameter(
            f"{words_per_minute:g} words a minute is not from {slowest} to {fastest}; "
            "--speed takes a factor"
        )
    return max(0.25, words_per_minute / NORMAL_RATE)


def saved_file(path: Path | None) -> Path | None:
    """Give standard output one name."""
    return Path("-") if str(path) in _STANDARD_OUTPUT else path


def proxy_url(value: str | None) -> str | None:
    """Check the URL of a proxy."""
    if value is None:
        return None
    from voicecli.sources.proxies import parse_proxy  # noqa: PLC0415  only if one is given

    try:
        return parse_proxy(value, "--proxy").url
    except ConfigError as error:
        raise typer.BadParameter(f"{error.message}; {error.remedy}") from None


def web_origins(values: list[str] | None) -> list[str] | None:
    """Return origins as browsers spell them: in small letters, without a slash at the end."""
    for value in values or ():
        match = _ORIGIN.fullmatch(value)
        if not match or int(match["port"] or 0) > MAX_PORT:
            raise typer.BadParameter(f"{value!r} is not an origin such as https://app.example")
    return values and [value.removesuffix("/").lower() for value in values]


def extra_fields(pairs: list[str] | None) -> dict[str, Any]:
    """Parse ``KEY=JSON`` pairs; a value that is not JSON is used as a string.

    Raises:
        typer.BadParameter: one of them is no such pair.
    """
    fields: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"--extra {pair!r} does not have the form KEY=JSON")
        try:
            parsed = json.loads(value)
            is_sendable = is_json(parsed)
        except (ValueError, RecursionError):
            is_sendable = False
        fields[as_unicode(key)] = parsed if is_sendable else as_unicode(value)
    return fields
