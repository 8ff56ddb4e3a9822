"""Spoken text of inline Markdown: emphasis, code, links, images and HTML tags."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from voicecli.text.markdown.plain import Piece, spoken_plain
from voicecli.text.patterns import lazy_pattern

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LINK_END = lazy_pattern(
    r"""\]\(\s*(?:<[^>\n]*>|(?:[^()\s\\]|\\.|\((?:[^()\\]|\\.)*\))*)
        (?:\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?\s*\)""",
    re.VERBOSE,
)
_OPEN = lazy_pattern(
    r"""\*+(?=[^\s*])(?!\*)|\*+\Z          # may open emphasis
      | (?<!\w)_+(?=[^\s_])|(?<!\w)_+\Z
      | ~~(?=\S)|~+\Z
      | ` | \\\Z
      | !?\[(?![^\]]*\]) | !?\[[^\]]*\](?:\([^)]*|\[[^\]]*)\Z
      | <(?=[A-Za-z/!?])[^>]*\Z""",
    re.VERBOSE,
)
_PRODUCT = lazy_pattern(r"(?<=\d)\*(?=\w)|(?<=\w)\*(?=\d)")
_TIMES = "\ue000"
"""Replaces an asterisk next to a digit, so that products are not parsed as emphasis."""

_BREAK_TAG = lazy_pattern(r"<br\s*/?>", re.IGNORECASE)

_PLACEHOLDER = lazy_pattern(r"<([A-Za-z][\w-]*(?:\s+[\w-]+)*)\s*>")
_PLAIN_TAG = lazy_pattern(
    r"<(?:a|abbr|address|article|aside|audio|b|bdi|bdo|blockquote|body|br|button|canvas|caption|center"
    r"|cite|code|col|colgroup|dd|del|details|dfn|dialog|div|dl|dt|em|figcaption|figure|font|footer"
    r"|form|h[1-6]|head|header|hr|html|i|img|input|ins|kbd|label|legend|li|main|mark|math|menu|nav"
    r"|ol|option|p|picture|pre|q|rp|rt|ruby|s|samp|script|section|select|small|span|strike|strong"
    r"|style|sub|summary|sup|svg|table|tbody|td|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|var"
    r"|video|wbr)(?:\s+(?:checked|controls|disabled|hidden|open|reversed))*\s*>",
    re.IGNORECASE,
)


def placeholder(tag: str) -> str:
    """Return the words of ``<your-name>`` or ``<T>``, "" for a tag of HTML, which is silent."""
    found = _PLACEHOLDER.fullmatch(tag)
    return found[1] if found and not _PLAIN_TAG.fullmatch(tag) else ""


@cache
def parser() -> MarkdownIt:
    """Return the parser: CommonMark plus the tables and strikethrough of GFM."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  only for texts that have markup

    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return markdown.disable("text_join")  # keep escaped characters apart from text


def spoken_inline(source: str, before: str = " ") -> list[Piece]:
    """Return the spoken text of ``source``, all or part of the content of a block.

    ``before`` is the character before ``source``; emphasis rules depend on it.
    """
    walk = _Walk(source, before)
    for token in walk.tokens:
        walk.take(token)
    return [piece._replace(text=piece.text.replace(_TIMES, "*")) for piece in walk.found]


def open_mark(source: str, before: str = " ") -> int | None:
    """Return the position of the first mark that later text could turn into markup.

    None if later text cannot change the meaning of ``source``.
    """
    walk = _Walk(source, before)
    literal = ["\0"] * len(source)
    for token in walk.tokens:
        begin = len(walk.found)
        walk.take(token)
        if token.type == "text":
            for piece in walk.found[begin:]:
                literal[piece.begin : piece.end] = walk.source[piece.begin : piece.end]
    match = _OPEN.search(before + "".join(literal), 1)
    return match.start() - 1 if match else None


class _Walk:
    """Visits inline tokens and finds the position of each in the source."""

    def __init__(self, source: str, before: str) -> None:
        kind = " " if before.isspace() else "x" if before.isalnum() else "."
        context = f"x{1 if before.isdecimal() else kind}"
        source = _PRODUCT.sub(_TIMES, context + source)
        self.found: list[Piece] = []
        self._before = before
        self.source = source[len(context) :]
        self._at = 0
        self._context = len(context)  # leading characters that only provide context
        (inline,) = parser().parseInline(source)
        self.tokens: list[Token] = inline.children or []

    def take(self, token: Token) -> None:
        """Add the spoken text of a token, if any."""
        if token.type == "text":
            self._text(token.content)
        elif token.type == "text_special":
            self._piece(token.content, token.markup)
        elif token.type == "code_inline":
            self._pass(token.markup)
            self._piece(token.content.strip(), token.content)
            self._pass(token.markup)
        elif token.type in ("softbreak", "hardbreak"):
            self._context = 0
            self._piece("\n", "\n")
        elif token.type == "html_inline":
            spoken = " " if _BREAK_TAG.fullmatch(token.content) else placeholder(token.content)
            last = self.found[-1].text if self.found else self._before
            is_joined = bool(spoken) and last[-1:].isalnum()
            self._piece(" " * is_joined + spoken, token.content)
        elif token.type == "image":
            self._image(token)
        elif token.type == "link_close" and token.markup != "autolink":
            self._link_end()
        elif token.markup and token.markup != "autolink":
            self._pass(token.markup)

    def _text(self, content: str) -> None:
        context, self._context = self._context, max(0, self._context - len(content))
        if len(content) <= context:
            return
        begin = self._find(content[context:]) - context
        for text, first, last in spoken_plain(content, context, markdown=True):
            self.found.append(Piece(text, begin + first, begin + last))
        self._at = begin + len(content)

    def _image(self, token: Token) -> None:
        self._pass("![")
        for child in token.children or []:
            self.take(child)
        self._link_end()

    def _link_end(self) -> None:
        end = _LINK_END.match(self.source, self._at)
        self._at = end.end() if end else self._find("]") + 1

    def _piece(self, text: str, source: str) -> None:
        begin = self._find(source)
        self._at = min(len(self.source), begin + len(source))
        if text:
            begin += source.find(text) if text in source else 0
            end = begin + len(text) if text in source else self._at
            self.found.append(Piece(text, begin, end))

    def _pass(self, mark: str) -> None:
        self._at = min(len(self.source), self._find(mark) + len(mark))

    def _find(self, text: str) -> int:
        """Return the next position of ``text``, or the current one if it is not found."""
        found = self.source.find(text, self._at)
        return found if found >= 0 else self._at
