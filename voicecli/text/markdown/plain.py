"""Spoken text of plain text: short URLs, no emoji."""

from __future__ import annotations

import re
from typing import NamedTuple

from voicecli.text.patterns import lazy_pattern

_EMOJI = (
    "\U0001f000-\U0001faff\U000e0020-\U000e007f\u2600-\u27bf\u2b50\u2b55\u231a\u231b"
    "\u23e9-\u23fa\ufe0f\u20e3"
)
_URL = r"(?<![\w@])(?:https?://|www\.)[^\s<>\"`|]+"
_EMOJIS = rf"(?P<emoji>[{_EMOJI}](?:[\u200d \t]*[{_EMOJI}])*)"
_MARKS = lazy_pattern(rf"(?P<url>{_URL})|{_EMOJIS}", re.IGNORECASE)
_MARKDOWN_MARKS = lazy_pattern(
    rf"(?P<url>{_URL})|{_EMOJIS}"
    r"|(?<![\w)\]])\[(?P<label>[^\[\]]+)\]\[[^\[\]]*\]|\[\^[^\]\s]+\]:?",
    re.IGNORECASE,
)
_ENDS = ".!?…:;"
_CLOSES = f"{_ENDS},)]"
_EMOJI_TAIL = rf"[{_EMOJI}][{_EMOJI}\u200d \t]*"
_UNFINISHED = lazy_pattern(
    rf"(?<![\w@])(?:https?:?/?|htt?|h|ww?w?)\Z|(?<=[^\s{_ENDS}])[ \t]+(?:{_EMOJI_TAIL})?\Z"
    rf"|{_EMOJI_TAIL}\Z",
    re.IGNORECASE,
)
_HOST = lazy_pattern(r"(?:https?://)?(?:[^/?#@]*@)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)
_AFTER_URL = ".,;:!?'*_~"


class Piece(NamedTuple):
    """A piece of spoken text and its position in the text it was made from."""

    text: str
    begin: int
    end: int


def spoken_plain(
    text: str, begin: int = 0, end: int | None = None, *, markdown: bool = False
) -> list[Piece]:
    """Return ``text[begin:end]`` without emoji and with URLs shortened to their hosts.

    The space before an emoji goes with it if punctuation follows.

    With ``markdown``, reference links speak their text and footnote references are silent.
    """
    found: list[Piece] = []
    at, end = begin, len(text) if end is None else end
    for match in (_MARKDOWN_MARKS if markdown else _MARKS).finditer(text, begin, end):
        before, following = text[at : match.start()], text[match.end() : match.end() + 1]
        if match["emoji"] and following and following in _CLOSES:
            kept = before.rstrip(" \t")
            before = before if kept and kept[-1] in _ENDS else kept
        if before:
            found.append(Piece(before, at, at + len(before)))
        at = match.end()
        if match["url"]:
            at = match.start() + len(_without_punctuation(match["url"]))
            host = _HOST.match(text, match.start(), at)
            spoken = host[1] if host else text[match.start() : at]
            found.append(Piece(spoken, match.start(), at))
        elif markdown and match["label"]:
            found.append(Piece(match["label"], match.start("label"), match.end("label")))
    if at < end:
        found.append(Piece(text[at:end], at, end))
    return found


def may_go_on(text: str, begin: int) -> int | None:
    """Return the start of a URL or emoji that may be incomplete at the end of ``text``.

    The space before an emoji belongs to it, so a space may have to wait too.
    """
    match = _UNFINISHED.search(text, max(begin, len(text) - 200))
    return match.start() if match else None


def _without_punctuation(url: str) -> str:
    """Return ``url`` without trailing punctuation that belongs to the sentence."""
    while url:
        closes = (url[-1] == ")" and url.count(")") > url.count("(")) or (
            url[-1] == "]" and "[" not in url
        )
        if not closes and url[-1] not in _AFTER_URL:
            break
        url = url[:-1]
    return url
