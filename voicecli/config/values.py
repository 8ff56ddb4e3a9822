"""What a setting may be: checks of values that came out of a TOML file.

Each takes what the file holds and returns what the program wants of it. What is
wrong is a TypeError whose text is what was expected instead, to be put behind
"must be".
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")

Check: TypeAlias = "Callable[[object], _T]"


def text(value: object) -> str:
    """A text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise TypeError("a text that is not empty")
    return value


def number(low: float, high: float) -> Check[float]:
    """A number from ``low`` to ``high``, both included."""

    def check(value: object) -> float:
        # bool is an int to Python; "not (a <= b)" also catches TOML's nan.
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise TypeError(f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def whole(low: int, high: int) -> Check[int]:
    """A whole number from ``low`` to ``high``, both included."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise TypeError(f"a whole number from {low} to {high}")
        return value

    return check


def word_or(word: str, check: Check[_T]) -> Check[_T | str]:
    """One word, or whatever else passes."""

    def check_either(value: object) -> _T | str:
        if value == word:
            return word
        try:
            return check(value)
        except TypeError as error:
            raise TypeError(f'"{word}" or {error}') from None

    return check_either


def device(value: object) -> str:
    """A device's index or part of its name; an index is kept as text, as the flag would give it."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    raise TypeError("a device's index or part of its name")


def folder(value: object) -> Path:
    """A path; ``~`` is the home of whoever runs the program."""
    return Path(text(value)).expanduser()


def body(value: object) -> Mapping[str, object]:
    """A table that JSON can say; it cannot be written to."""
    if not isinstance(value, dict) or not all(map(_is_json, value.values())):
        raise TypeError("a table of texts, numbers, booleans, lists and tables")
    return MappingProxyType(value)


def _is_json(value: object) -> bool:
    """Whether JSON can say it; TOML knows dates and times besides."""
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int | float)
