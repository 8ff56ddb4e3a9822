"""Print to people (standard error) and to machines (standard output).

Either stream may be closed, or a pipe whose reader has exited. Neither is an error.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from voicecli.cli.layout import table, terminal_width, wrap
from voicecli.errors import ConfigError, SaveError, VoiceError, memory_limit_error
from voicecli.sanitize import clean, mask_controls
from voicecli.threads import thread_limit_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO


_CLOSED = "cannot write standard output: it is closed"


def print_message(message: str) -> None:
    """Print one line for people on standard error; on a terminal, without breaking a word."""
    _print_line(f"voicecli: {message}")


def print_error(error: VoiceError) -> None:
    """Print an error, and its remedy if it has one, on standard error."""
    print_message(f"error: {error.message}")
    if error.remedy:
        _print_line(f"  {error.remedy}")


def _print_line(line: str) -> None:
    if sys.stderr is None:  # print would use standard output instead
        return
    try:
        lines = wrap(mask_controls(line), terminal_width(sys.stderr))
        # In one piece: print would write the line break apart, behind another thread's line.
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    except OSError:
        redirect_to_null(sys.stderr)


def internal_error(error: Exception) -> VoiceError:
    """Convert an exception that nothing has mapped to an error that can be reported."""
    if isinstance(error, VoiceError):
        return error
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return ConfigError(
            f"no more files can be opened: {error.strerror}",
            remedy="raise the limit, for example with ulimit -n 256",
        )
    limit = thread_limit_error(error) or memory_limit_error(error)
    return limit or VoiceError(
        f"internal error: {clean(f'{type(error).__name__}: {error}')}",
        remedy="please report it, with the traceback that VOICECLI_TRACEBACK=1 prints",
    )


def print_json(value: Any) -> None:
    """Print one JSON object or array on standard output, as a line of ASCII.

    Raises:
        SaveError: standard output is a file that cannot be written.
    """
    print_text(json.dumps(value, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print text on standard output, unchanged.

    Raises:
        SaveError: standard output is a file that cannot be written.
    """
    if sys.stdout is None:
        if text:
            raise SaveError(_CLOSED)
        return
    with _writing():
        if text:  # an unbuffered stream writes even "", which a closed terminal refuses
            sys.stdout.write(text)
        sys.stdout.flush()


def print_table(rows: Sequence[Sequence[str]], width: int | None = None) -> None:
    """Print rows of equally many cells on standard output, in aligned columns.

    They fit a terminal; into a pipe or a file, ``width`` columns if that is given.

    Raises:
        SaveError: standard output is a file that cannot be written.
    """
    lines = table(rows, terminal_width(sys.stdout) or width)
    print_text("".join(f"{line}\n" for line in lines))


def print_paragraph(text: str) -> None:
    """Print a sentence or more on standard output; on a terminal, without breaking a word.

    Raises:
        SaveError: standard output is a file that cannot be written.
    """
    print_text("\n".join(wrap(text, terminal_width(sys.stdout), indent="")) + "\n")


def flush() -> None:
    """Flush standard output.

    Raises:
        SaveError: standard output is a file that cannot be written.
    """
    print_text("")


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        redirect_to_null(sys.stdout)
    except OSError as error:
        redirect_to_null(sys.stdout)
        if error.errno == errno.EBADF:
            raise SaveError(_CLOSED) from error
        raise SaveError(f"cannot write standard output: {error.strerror or error}") from error


def redirect_to_null(stream: TextIO) -> None:
    """Discard what a standard stream still buffers, and everything written later.

    Otherwise the interpreter would fail to flush it on exit and return status 120.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def tolerate_locale() -> None:
    """Print ``?`` for characters that the encoding of standard output cannot represent.

    A dash in a table must not abort a benchmark under Latin-1. UTF-8 is left alone,
    because it may carry undecodable file names; standard error escapes already.
    """
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
        stream.reconfigure(errors="replace")
