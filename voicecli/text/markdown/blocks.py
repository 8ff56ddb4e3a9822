"""Spoken text of Markdown blocks: headings, lists, quotations, tables and code."""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text.fragment import Break
from voicecli.text.markdown.inline import parser, placeholder, spoken_inline
from voicecli.text.markdown.plain import Piece, spoken_plain
from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import NO_SPACE_SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markdown_it.token import Token

MAX_COLUMNS = 6
"""Tables with more columns are described instead of read."""

_LANGUAGES = {
    "bash": "Bash", "c": "C", "c++": "C++", "cpp": "C++", "cs": "C#", "csharp": "C#",
    "css": "CSS", "go": "Go", "html": "HTML", "java": "Java", "javascript": "JavaScript",
    "js": "JavaScript", "json": "JSON", "kotlin": "Kotlin", "md": "Markdown", "php": "PHP",
    "powershell": "PowerShell", "py": "Python", "python": "Python", "rb": "Ruby", "rs": "Rust",
    "ruby": "Ruby", "rust": "Rust", "sh": "shell", "shell": "shell", "sql": "SQL",
    "toml": "TOML", "ts": "TypeScript", "tsx": "TypeScript", "typescript": "TypeScript",
    "xml": "XML", "yaml": "YAML", "yml": "YAML", "zsh": "shell",
}  # fmt: skip
_NO_NAME = frozenset({"", "text", "txt", "plain", "plaintext", "output", "none"})
_SILENT_HTML = lazy_pattern(
    r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_CELL_TAG = lazy_pattern(r"<t[dh]\b[^<>]*>", re.IGNORECASE)
_END_TAG = lazy_pattern(r"</(?:tr|li|p|h[1-6]|dt|dd|summary|caption|figcaption)\s*>", re.IGNORECASE)
_TASK = lazy_pattern(r"\[([ xX])\]\s+")
_WIDE = lazy_pattern(rf"[{NO_SPACE_SCRIPTS}]")


class CodeBlocks(StrEnum):
    """What to do with code blocks."""

    NAME = "name"
    READ = "read"
    SKIP = "skip"


class BlockPiece(NamedTuple):
    """A piece of text, and the break before it."""

    piece: Piece
    begins: Break = Break.NONE


def parsed(source: str) -> list[Token]:
    """Return the block tokens of ``source``."""
    return parser().parse(source)


def spoken_blocks(source: str, code: CodeBlocks = CodeBlocks.NAME) -> Iterator[BlockPiece]:
    """Yield the spoken text of ``source``, which must contain whole blocks."""
    yield from _Blocks(source, code).spoken(parsed(source))


class _Blocks:
    """Renders the tokens of whole blocks as speech."""

    def __init__(self, source: str, code: CodeBlocks) -> None:
        self._source = source
        self._code = code
        self._lines = [0]
        for match in re.finditer(r"\n", source):
            self._lines.append(match.end())
        self._marker: Piece | None = None  # number of a list item, still to be spoken
        self._depth = 0  # how deeply lists are nested
        self._begins = Break.PARAGRAPH

    def spoken(self, tokens: Sequence[Token]) -> Iterator[BlockPiece]:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.type == "table_open":
                end = next(
                    i for i in range(position, len(tokens)) if tokens[i].type == "table_close"
                )
                yield from self._table(tokens[position:end])
                position = end
            elif token.type.endswith("list_open"):
                self._depth += 1
            elif token.type.endswith("list_close"):
                self._depth -= 1
            elif token.type == "list_item_open":
                self._open_item(token)
            elif token.type == "inline":
                ends = self._depth > 0 or tokens[position - 1].type == "heading_open"
                yield from self._began(self._inline(token), ends=ends)
            elif token.type in ("fence", "code_block"):
                yield from self._code_block(token)
            elif token.type == "html_block":
                yield from self._began(self._html(token))
            if not self._depth:
                self._begins = Break.PARAGRAPH
            position += 1

    def _open_item(self, token: Token) -> None:
        line = self._lines[token.map[0]] if token.map else 0
        if token.info:
            at = max(line, self._source.find(token.info, line))
            text = f"{token.info}{token.markup} "
            self._marker = Piece(text, at, at + len(text))

    def _began(self, pieces: list[Piece], *, ends: bool = False) -> Iterator[BlockPiece]:
        """Yield the pieces of one block, the first with the break before it.

        With ``ends``, add a full stop if there is none, so that the voice makes a pause.
        """
        if self._marker and any(piece.text.strip() for piece in pieces):
            pieces = [self._marker, *pieces]
            self._marker = None
        if ends and (mark := _full_stop("".join(piece.text for piece in pieces))):
            end = pieces[-1].end
            pieces = [*pieces, Piece(mark, end, end)]
        for piece in pieces:
            yield BlockPiece(piece, self._begins)
            self._begins = Break.NONE
        if pieces:
            self._begins = Break.SENTENCE if self._depth else Break.PARAGRAPH

    def _inline(self, token: Token) -> list[Piece]:
        content, pieces = token.content, []
        place = self._places(token)
        if self._depth and (task := _TASK.match(content)):
            content = content[task.end() :]
            if task[1] != " ":
                at = place(0)
                pieces.append(Piece("done: ", at, at + 3))
        shift = len(token.content) - len(content)
        for piece in spoken_inline(content):
            begin = place(piece.begin + shift)
            end = place(max(piece.begin, piece.end - 1) + shift) + 1
            pieces.append(Piece(piece.text, begin, max(begin, end)))
        return pieces

    def _places(self, token: Token) -> Callable[[int], int]:
        """Return what finds the position in the source of a character of a token's content."""
        first = token.map[0] if token.map else 0
        begins, found = [0], []  # where its lines begin: in the content, and in the source
        for number, line in enumerate(token.content.split("\n")):
            begins.append(begins[-1] + len(line) + 1)
            begin = self._lines[min(first + number, len(self._lines) - 1)]
            end = self._source.find("\n", begin)
            at = self._source.find(line.strip(), begin, end if end >= 0 else len(self._source))
            found.append((begin if at < 0 else at, len(line) - len(line.lstrip())))

        def place(at: int) -> int:
            number = min(bisect_right(begins, at), len(found)) - 1
            begin, lead = found[number]
            return begin + max(0, at - begins[number] - lead)

        return place

    def _table(self, tokens: Sequence[Token]) -> Iterator[BlockPiece]:
        rows: list[list[list[Piece]]] = []
        from_line = tokens[0].map[0] if tokens[0].map else 0
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(self._cell(token, rows[-1]))
        if len(rows[0]) > MAX_COLUMNS:
            begin = self._lines[from_line]
            text = f"table, {len(rows[0])} columns, {_count(len(rows) - 1, 'row')}."
            yield from self._began([Piece(text, begin, len(self._source.rstrip()))])
            return
        for row in rows:
            cells = [cell for cell in row if any(piece.text.strip() for piece in cell)]
            pieces: list[Piece] = []
            for number, cell in enumerate(cells):
                if number:
                    end = pieces[-1].end
                    pieces.append(Piece(", ", end, end))
                pieces += cell
            yield from self._began(pieces, ends=True)
            self._begins = Break.SENTENCE

    def _cell(self, token: Token, row: list[list[Piece]]) -> list[Piece]:
        """Return the pieces of a cell, which comes after the cells already in ``row``."""
        begin = self._lines[token.map[0]] if token.map else 0
        last = next((cell[-1].end for cell in reversed(row) if cell), begin)
        at = self._source.find(token.content, max(begin, last))
        at = at if at >= 0 else last
        return [Piece(p.text, at + p.begin, at + p.end) for p in spoken_inline(token.content)]

    def _code_block(self, token: Token) -> Iterator[BlockPiece]:
        first, last = token.map or (0, len(self._lines))
        begin = self._lines[min(first, len(self._lines) - 1)]
        end = self._lines[last] if last < len(self._lines) else len(self._source)
        lines = token.content.rstrip("\n").split("\n") if token.content.strip() else []
        if self._code is CodeBlocks.NAME:
            word = (
                token.info.split(maxsplit=1)[0].lower().strip("{.}") if token.info.strip() else ""
            )
            name = "" if word in _NO_NAME else f", {_LANGUAGES.get(word, word.capitalize())}"
            text = f"code, {_count(len(lines), 'line')}{name}."
            yield from self._began(
                [Piece(text, begin, begin + len(self._source[begin:end].rstrip()))]
            )
        elif self._code is CodeBlocks.READ:
            at = begin if token.type == "code_block" else self._source.find("\n", begin) + 1
            for line in lines:
                at = max(at, self._source.find(line, at))
                if line.strip():
                    yield from self._began([Piece(line, at, at + len(line))])
                    self._begins = Break.SENTENCE
                at += len(line)

    def _html(self, token: Token) -> list[Piece]:
        begin = self._lines[token.map[0]] if token.map else 0
        source, pieces, at = token.content, [], 0
        for tag in [*_SILENT_HTML.finditer(source), None]:
            end = tag.start() if tag else len(source)
            pieces += spoken_plain(source, at, end)
            at = tag.end() if tag else end
            if tag and (spoken := _spoken_tag(tag[0], "".join(piece.text for piece in pieces))):
                pieces.append(Piece(spoken, end, at))
        if not any(piece.text.strip() for piece in pieces):
            return []
        return [Piece(text, begin + first, begin + last) for text, first, last in pieces]


def _spoken_tag(tag: str, before: str) -> str:
    """Return the pause, or the words, that a tag stands for behind the text ``before``."""
    if _CELL_TAG.fullmatch(tag):
        return ", " if before.strip() and _full_stop(before) else " "
    if _END_TAG.fullmatch(tag):
        return ("" if before[-1:].isspace() else _full_stop(before)) + " "
    return placeholder(tag) or (" " if tag.lower().startswith(("<br", "</div")) else "")


def _full_stop(text: str) -> str:
    """Return a full stop if ``text`` needs one at the end, else an empty string."""
    last = text.rstrip().rstrip("\"'”’»)]}*_")[-1:]
    if not last or last in ".!?…:;,。！？：；、，":
        return ""
    return "。" if _WIDE.match(last) else "."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
