"""Validate values from a TOML file.

Each check converts a raw value to what the program uses. For a wrong value it
raises a TypeError whose text completes the sentence "must be ...".
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from voicecli.config.server import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")

Check: TypeAlias = "Callable[[object], _T]"


def text(value: object) -> str:
    """Accept a string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise TypeError("a non-empty string")
    return value


def names(value: object) -> tuple[str, ...]:
    """Accept a list of names."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise TypeError("a list of names")
    return tuple(value)


def number(low: float, high: float) -> Check[float]:
    """Accept a number from ``low`` to ``high``, both included."""

    def check(value: object) -> float:
        # bool is an int to Python; TOML knows nan, which no comparison admits.
        if isinstance(value, bool) or not isinstance(value, int | float):
            value = math.nan
        if not low <= value <= high:
            raise TypeError(f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def integer(low: int, high: int) -> Check[int]:
    """Accept an integer from ``low`` to ``high``, both included."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise TypeError(f"an integer from {low} to {high}")
        return value

    return check


def boolean(value: object) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def choice(*words: str) -> Check[str]:
    """Accept one of ``words``."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise TypeError(" or ".join(f'"{word}"' for word in words))
        return value

    return check


def keyword_or(keyword: str, check: Check[_T]) -> Check[_T | str]:
    """Accept ``keyword``, or whatever ``check`` accepts."""

    def check_either(value: object) -> _T | str:
        if value == keyword:
            return keyword
        try:
            return check(value)
        except TypeError as error:
            raise TypeError(f'"{keyword}" or {error}') from None

    return check_either


def device(value: object) -> str:
    """Accept a device index or part of a name; an index becomes a string, as from the flag."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    raise TypeError("a device's index or part of its name")


def folder(value: object) -> Path:
    """Accept a path, with ``~`` for the user's home."""
    return Path(text(value)).expanduser()


def origins(value: object) -> tuple[str, ...]:
    """Accept a list of origins, ``https://host:port`` without a path."""
    try:
        return tuple(map(_origin, value if isinstance(value, list) else [None]))
    except (ValueError, AttributeError, TypeError):
        raise TypeError("a list of origins such as https://tts.example:8443") from None


def _origin(url: object) -> str:
    host = str(url).partition("://")[2]
    if set(host) & set("/?#@"):
        raise ValueError(url)
    return origin_of(str(url))


def json_table(value: object) -> Mapping[str, object]:
    """Accept a table that JSON can represent."""
    if not isinstance(value, dict) or not is_json(value):
        raise TypeError("a table of strings, numbers, booleans, lists and tables")
    return value


def is_json(value: object) -> bool:
    """Whether JSON can represent it; TOML also has dates, times, infinity and NaN.

    A text with half a surrogate pair, which JSON can write, cannot be sent.
    """
    if isinstance(value, dict):
        return all(map(is_json, (*value, *value.values())))
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int)
