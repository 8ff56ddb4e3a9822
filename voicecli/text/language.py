"""The language of a text, guessed by its script."""

from __future__ import annotations

from voicecli.text.patterns import lazy_pattern

_SCRIPTS = (
    ("ja", "\u3040-\u30ff\u31f0-\u31ff"),
    ("ko", "\u1100-\u11ff\uac00-\ud7af"),
    ("zh", "\u3400-\u4dbf\u4e00-\u9fff"),
    ("ru", "\u0400-\u052f"),
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("ar", "\u0600-\u06ff\u0750-\u077f"),
    ("he", "\u0590-\u05ff"),
    ("hi", "\u0900-\u097f"),
    ("bn", "\u0980-\u09ff"),
    ("hy", "\u0530-\u058f"),
    ("am", "\u1200-\u137f"),
    ("th", "\u0e00-\u0e7f"),
)
_PATTERNS = tuple((code, lazy_pattern(f"[{characters}]")) for code, characters in _SCRIPTS)
_ANY = lazy_pattern("[" + "".join(characters for _, characters in _SCRIPTS) + "]")


def guess_language(text: str) -> str:
    """Return the language code of the script that ``text`` uses first, ``en`` for Latin.

    Kana anywhere makes it Japanese: sentences often begin with a Chinese character.
    """
    if text.isascii() or not (first := _ANY.search(text)):
        return "en"
    for code, pattern in _PATTERNS:
        if pattern.match(first[0]):
            return "ja" if code == "zh" and _PATTERNS[0][1].search(text) else code
    raise AssertionError("the pattern of all scripts is made of theirs")
