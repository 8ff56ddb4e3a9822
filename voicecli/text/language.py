"""Guess the language of a text from its script."""

from __future__ import annotations

from bisect import bisect_right

_SCRIPTS = (
    (0x0370, 0x0400, "el"), (0x0400, 0x0530, "ru"), (0x0531, 0x0590, "hy"),
    (0x0590, 0x0600, "he"), (0x0600, 0x0780, "ar"), (0x0900, 0x0980, "hi"),
    (0x0980, 0x0A00, "bn"), (0x0E00, 0x0E80, "th"), (0x1100, 0x1200, "ko"),
    (0x1200, 0x1380, "am"), (0x1F00, 0x2000, "el"), (0x3040, 0x3100, "ja"),
    (0x31F0, 0x3200, "ja"), (0x3400, 0xA000, "zh"), (0xAC00, 0xD7B0, "ko"),
)  # fmt: skip
"""First code point, end (exclusive) and language, sorted."""

_FIRSTS = tuple(first for first, _, _ in _SCRIPTS)


def guess_language(text: str) -> str:
    """Return a language code for the first script in ``text``, ``en`` for Latin.

    Any kana means Japanese, because sentences often begin with a Chinese character.
    """
    if text.isascii():
        return "en"
    found = next(filter(None, map(_language_of, text)), "en")
    return "ja" if found == "zh" and "ja" in map(_language_of, text) else found


def _language_of(character: str) -> str:
    """Return the language of a character's script, or "" for Latin, digits and punctuation."""
    point = ord(character)
    index = bisect_right(_FIRSTS, point) - 1
    return _SCRIPTS[index][2] if index >= 0 and point < _SCRIPTS[index][1] else ""
