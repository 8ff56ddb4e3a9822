"""Turn bytes, as programs and editors write them, into text that can be spoken.

Programs write for terminals and Windows editors add byte order marks, so escape sequences
are removed and the mark selects the encoding, wherever the pieces are cut. Without a mark
text is UTF-8 until bytes come that are not.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.sanitize import divide_at_open_escape, without_escapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.cli.fallback_decoder import FallbackDecoder

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""Byte order marks and their encodings (Unicode 16, section 23.8), the longer ones first."""

JUDGED_BYTES = 8 * 1024
"""Bytes examined to guess an encoding; a pipe may have fewer when its writer pauses."""

_CONTEXT = 512
"""ASCII characters before the first other one that are examined as well."""

_ROWS = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f]")
"""Upper bytes of Cyrillic, Greek and other letters, and many lower ones, in UTF-16."""

_MIN_BEGINNING = 4
"""Bytes that show whether a text begins as UTF-16 if there are such among them."""

_JAPANESE = re.compile(rb"\x1b\$(?:[@B]|\([@BD])")
_CUT_JAPANESE = re.compile(rb"\x1b(?:\$\(?)?\Z")
"""How ISO-2022-JP, all ASCII, changes to Japanese (RFC 1468), and the beginning of that."""

_MAX_ESCAPE = 4096
"""An escape sequence without an end is given up at this length."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""Characters of Unicode category Cc that are not white space."""


def plain_text(text: str) -> str:
    """Return a whole text without escape sequences and controls, stripped."""
    return _CONTROLS.sub("", without_escapes(text)).strip()


def check_encoding(name: str) -> str:
    """Return the name of an encoding in the form that Python gives it.

    Raises:
        ValueError: there is no such encoding, or it is not one of text.
    """
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
        codecs.getincrementaldecoder(found.name)
    except (LookupError, ValueError, UnicodeError) as error:
        raise ValueError(f"{name!r} is not an encoding, such as windows-1252") from error
    return found.name


