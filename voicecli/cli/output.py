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
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.errors import SaveError, VoiceError
from voicecli.sanitize import clean, mask_controls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO


_CLOSED = "cannot write standard output: it is closed"


def print_message(message: str) -> None:
    """Print one line for people on standard error."""
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
        print(mask_controls(line), file=sys.stderr, flush=True)
    except OSError:
        redirect_to_null(sys.stderr)


def internal_error(error: Exception) -> VoiceError:
    """Convert an unforeseen exception to an error that can be reported."""
    if isinstance(error, VoiceError):
        return error
    return VoiceError(
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
        sys.stdout.write(text)
        sys.stdout.flush()


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of equally many cells on standard output, in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


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


_MOST_LISTED = 4


class AboutText(NamedTuple):
    """What the metrics do not say of the text: sentences heard, and in all if that is known.

    ``first_sound_ms`` counts from the text's first piece, if that came during the run.
    """

    heard: int = 0
    known: int | None = None
    first_sound_ms: float | None = None


def summarise(metrics: dict[str, Any], text: AboutText | None = None) -> str:
    """Describe in one line how a run went, from its metrics."""
    waits, text = metrics["waits"]["text"], text or AboutText()
    parts = [_spoken(metrics)]
    if metrics["interrupted"] and metrics["segments"]:
        parts.append(_sentences(text))
    if text.first_sound_ms is not None:
        parts.append(f"first sound {text.first_sound_ms:.0f} ms after the text began")
    elif metrics["ttfa_ms"] is not None:
        launch_ms = metrics["launch_to_request_ms"] or 0.0
        parts.append(f"first sound after {launch_ms + metrics['ttfa_ms']:.0f} ms")
    if metrics["rtf"] is not None and not waits["count"]:  # it would be the writer's speed
        parts.append(f"RTF {metrics['rtf']:.2f}")
    if metrics["ttfa_ms"] is not None:
        parts.append(_underruns(metrics["underruns"]["sink"]))
    if waits["count"]:
        parts.append(f"waited {waits['total_ms'] / 1e3:.1f} s for the text")
    if metrics["waits"]["turn_ms"]:
        parts.append(f"waited {metrics['waits']['turn_ms'] / 1e3:.1f} s for its turn")
    if metrics["saved"]:
        parts.append("saved " + _listed(metrics["saved"]))
    return " · ".join(parts)


def _listed(paths: list[str]) -> str:
    """Name the first few: with --debug-audio each answer to a long text is a file."""
    more = [f"{len(paths) - _MOST_LISTED} more"] if len(paths) > _MOST_LISTED else []
    return ", ".join([*paths[:_MOST_LISTED], *more])


def _spoken(metrics: dict[str, Any]) -> str:
    spoken_s, audio_s = metrics["spoken_s"], metrics["audio_s"]
    verb = "spoke" if metrics["ttfa_ms"] is not None else "received"
    form = f" of {metrics['format']}" if metrics["format"] else ""
    if metrics["interrupted"]:
        by = f" by {metrics['stopped_by']}" if metrics["stopped_by"] else ""
        return f"interrupted{by} after {spoken_s:.1f} s{form}"
    if audio_s - spoken_s > 0.05:  # noqa: PLR2004  half of the last digit shown
        return f"{verb} {spoken_s:.1f} of {audio_s:.1f} s{form}"
    return f"{verb} {audio_s:.1f} s{form}"


def _sentences(text: AboutText) -> str:
    if text.known is None:
        return f"spoken {text.heard} sentence{'' if text.heard == 1 else 's'}"
    return f"spoken {text.heard} of {text.known} sentence{'' if text.known == 1 else 's'}"


def _underruns(sink: dict[str, Any]) -> str:
    if not sink["count"]:
        return "no underruns"
    plural = "s" if sink["count"] > 1 else ""
    return f"{sink['count']} underrun{plural} ({sink['total_ms']:.0f} ms)"
