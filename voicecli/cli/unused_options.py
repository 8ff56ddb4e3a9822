"""Warn about options that have no effect."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.cli.settings import PlaybackFlags
    from voicecli.config.endpoint import Endpoint, EndpointChoice

_NOT_FOR_BUILTIN = {
    "model": "--model",
    "response_format": "--format",
    "instructions": "--instructions",
    "extra_body": "--extra",
}
"""Field of `EndpointChoice` → its option."""

_NOT_WITHOUT_SOUND = {
    "device": "--device",
    "buffer_ms": "--buffer-ms",
    "latency_ms": "--latency-ms",
    "preroll_ms": "--preroll-ms",
}
"""Field of `PlaybackFlags` → its option."""

_NO_INSTRUCTIONS = ("tts-1", "tts-1-hd")
"""OpenAI's models that ignore instructions (its API reference, createSpeech)."""


def unused_by(choice: EndpointChoice, endpoint: Endpoint) -> Iterator[str]:
    """Yield a sentence for the options that have no effect with an endpoint."""
    if endpoint.is_builtin:
        yield from _sentence(choice, _NOT_FOR_BUILTIN, "with the built-in voice")
    elif endpoint.is_openai and choice.instructions and endpoint.model in _NO_INSTRUCTIONS:
        yield f"--instructions has no effect with the model {endpoint.model}"


def unused_without_sound(flags: PlaybackFlags) -> Iterator[str]:
    """Yield a sentence for the options that have no effect if nothing is played."""
    return _sentence(flags, _NOT_WITHOUT_SOUND, "with --no-play")


def _sentence(given: object, options: dict[str, str], where: str) -> Iterator[str]:
    names = [name for field, name in options.items() if getattr(given, field) not in (None, {})]
    if names:
        *first, last = names
        together = f"{', '.join(first)} and {last}" if first else last
        yield f"{together} {'have' if first else 'has'} no effect {where}"


def is_pipe_unread(given: Sequence[object]) -> bool:
    """Return whether a pipe on standard input holds data that will not be read.

    ``given`` is what was given as text or as files; ``-`` among it reads the pipe.
    """
    if not any(given) or "-" in map(str, given):
        return False
    try:
        descriptor = -1 if sys.stdin is None else sys.stdin.fileno()
        if descriptor < 0 or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return False
        import fcntl  # noqa: PLC0415  standard input is rarely a pipe and not used
        import termios  # noqa: PLC0415  likewise

        return any(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    except (OSError, ValueError):
        return False
