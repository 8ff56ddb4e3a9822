"""The tree of errors; each class carries its exit status.

::

    VoiceError
    ├── ConfigError               3   a setting is missing, unknown or contradictory
    │   └── ThreadError           3   the system allows no more threads
    ├── TextError                 2   the text to speak is empty, binary or cannot be read
    │   └── EmptyText             0   there is nothing in it
    ├── SourceError               4   the audio could not be fetched
    │   ├── AuthError             3   the server rejected the key
    │   ├── RateLimited           4   429; carries ``retry_after_s``
    │   ├── NetworkError          4   refused, reset, unresolvable, cut off
    │   ├── SourceTimeout         4   connecting, the first byte or the next byte took too long
    │   ├── BadResponse           4   the response is not audio: status, JSON, HTML, nothing
    │   ├── NothingToSay          2   the text contains nothing that can be spoken
    │   └── WordsDiffer           4   a model said other words, and that was to be an error
    ├── DecodeError               5   the bytes are not the audio they claim to be
    │   ├── UnsupportedFormat     5   not a format that we decode
    │   ├── CorruptStream         5   too damaged to continue
    │   └── TruncatedStream       5   ended before its own end
    ├── UnderrunError             4   everything was played, but with gaps
    ├── DeviceError               6   no usable sound device
    │   └── DeviceBusy            6   another voice is heard, and this one was not to wait
    └── SaveError                 7   a file could not be written

These are the only exceptions raised for faults of the outside world. Any other
exception that reaches the command line is an internal error (exit 1).
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """Exit statuses of the ``voicecli`` command; stable, scripts may rely on them."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONFIG = 3
    SOURCE = 4
    DECODE = 5
    DEVICE = 6
    SAVE = 7
    LIMIT = 8
    INTERRUPTED = 130


class VoiceError(Exception):
    """Base of every fault that voicecli foresees.

    ``message`` is one sentence for people, ``remedy`` the next step if there is
    one. ``code`` is the stable snake_case name used in JSON.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[ExitStatus] = ExitStatus.INTERNAL

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ConfigError(VoiceError):
    """A setting is missing, unknown or contradicts another."""

    code = "config"
    exit_status = ExitStatus.CONFIG


class ThreadError(ConfigError):
    """The limits of the system, on memory or on threads, allow no more threads."""

    code = "threads"


class TextError(VoiceError):
    """The text to speak is empty, is binary or cannot be read."""

    code = "text"
    exit_status = ExitStatus.USAGE


class EmptyText(TextError):
    """There is nothing to speak, which is not a failure: a hook may have nothing to say."""

    code = "empty_text"
    exit_status = ExitStatus.OK


class SourceError(VoiceError):
    """The audio could not be fetched; ``retryable`` if the same request may succeed later."""

    code = "source"
    exit_status = ExitStatus.SOURCE

    def __init__(self, message: str, *, remedy: str | None = None, retryable: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.retryable = retryable


class AuthError(SourceError):
    """The server requires a key, or rejected the one it got (401, 403)."""

    code = "auth"
    exit_status = ExitStatus.CONFIG


class RateLimited(SourceError):
    """Too many requests (429); ``retry_after_s`` is None if the server gave no delay."""

    code = "rate_limited"

    def __init__(
        self, message: str, *, remedy: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, remedy=remedy, retryable=True)
        self.retry_after_s = retry_after_s


class NetworkError(SourceError):
    """The connection was refused, reset or cut off, or the host has no address."""

    code = "network"


class SourceTimeout(SourceError):
    """Connecting, the first byte or the next byte took longer than allowed."""

    code = "timeout"


class BadResponse(SourceError):
    """The server answered with something other than audio.

    ``status`` and ``refusal``, the beginning of the body, are set if the server refused the
    request as such (400, 413, 422). The body is not clean: for programs, not for terminals.
    """

    code = "bad_response"
    status: int | None = None
    refusal: bytes | None = None


class NothingToSay(SourceError):
    """The text contains nothing that the voice can speak."""

    code = "nothing_to_say"
    exit_status = ExitStatus.USAGE


class WordsDiffer(SourceError):
    """The model said other words than those of the text; raised only if asked for."""

    code = "words_differ"


class DecodeError(VoiceError):
    """The bytes cannot be decoded into audio."""

    code = "decode"
    exit_status = ExitStatus.DECODE


class UnsupportedFormat(DecodeError):
    """No decoder handles the format, whether it was recognised or not."""

    code = "unsupported_format"


class CorruptStream(DecodeError):
    """The stream is too damaged for the decoder to continue."""

    code = "corrupt_stream"


class TruncatedStream(DecodeError):
    """The stream ended before the end that the format announces."""

    code = "truncated_stream"


class UnderrunError(VoiceError):
    """Everything was played, but with gaps; raised only if asked for."""

    code = "underrun"
    exit_status = ExitStatus.SOURCE


class DeviceError(VoiceError):
    """No usable sound device: PortAudio is missing, finds nothing or reports an error."""

    code = "device"
    exit_status = ExitStatus.DEVICE


class DeviceBusy(DeviceError):
    """Another voice is heard, and this one was neither to wait nor to interrupt it."""

    code = "busy"


class SaveError(VoiceError):
    """A file could not be written; playback continues without it."""

    code = "save"
    exit_status = ExitStatus.SAVE


def memory_limit_error(error: Exception) -> ConfigError | None:
    """Return what to report if an allocation failed, or a library had no room (dlopen(3))."""
    is_unloaded = isinstance(error, ImportError) and "failed to map segment" in str(error)
    if not isinstance(error, MemoryError) and not is_unloaded:
        return None
    return ConfigError(
        "there is too little memory",
        remedy="raise the limit, for example with ulimit -v, or that of the container",
    )
