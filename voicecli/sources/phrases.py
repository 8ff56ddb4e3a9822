"""Split a text into phrases short enough for the built-in voice's network; pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.sources.voicecache import Voice

_MAX_CHARACTERS = 500
"""Longest text turned into phonemes at once, so that a page without a full stop starts soon."""

_MAX_RUN = 32
"""Longest run without white space. Hibari's time for one grows with the cube of its length, to a
minute for 500 characters, and it cannot read numbers of 37 digits. Words are shorter."""

_MAX_PHONEMES = 200
"""Longest input of the network at normal speed: half of Hibari's own limit.

Memory use grows with the length of the sound, by 0.3 MB for each phoneme."""

_LONG_RUN = re.compile(rf"\S{{{_MAX_RUN + 1},}}")
_RUN_PART = re.compile(  # the rest, or up to a punctuation mark, or the longest part allowed
    rf"\S{{1,{_MAX_RUN}}}(?!\S)|\S{{1,{_MAX_RUN - 1}}}[^\w\s]|\S{{1,{_MAX_RUN}}}"
)


def phrases(voice: Voice, text: str, speed: float = 1.0) -> Iterator[str]:
    """Yield the phonemes of a text, in order, in inputs for the network.

    Slow speech has shorter inputs, because the same phonemes make more sound.

    Lazy: a sentence is read when its phonemes are needed. Phrases without a letter are
    left out, so there may be none at all. Raises what the voice raises.
    """
    most = int(_MAX_PHONEMES * min(speed, 1.0))
    for sentence in voice.split_sentences(short_runs(plain_digits(text))):
        for part in pieces(sentence, _MAX_CHARACTERS):
            for phonemes in pieces(voice.g2p(part), most):
                # Punctuation alone has phonemes of its own, which sound like a breath.
                if any(symbol.isalpha() for symbol in phonemes):
                    yield phonemes


def plain_digits(text: str) -> str:
    """Replace digits that are not decimals (H₂O, ①) by plain ones.

    Hibari takes them for numbers and then fails to read them. It knows squares and
    cubes, so those stay.
    """
    return "".join(
        str(unicodedata.digit(character))
        if character.isdigit() and not character.isdecimal() and character not in "²³"
        else character
        for character in text
    )


def short_runs(text: str) -> str:
    """Break each run longer than `_MAX_RUN` by spaces, after punctuation if possible.

    Such runs are paths, addresses, long numbers, and attempts to block the voice.
    """
    return _LONG_RUN.sub(lambda run: " ".join(_RUN_PART.findall(run[0])), text)


def pieces(text: str, limit: int) -> Iterator[str]:
    """Yield ``text`` in parts of at most ``limit`` characters, cut after a clause or word.

    A longer run without white space is cut at the limit.
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
