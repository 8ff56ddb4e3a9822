"""Bytes as programs and editors write them to text that can be spoken.

Programs write for terminals and Windows editors add byte order marks, so escape
sequences are removed and the mark selects the encoding, wherever the pieces are cut.
"""

from __future__ import annotations

import codecs
import re

from voicecli.sanitize import divide_at_open_escape, without_escapes

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
          (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
"""Byte order marks and their encodings (Unicode 16, section 23.8)."""

_MAX_ESCAPE = 4096
"""Length at which an escape sequence without an end is given up."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""Characters of Unicode category Cc that are not white space."""


def plain_text(text: str) -> str:
    """Return a whole text without escape sequences and controls, stripped."""
    return _CONTROLS.sub("", without_escapes(text)).strip()


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)(errors="replace")


class PlainTextDecoder:
    """Bytes in pieces of any size in, text without escape sequences and controls out.

    ``is_binary`` is set at the first NUL that is not part of a UTF-16 character.
    """

    def __init__(self) -> None:
        self._mark: bytes | None = b""  # what may be the beginning of one; None once decided
        self._decoder = _decoder("utf-8")
        self._knows_nul = False
        self._held = ""  # an escape sequence that may go on
        self.is_binary = False

    def feed(self, data: bytes) -> str:
        """Return the text that is certain."""
        return self._feed(data, final=False)

    def finish(self) -> str:
        """Return the rest."""
        return self._feed(b"", final=True)

    def _feed(self, data: bytes, *, final: bool) -> str:
        if self._mark is not None:
            data = self._mark + data
            if not final and any(mark != data and mark.startswith(data) for mark, _ in _MARKS):
                self._mark = data
                return ""
            self._mark = None
            data = self._choose_encoding(data)
        if b"\0" in data and not self._knows_nul:
            self.is_binary = True
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        if not final:
            text, held = divide_at_open_escape(text)
            self._held = held if len(held) < _MAX_ESCAPE else ""
        return _CONTROLS.sub("", without_escapes(text))

    def _choose_encoding(self, data: bytes) -> bytes:
        for mark, encoding in _MARKS:
            if data.startswith(mark):
                self._decoder = _decoder(encoding)
                self._knows_nul = encoding != "utf-8"
                return data.removeprefix(mark)
        return data
