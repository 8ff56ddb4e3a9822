"""The ``headers`` of a profile: their values may name environment variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.1: a token."""

_OURS = {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade"}
"""Headers that belong to the message itself."""

_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


def header_table(value: object) -> Mapping[str, str]:
    """Accept a table of headers, as `voicecli.config.values` accepts values."""
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise TypeError("a table of header names and strings")
    for name, text in value.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise TypeError(f"a table of headers that may be set, and {clean(name, 40)!r} may not")
        if not _is_field_value(text):
            raise TypeError("a table of header names and printable strings")
    return value


def expanded(
    headers: Mapping[str, str], env: Mapping[str, str], profile: str
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the headers with their variables' values, and those values, which are secret.

    ``$NAME`` and ``${NAME}`` are variables, ``$$`` is a dollar sign.

    Raises:
        ConfigError: a variable is not set, or its value cannot be part of a header.
    """
    secrets: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        variable = match[1] or match[2]
        if variable is None:
            return "$"
        value = env.get(variable, "").strip()
        if not value or not _is_field_value(value):
            problem = "has characters that a header cannot have" if value else "is not set"
            raise ConfigError(
                f"a header of profile {clean(profile, 60)} needs {variable}, which {problem}",
                remedy=f"export {variable}=...",
            )
        secrets.append(value)
        return value

    made = tuple((name, _REFERENCE.sub(value_of, text)) for name, text in headers.items())
    return made, tuple(secrets)


def _is_field_value(text: str) -> bool:
    return text.isascii() and text.isprintable()
