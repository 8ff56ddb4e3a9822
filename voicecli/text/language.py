"""Guess the language of a text from its script, and from its most frequent words."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from voicecli.text.patterns import lazy_pattern

_SCRIPTS = (
    (0x0370, 0x0400, "el"), (0x0400, 0x0530, "ru"), (0x0531, 0x0590, "hy"),
    (0x0590, 0x0600, "he"), (0x0600, 0x0780, "ar"), (0x0900, 0x0980, "hi"),
    (0x0980, 0x0A00, "bn"), (0x0E00, 0x0E80, "th"), (0x1100, 0x1200, "ko"),
    (0x1200, 0x1380, "am"), (0x1F00, 0x2000, "el"), (0x3040, 0x3100, "ja"),
    (0x31F0, 0x3200, "ja"), (0x3400, 0xA000, "zh"), (0xAC00, 0xD7B0, "ko"),
)  # fmt: skip
"""First code point, end (exclusive) and language, sorted."""

_FIRSTS = tuple(first for first, _, _ in _SCRIPTS)


_FREQUENT_WORDS = {
    "en": "the and is of to in that it for was with on as are he she they this not you at by be "
    "from have an i we my his her",
    "de": "der die das und ist nicht ein eine einen mit auf für von zu den dem des sich auch ich "
    "wir er im am bei siehe wird sind",
    "fr": "le la les des est et une un dans pour que qui pas sur au aux du il elle nous vous ce "
    "sont",
    "es": "el la los las y es una un en por con que para del se su lo desde está véase",
    "it": "il lo la gli di e è un una che per non con del della sono nel nella dei si ed i vedi",
    "pt": "o os as e é um uma que não para com do da em na se ver dos das",
    "nl": "de het een en van is dat niet op te zijn voor met er ik hij zij zie",
    "pl": "i w na z nie się jest to że do jak po ale przy od",
    "tr": "ve bir bu da için ile çok ne var değil gibi daha",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _code, _words in _FREQUENT_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _code)

_LETTERS = (
    ("de", "äöüß"), ("fr", "âçêëîïôûœ"), ("es", "ñ¿¡"), ("it", "òì"), ("pt", "ãõ"),
    ("pl", "łąęśżźćń"), ("tr", "ğşıİ"),
)  # fmt: skip
"""Letters that are frequent in one language and rare in the others."""

_LETTER_WEIGHT = 2
_MARGIN = 2
"""By how much a language must be ahead of English."""

_LOOK_BACK = 300
_WORDS = lazy_pattern(r"[^\W\d_]+")


class Language(NamedTuple):
    """The language of a text: a code such as ``de`` or pt-BR, or ``before``, the text so far."""

    code: str | None = None
    before: str = ""

    def of(self, text: str) -> str:
        """Return the code, without a region, or else a guess for ``text``."""
        if self.code:
            return self.code.partition("-")[0].lower()
        guess = guess_language(text)
        return guess_latin(f"{self.before} {text}"[-_LOOK_BACK:]) if guess == "en" else guess

    def after(self, text: str) -> Language:
        """Return the language for what follows ``text``."""
        return self if self.code else Language(None, f"{self.before} {text}"[-_LOOK_BACK:])


UNKNOWN = Language()


@lru_cache(maxsize=4)  # one full stop asks several times
def guess_latin(text: str) -> str:
    """Return the language of a text in Latin script by its frequent words and letters.

    ``en`` unless another is clearly ahead: the guess only decides about full stops.
    """
    scores = dict.fromkeys(_FREQUENT_WORDS, 0)
    for word in _WORDS.findall(text.lower()):
        for code in _LANGUAGES_OF.get(word, ()):
            scores[code] += 1
    if not text.isascii():
        for code, letters in _LETTERS:
            scores[code] += _LETTER_WEIGHT * sum(letter in letters for letter in text)
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= scores["en"] + _MARGIN else "en"


def guess_language(text: str) -> str:
    """Return a language code for the first script in ``text``, ``en`` for Latin script.

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
