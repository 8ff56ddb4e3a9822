"""The text to speak, from arguments, a file or a pipe, in pieces as they arrive.

Binary data is rejected: a megabyte of noise takes hours to speak and costs what the
server charges.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import typer

from voicecli.cli.output import print_message
from voicecli.cli.plain_text import PlainTextDecoder, plain_text
from voicecli.errors import EmptyText, TextError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

STDIN = "-"

_READ_BYTES = 16 * 1024
"""Most bytes read at once."""

_POLL_S = 0.1
"""Interval at which a wait for the writer checks whether the run is over."""

_MAX_PEEK = 64 * 1024
"""The search for text before the run ends after this many characters of white space."""

_MAX_WHOLE = 16 << 20
"""Upper bound on a text read as a whole: an endless pipe would fill the memory."""


class TextReading(NamedTuple):
    """How to decode bytes: the ``encoding``, if it is known, and what to call with warnings."""

    encoding: str | None = None
    warn: Callable[[str], None] = lambda _: None


class TextInput(Protocol):
    """A text to speak, in pieces; iterated once."""

    @property
    def is_growing(self) -> bool:
        """Whether it may still be being written."""

    @property
    def has_begun(self) -> bool:
        """Whether any of it has been read."""

    def pieces(self, is_over: Callable[[], bool]) -> Iterator[str]:
        """Yield the pieces as they arrive, until the end of the text or ``is_over``.

        Raises:
            EmptyText: there is nothing in it.
            TextError: it is binary or cannot be read.
        """

    def close(self) -> None:
        """Close the file; idempotent."""


class GivenText:
    """A complete text."""

    is_growing = False
    has_begun = True

    def __init__(self, text: str) -> None:
        self.text = plain_text(text)

    def pieces(self, is_over: Callable[[], bool]) -> Iterator[str]:  # noqa: ARG002  never waits
        """Yield the text."""
        yield self.text

    def close(self) -> None:
        """Do nothing: no file is open."""


class ReadText:
    """The text of a file or a pipe, read as it is needed.

    ``name`` is for messages, ``path`` what ``voicecli play`` would be given.
    """

    def __init__(
        self, file: BinaryIO, name: str, path: str, reading: TextReading | None = None
    ) -> None:
        encoding, warn = reading or TextReading()
        self._file = file
        self._name = name
        self._path = path
        self._decoder = PlainTextDecoder(encoding, lambda what: warn(f"{name} {what}"))
        self._head: list[str] = []
        self._has_ended = False
        self._has_text = False
        try:
            self._descriptor: int | None = file.fileno()
        except (OSError, ValueError):  # not a file of the system's
            self._descriptor = None

    @property
    def is_growing(self) -> bool:
        """Whether it may still be being written."""
        return not self._has_ended

    @property
    def has_begun(self) -> bool:
        """Whether any of it has been read."""
        return self._has_text

    def peek(self) -> None:
        """Read what is available, up to the first text, so that mistakes show early.

        Raises:
            TextError: as for `pieces`.
        """
        length = 0
        while not (self._has_ended or self._has_text) and length < _MAX_PEEK:
            piece = self._read(0.0)
            if piece is None:
                return
            self._head.append(piece)
            length += len(piece)
        if self._has_text and self._descriptor is not None and not self._has_ended:
            # A short file ends here, and then nothing has to be waited for.
            self._head.append(self._read(0.0) or "")

    def pieces(self, is_over: Callable[[], bool]) -> Iterator[str]:
        """Yield the pieces as they arrive; `TextInput` has the contract."""
        yield from filter(None, self._head)
        self._head = []
        while not (self._has_ended or is_over()):
            piece = self._read(_POLL_S)
            if piece:
                yield piece

    def close(self) -> None:
        """Close the file, unless it is standard input; idempotent."""
        if self._path != STDIN:
            self._file.close()

    def _read(self, timeout_s: float) -> str | None:
        """Return the text available, which may be empty; None if nothing is available."""
        try:
            data = self._bytes(timeout_s)
        except OSError as error:
            raise _unreadable(self._name, error) from error
        try:
            text = self._decoded(data)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise TextError(
                f"{self._name} is not valid {error.encoding}: byte {byte:#04x}"
            ) from error
        if text is None:
            return None
        if self._decoder.is_binary:
            what = f"{self._name} is not text; if it is in UTF-16: --encoding utf-16-le"
            raise TextError(f"{what}; if it is audio: voicecli play {self._path}")
        self._has_text = self._has_text or bool(text.strip())
        if self._has_ended and not self._has_text:
            raise EmptyText(f"nothing to say: {self._name} is empty")
        return text

    def _decoded(self, data: bytes | None) -> str | None:
        """Decode data: empty bytes at the end, None if nothing is available now."""
        if data is None:
            return self._decoder.settle() or None
        if data:
            return self._decoder.feed(data)
        self._has_ended = True
        return self._decoder.finish()

    def _bytes(self, timeout_s: float) -> bytes | None:
        if self._descriptor is None:
            return self._file.read(_READ_BYTES)
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return None
        try:
            return os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:  # another process made it so, and something else was faster
            return None


def text_input(
    words: list[str], file: Path | None, reading: TextReading | None = None
) -> TextInput:
    """Return the text to speak, from the arguments, a file or standard input.

    Raises:
        typer.BadParameter: there is no text, more than one source, or binary data.
    """
    if file is not None and words:
        raise typer.BadParameter("give the text or --file, not both")
    is_piped = not words and sys.stdin is not None and not sys.stdin.isatty()
    if file is not None:
        return open_text(str(file), reading)
    if is_piped or words == [STDIN]:
        return open_text(STDIN, reading)
    if words:
        return given_text(argument_text(" ".join(words), reading))
    raise typer.BadParameter('nothing to say: give a text, as in voicecli say "Hello."')


def given_text(text: str) -> GivenText:
    """Return a complete text as an input.

    Raises:
        EmptyText: there is nothing in it.
    """
    given = GivenText(text)
    if not given.text:
        raise EmptyText("nothing to say: the text is empty")
    return given


def open_text(path: str, reading: TextReading | None = None) -> ReadText:
    """Open a text file, or standard input if ``path`` is ``-``.

    Raises:
        typer.BadParameter: it cannot be read, or what is there already is not text.
    """
    name = "standard input" if path == STDIN else path
    if path == STDIN and sys.stdin is None:
        raise typer.BadParameter("cannot read standard input: it is closed")
    try:
        file: BinaryIO = sys.stdin.buffer if path == STDIN else Path(path).open("rb")  # noqa: SIM115  `ReadText` closes it
    except OSError as error:
        raise typer.BadParameter(_unreadable(name, error).message) from error
    text = ReadText(file, name, path, reading)
    try:
        text.peek()
    except EmptyText:
        text.close()
        raise
    except TextError as error:
        text.close()
        raise typer.BadParameter(error.message) from error
    return text


def read_file(path: str) -> str:
    """Return a text file as a whole, decoded as for speech.

    Raises:
        typer.BadParameter: it cannot be read, is too long or is not text.
    """
    found: list[str] = []
    length = 0
    reading = TextReading(warn=lambda warning: print_message(f"warning: {warning}"))
    with closing(open_text(path, reading)) as text:
        try:
            for piece in text.pieces(lambda: False):
                found.append(piece)
                length += len(piece)
                if length > _MAX_WHOLE:
                    raise typer.BadParameter(f"{path} is longer than {_MAX_WHOLE >> 20} MB")
        except TextError as error:
            raise typer.BadParameter(error.message) from error
    return "".join(found)


def _unreadable(name: str, error: OSError) -> TextError:
    return TextError(f"cannot read {name}: {error.strerror or error}")


def argument_text(argument: str, reading: TextReading | None = None) -> str:
    """Return the text of an argument, whose bytes the locale may not have decoded.

    Raises:
        typer.BadParameter: it is not in the given encoding, or is not text.
    """
    if not any("\udc80" <= character <= "\udcff" for character in argument):
        return argument
    encoding, warn = reading or TextReading()
    decoder = PlainTextDecoder(encoding, lambda what: warn(f"the text {what}"))
    try:
        text = decoder.feed(os.fsencode(argument)) + decoder.finish()
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"the text is not valid {error.encoding}") from error
    if decoder.is_binary:
        raise typer.BadParameter("the encoding of the text is not recognised")
    return text


def as_unicode(argument: str) -> str:
    """Replace the bytes of an argument that the locale could not decode."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