class PlainTextDecoder:
    """Decodes bytes, in pieces of any size, to text without escape sequences and controls.

    ``is_binary`` is set at the first bytes that are not text in any encoding. ``notify`` is
    called once if the text is not UTF-8 (or UTF-16 or -32 with a mark), with a predicate
    such as "is not UTF-8 and is read as windows-1252": the caller knows the subject.

    Args:
        encoding: how the text is encoded, if that is known.
    """

    def __init__(
        self, encoding: str | None = None, notify: Callable[[str], None] | None = None
    ) -> None:
        self._encoding = encoding
        self._notify = notify or (lambda _: None)
        self._mark: bytes | None = b""  # possible beginning of a byte order mark; None once decided
        self._decoder = _decoder(encoding or "utf-8")
        self._by_word: FallbackDecoder | None = None  # instead, if another encoding is in the text
        self._of_mark = "utf-8"  # the encoding that the mark names
        self._is_assumed = encoding is None  # whether UTF-8 is only assumed
        self._undecided = b""  # bytes whose encoding is not known yet
        self._has_utf8 = False
        self._context = b""  # the end of what was decoded, to judge what follows by
        self._held = ""  # an escape sequence that may continue
        self._cut = b""  # the same in ISO-2022-JP
        self.is_binary = False

    def feed(self, data: bytes) -> str:
        """Return the text that later bytes cannot change.

        Raises:
            UnicodeDecodeError: the bytes are not valid in the given encoding; `settle` and
                `finish` raise it too.
        """
        return self._feed(data)

    def settle(self) -> str:
        """Return the text held back to judge its encoding, or a word: the writer has paused."""
        is_held = self._undecided or self._mark or (self._by_word and self._by_word.held)
        return self._feed(b"", pauses=True) if is_held else ""

    def finish(self) -> str:
        """Return the rest."""
        return self._feed(b"", final=True)

    def _feed(self, data: bytes, *, final: bool = False, pauses: bool = False) -> str:
        if self._mark is not None:
            data = self._mark + data
            may_be_mark = any(mark != data and mark.startswith(data) for mark, _ in MARKS)
            is_short = len(data) < (_MIN_BEGINNING if _ROWS.search(data) else 2)
            if not final and (may_be_mark or (is_short and self._is_assumed and not pauses)):
                self._mark = data
                return ""
            self._mark = None
            data = self._read_mark(data)
        text = self._held + self._decoded(data, final=final, pauses=pauses)
        self._held = ""
        if not final:
            text, held = divide_at_open_escape(text)
            self._held = held if len(held) < _MAX_ESCAPE else ""
        return _CONTROLS.sub("", without_escapes(text))

    def _read_mark(self, data: bytes) -> bytes:
        for mark, encoding in MARKS:
            if data.startswith(mark) and self._encoding in (None, encoding, encoding[:6]):
                self._decoder, self._of_mark = _decoder(encoding), encoding
                self._is_assumed = encoding == "utf-8" and self._encoding is None
                return data.removeprefix(mark)
        return data

    def _decoded(self, data: bytes, *, final: bool, pauses: bool) -> str:
        if self._is_assumed and not self._undecided:
            data = self._look_for_japanese(data, final=final)
        if self._is_assumed:
            data = self._undecided + data
            if not self._undecided and b"\0" not in data and not self._may_begin_utf16(data):
                with suppress(UnicodeDecodeError):
                    text = self._decoder.decode(data, final)
                    self._has_utf8 = self._has_utf8 or not text.isascii()
                    self._context = (self._context + text[-_CONTEXT:].encode())[-_CONTEXT:]
                    return text
            before, _ = self._decoder.getstate()  # bytes that a strict decoder could not decode
            self._decoder.reset()
            self._undecided = before + data
            if not (final or pauses or len(self._undecided) >= JUDGED_BYTES):
                return ""
            data, self._undecided, self._is_assumed = self._undecided, b"", False
            self._judge(data, final=final)
        if self._by_word is not None:
            return self._by_word.decode(data, final or pauses)
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            if self._encoding is not None:
                error.encoding = self._encoding  # Python says "charmap" for most
                raise
            before, _ = self._decoder.getstate()
            self._leave_out(self._of_mark)
            return self._decoder.decode(before + data, final)

    def _may_begin_utf16(self, data: bytes) -> bool:
        """Whether the first bytes, valid UTF-8, have controls where UTF-16 has its script."""
        if self._context or self._has_utf8 or not _ROWS.search(data):
            return False
        from voicecli.cli import encoding  # noqa: PLC0415  only for such text

        return encoding.utf16_by_letters(data) is not None

    def _look_for_japanese(self, data: bytes, *, final: bool) -> bytes:
        """Choose ISO-2022-JP if ``data`` changes to it; return what can be decoded now."""
        data, self._cut = self._cut + data, b""
        found = _JAPANESE.search(data)
        is_ascii = not self._has_utf8 and not self._decoder.getstate()[0]
        if found and is_ascii and data[: found.start()].isascii():
            self._is_assumed = False
            self._decoder = _decoder("iso2022_jp_ext", errors="ignore")
            self._notify("is not UTF-8 and is read as ISO-2022-JP; --encoding NAME overrides that")
        elif not final and (cut := _CUT_JAPANESE.search(data)):
            data, self._cut = data[: cut.start()], cut[0]
        return data

    def _leave_out(self, encoding: str) -> None:
        self._decoder = _decoder(encoding, errors="ignore")
        self._notify(f"has bytes that are not {encoding.upper()}, which are left out")

    def _judge(self, data: bytes, *, final: bool) -> None:
        """Choose how to decode ``data``, which is not UTF-8, and what follows."""
        from voicecli.cli import encoding  # noqa: PLC0415  only for such text
        from voicecli.cli.fallback_decoder import FallbackDecoder  # noqa: PLC0415  likewise

        if final and encoding.is_cut_utf8(self._context + data, has_utf8=self._has_utf8):
            self._decoder = _decoder("utf-8", errors="ignore")
            self._notify("ends inside a UTF-8 character, which is left out")
            return
        if b"\0" not in data and (self._has_utf8 or encoding.is_damaged_utf8(data)):
            if found := encoding.second_encoding(self._context + data):
                self._by_word = FallbackDecoder(found)
                self._notify_of(found, "is only partly UTF-8; the rest")
            else:
                self._leave_out("utf-8")
            return
        begin = 0 if b"\0" in data else encoding.begin_of_other(data)
        window = data[max(0, begin - _CONTEXT) : begin + JUDGED_BYTES]
        found = encoding.guess_encoding(window if b"\0" in data else self._context + window)
        self.is_binary = found is None
        self._decoder = _decoder(found or "latin-1", errors="ignore")
        if found is None:
            return
        if encoding.is_extended_ascii(found) or encoding.has_utf8_words(window):
            self._by_word = FallbackDecoder(found, encoding.languages_of(found))
        self._notify_of(found, "is not UTF-8 and")

    def _notify_of(self, found: str, problem: str) -> None:
        from voicecli.cli.encoding import display_name  # noqa: PLC0415  only for such text

        name = display_name(found)
        self._notify(f"{problem} is read as {name}; --encoding NAME overrides that")


def _decoder(encoding: str, errors: str = "strict") -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)(errors=errors)
