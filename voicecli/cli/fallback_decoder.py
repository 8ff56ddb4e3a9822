"""Decode text that is partly UTF-8 and partly in an older encoding; pure.

A file that two programs wrote, or several files laid end to end, is in two encodings. Few
words in another encoding are valid UTF-8, and those few are rare letters if read so. So each
word shows which encoding it is in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.cli.letters import is_in_use, surprise_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

HIGH_WORD = re.compile(rb"[^\t-\r ]*[\x80-\xff][^\t-\r ]*")
"""A word, with what surrounds it, that has bytes beyond ASCII."""

_OPEN_WORD = re.compile(rb"[^\t-\r ]*\Z")

_UTF8_BITS = 10.0
"""How rare a word of UTF-8 is in a text that is in another encoding."""

_MAX_WORD_BYTES = 8 * 1024
"""A longer word is decoded as far as it has come. Chinese has no spaces."""


class FallbackDecoder:
    """Decodes bytes in pieces of any size, word by word: UTF-8, or else the fallback.

    Args:
        fallback: an encoding in which white space is that of ASCII. Bytes that it does not have
            are left out.
        languages: those of the text, if most of it is in the fallback. A word that is valid
            UTF-8 must then be more usual as UTF-8: it may be valid by chance.
    """

    def __init__(self, fallback: str, languages: Sequence[str] = ()) -> None:
        self._fallback = fallback
        self._languages = languages
        self.held = b""
        """A word that may continue."""

    def decode(self, data: bytes, final: bool = False) -> str:  # noqa: FBT001  as in `codecs`
        """Return the text of all whole words; of all there is if ``final``."""
        data, self.held = self.held + data, b""
        word = _OPEN_WORD.search(data)
        if not final and word and not word[0].isascii() and len(word[0]) < _MAX_WORD_BYTES:
            data, self.held = data[: word.start()], word[0]
        text: list[str] = []
        at = 0
        for high in HIGH_WORD.finditer(data):
            text += data[at : high.start()].decode(), self._decoded(high[0])
            at = high.end()
        return "".join((*text, data[at:].decode()))

    def _decoded(self, word: bytes) -> str:
        text = utf8_word(word)
        if text is not None and (not self._languages or self._is_more_usual(text, word)):
            return text
        return word.decode(self._fallback, "ignore")

    def _is_more_usual(self, text: str, word: bytes) -> bool:
        """Whether ``text``, the word as UTF-8, is more usual than the word in the fallback."""
        other = word.decode(self._fallback, "replace")
        bits = (surprise_bits(text, language) for language in self._languages)
        other_bits = (surprise_bits(other, language) for language in self._languages)
        return min(bits) + _UTF8_BITS <= min(other_bits)


def utf8_word(word: bytes) -> str | None:
    """Return a word that is UTF-8 as text, None if it is not, or only by chance."""
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return None
    return text if all(map(is_in_use, text)) else None
