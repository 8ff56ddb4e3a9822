"""Skip the reasoning of language models: text between ``<think>`` and ``</think>``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.text.fragment import Break, Fragment
from voicecli.text.patterns import lazy_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES = ("think", "thinking", "thought", "reasoning")
_ATTRIBUTES = r"(?:\s[^<>]{0,100})?"
_OPEN = lazy_pattern(rf"<({'|'.join(_NAMES)}){_ATTRIBUTES}>", re.IGNORECASE)
_CLOSE = lazy_pattern(rf"</({'|'.join(_NAMES)}){_ATTRIBUTES}>", re.IGNORECASE)
_BEGINS = lazy_pattern(rf"</?({'|'.join(_NAMES)}){_ATTRIBUTES}>?", re.IGNORECASE)
_TAGS = [tag for name in _NAMES for tag in (f"<{name}>", f"</{name}>")]

_FENCE = lazy_pattern(r"[ \t>]*(`{3,}|~{3,})[ \t]*(.*)")
_MAX_LINE = 200
"""Beginning of a line that is looked at: a fence is shorter."""


class FenceTracker:
    """Follows Markdown's fenced code in text that arrives in pieces.

    Its fences may be indented, as in a list, or quoted.
    """

    def __init__(self) -> None:
        self._line = ""
        self._fence = ""

    @property
    def is_inside(self) -> bool:
        """Whether the text that follows is code."""
        return bool(self._fence)

    def feed(self, text: str) -> None:
        """Follow ``text``."""
        *ended, rest = text.split("\n")
        for line in ended:
            self._end_line((self._line + line)[:_MAX_LINE])
            self._line = ""
        self._line = (self._line + rest)[:_MAX_LINE]

    def _end_line(self, line: str) -> None:
        match = _FENCE.match(line)
        if match is None:
            return
        fence, rest = match[1], match[2].strip()
        if self._fence:
            if fence.startswith(self._fence) and not rest:
                self._fence = ""
        elif fence[0] not in rest or fence[0] == "~":
            self._fence = fence


class ThinkFilter:
    """The stage that removes reasoning from fragments.

    Tags count only at the start of a line, so prose about the tag is still spoken. They
    do not nest. If a tag is never closed, the rest of the text is removed.

    Args:
        keep: remove the tags only, not the text between them.
        fences: ignore tags in Markdown's fenced code.
    """

    def __init__(self, *, keep: bool = False, fences: bool = True) -> None:
        self._keep = keep
        self._code = FenceTracker() if fences else None
        self._held: list[Fragment] = []  # possible start of a tag
        self._thinks = False
        self._is_open = False  # between tags, whose text may be kept
        self._at_line_start = True
        self._begins = Break.NONE

    def feed(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """Return the text that is certain to be spoken."""
        found: list[Fragment] = []
        for fragment in fragments:
            found += self._one(fragment)
        return found

    def finish(self) -> list[Fragment]:
        """Return held text that turned out not to be a tag."""
        held, self._held = self._held, []
        return [] if self._thinks else held

    def _one(self, fragment: Fragment) -> list[Fragment]:
        """Process one fragment, character by character where a tag may be."""
        found: list[Fragment] = []
        text, at = fragment.text, 0
        if not text:
            return [fragment]
        while at < len(text):
            if not self._held:
                mark = text.find("<", at)
                end = mark if mark >= 0 else len(text)
                found += self._pass(fragment, at, end)
                at = end
                if mark >= 0 and not self._may_be_tag:
                    found += self._pass(fragment, at, at + 1)
                    at += 1
                elif mark >= 0:
                    self._held = [fragment.part(at, at + 1)]
                    at += 1
                continue
            tag = "".join(piece.text for piece in self._held) + text[at]
            if any(known.startswith(tag.lower()) for known in _TAGS) or _BEGINS.fullmatch(tag):
                self._held.append(fragment.part(at, at + 1))
                at += 1
                self._close_tag(tag)
            else:
                held, self._held = self._held, []
                self._follow("".join(piece.text for piece in held))
                found += [] if self._thinks else held
                self._at_line_start = False
        return found

    @property
    def _may_be_tag(self) -> bool:
        is_code = self._code is not None and self._code.is_inside
        return self._is_open or (self._at_line_start and not is_code)

    def _follow(self, text: str) -> None:
        if self._code is not None and not self._is_open:
            self._code.feed(text)

    def _close_tag(self, tag: str) -> None:
        """Start or stop skipping if ``tag`` is complete."""
        if _OPEN.fullmatch(tag) and not self._is_open:
            self._is_open, self._thinks, self._held = True, not self._keep, []
            self._begins = Break.PARAGRAPH
        elif _CLOSE.fullmatch(tag):
            # Some servers drop the opening tag; the text before was already spoken.
            self._is_open, self._thinks, self._held = False, False, []
            self._begins, self._at_line_start = Break.PARAGRAPH, True

    def _pass(self, fragment: Fragment, begin: int, end: int) -> list[Fragment]:
        text = fragment.text[begin:end]
        self._follow(text)
        if text:
            line = text[text.rfind("\n") + 1 :]
            is_blank = not line.strip()
            self._at_line_start = is_blank and ("\n" in text or self._at_line_start)
        if not text or self._thinks:
            return []
        if not self._begins:
            return [fragment.part(begin, end)]
        begin = end - len(text.lstrip())
        if begin == end:
            return []
        part = fragment.part(begin, end)
        begins, self._begins = max(part.begins, self._begins), Break.NONE
        return [part._replace(begins=begins)]
