"""A text as the built-in voice takes it: in phrases, each short enough for its network; pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.sources.voicecache import Voice

_MAX_CHARACTERS = 500
"""Longest text turned into phonemes at once: a page without a full stop must not hold sound up."""

_MAX_RUN = 32
"""Longest run without white space: Hibari's time for one grows with the cube of its parts, to a
minute for 500 characters, and it cannot read numbers of 37 digits. Words end before."""

_MAX_PHONEMES = 400
"""Longest input of the network, Hibari's own limit; its memory grows with the length."""

_LONG_RUN = re.compile(rf"\S{{{_MAX_RUN + 1},}}")
_RUN_PART = re.compile(  # the rest, up to a mark, or as much as may be
    rf"\S{{1,{_MAX_RUN}}}(?!\S)|\S{{1,{_MAX_RUN - 1}}}[^\w\s]|\S{{1,{_MAX_RUN}}}"
)


def phrases(voice: Voice, text: str) -> Iterator[str]:
    """The phonemes of a text, as much as the network takes at once, in order.

    Sentences are looked at one by one, as they are asked for. What would come out
    as mere noise is left out, so there may be none at all. Raises what the voice does.
    """
    for sentence in voice.split_sentences(short_runs(plain_digits(text))):
        for part in pieces(sentence, _MAX_CHARACTERS):
            for phonemes in pieces(voice.g2p(part), _MAX_PHONEMES):
                # Punctuation alone has phonemes of its own: a breath that nobody asked for.
                if any(symbol.isalpha() for symbol in phonemes):
                    yield phonemes


def plain_digits(text: str) -> str:
    """The text with digits that are no decimals (H₂O, ①) as plain ones.

    Hibari takes them for numbers and then cannot read them as such. It knows
    squares and cubes, so those stay.
    """
    return "".join(
        str(unicodedata.digit(character))
        if character.isdigit() and not character.isdecimal() and character not in "²³"
        else character
        for character in text
    )


def short_runs(text: str) -> str:
    """The text with a space within each run that is longer than `_MAX_RUN`: behind a mark, or so.

    Such runs are paths, addresses and long numbers, and what somebody sends on purpose.
    """
    return _LONG_RUN.sub(lambda run: " ".join(_RUN_PART.findall(run[0])), text)


def pieces(text: str, limit: int) -> Iterator[str]:
    """``text`` in parts of at most ``limit`` characters, cut after a clause, else a word.

    A run longer than ``limit`` without white space is cut where it must be.
    """
    while len(text) > limit:
        window = text[: limit + 1]
        clause = max(window.rfind(mark) for mark in (", ", "; ", ": ", "— "))
        cut = clause + 1 if clause > 0 else window.rfind(" ")
        cut = cut if cut > 0 else limit
        yield text[:cut]
        text = text[cut:].lstrip()
    if text:
        yield text
