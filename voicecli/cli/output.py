"""What commands say to people (standard error) and to machines (standard output).

Either may be closed, or be a pipe whose reader has left. That is nobody's fault
and changes no exit status.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from voicecli.errors import SaveError, VoiceError
from voicecli.sanitize import clean, mask_controls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


def print_message(message: str) -> None:
    """One line for a person, on standard error."""
    _say(f"voicecli: {message}")


def print_error(error: VoiceError) -> None:
    """An error and, where there is one, what to do about it."""
    print_message(f"error: {error.message}")
    if error.remedy:
        _say(f"  {error.remedy}")


def _say(line: str) -> None:
    if sys.stderr is None:  # print would take standard output instead
        return
    try:
        print(mask_controls(line), file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)


def internal_error(error: Exception) -> VoiceError:
    """An exception that nobody foresaw, as an error that can be told."""
    if isinstance(error, VoiceError):
        return error
    said = clean(f"{type(error).__name__}: {error}")
    return VoiceError(
        f"internal error: {said}",
        remedy="please report it, with the traceback that VOICECLI_TRACEBACK=1 prints",
    )


def print_json(value: Any) -> None:
    """One JSON object or array on standard output; in ASCII, which every locale can write.

    Raises:
        SaveError: standard output is a file that cannot be written to.
    """
    print_text(json.dumps(value, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Text on standard output, as it is.

    Raises:
        SaveError: standard output is a file that cannot be written to.
    """
    if sys.stdout is not None:
        with _writing():
            sys.stdout.write(text)
            sys.stdout.flush()


def flush() -> None:
    """Write out what was printed.

    Raises:
        SaveError: standard output is a file that cannot be written to.
    """
    if sys.stdout is not None:
        with _writing():
            sys.stdout.flush()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        abandon(sys.stdout)
    except OSError as error:
        abandon(sys.stdout)
        raise SaveError(f"cannot write standard output: {error.strerror or error}") from error


def abandon(stream: TextIO) -> None:
    """Let what is left in a standard stream go nowhere, so that nothing stumbles over it at exit.

    The interpreter would end with 120, whatever status was meant.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def tolerate_locale() -> None:
    """Let standard output write ``?`` for what its encoding, such as Latin-1, has no bytes for.

    A table with a dash in it must not end a benchmark. UTF-8 is left as it is, since it
    may carry the names of files that are no text; so is standard error, which escapes.
    """
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
        stream.reconfigure(errors="replace")


def summarise(metrics: dict[str, Any]) -> str:
    """One line on how a run went, from its metrics."""
    parts = [_spoken(metrics)]
    if metrics["ttfa_ms"] is not None:
        launch_ms = metrics["launch_to_request_ms"] or 0.0
        parts.append(f"first sound after {launch_ms + metrics['ttfa_ms']:.0f} ms")
    if metrics["rtf"] is not None:
        parts.append(f"RTF {metrics['rtf']:.2f}")
    if metrics["ttfa_ms"] is not None:
        parts.append(_underruns(metrics["underruns"]["sink"]))
    if metrics["saved"]:
        parts.append("saved " + ", ".join(metrics["saved"]))
    return " · ".join(parts)


def _spoken(metrics: dict[str, Any]) -> str:
    spoken_s, audio_s = metrics["spoken_s"], metrics["audio_s"]
    verb = "spoke" if metrics["ttfa_ms"] is not None else "received"
    form = f" of {metrics['format']}" if metrics["format"] else ""
    if metrics["interrupted"]:
        return f"interrupted after {spoken_s:.1f} s{form}"
    if audio_s - spoken_s > 0.05:  # noqa: PLR2004  half of the last digit shown
        return f"{verb} {spoken_s:.1f} of {audio_s:.1f} s{form}"
    return f"{verb} {audio_s:.1f} s{form}"


def _underruns(sink: dict[str, Any]) -> str:
    if not sink["count"]:
        return "no underruns"
    plural = "s" if sink["count"] > 1 else ""
    return f"{sink['count']} underrun{plural} ({sink['total_ms']:.0f} ms)"
