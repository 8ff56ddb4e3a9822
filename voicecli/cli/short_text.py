"""Speak a short plain text as one segment, whose request does not wait for the text stage.

Loading the stage and cutting a text into sentences takes some 20 ms. The one request of a
short text holds all of them anyway, so they are found while the server thinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.text.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.text.segment import Sentence

SHORT_TEXT = 240
"""As in `voicecli.text.grouping`, which takes too long to import."""

_PLAIN = frozenset(" .,;:!?'\"()-%$€£=’‘“”–—…")


def is_short_and_plain(text: str) -> bool:
    """Return whether a complete text is short, and is spoken as it is written.

    It is one line without anything that may be Markdown, an address or an emoji.
    """
    return (
        len(text) <= SHORT_TEXT
        and all(character.isalnum() or character in _PLAIN for character in text)
        and any(character.isalnum() for character in text)
        and not text.startswith(("-", "="))
        and "www." not in text.lower()
    )


class ShortText(Segment):
    """A whole text in one segment; its sentences are found when they are first needed.

    That is when its place in the sound is prepared, after the request has left.
    """

    __slots__ = ("_find", "_found", "_spoken")
    _find: Callable[[str], Sequence[Sentence]]
    _found: tuple[Sentence, ...]
    _spoken: str

    def __init__(self, text: str, find: Callable[[str], Sequence[Sentence]]) -> None:
        values = {"number": 0, "part": 0, "_spoken": " ".join(text.split()), "_found": ()}
        for name, value in {**values, "_find": find}.items():
            object.__setattr__(self, name, value)  # segments are frozen

    @property
    def text(self) -> str:
        """The text as spoken."""
        return self._spoken

    @property
    def voice(self) -> None:
        """None: the voice of the settings."""
        return

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """The sentences of the text."""
        if not self._found:
            object.__setattr__(self, "_found", tuple(self._find(self._spoken)))
        return self._found
