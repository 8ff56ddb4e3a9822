"""Everything that can go wrong, as one tree; each class says which exit status it means.

::

    VoiceError
    ├── ConfigError               3   a setting is missing, unknown or contradictory
    ├── SourceError               4   the bytes did not come
    │   ├── AuthError             3   the server refuses the key
    │   ├── RateLimited           4   429; carries ``retry_after_s``
    │   ├── NetworkError          4   refused, reset, unresolvable, cut off
    │   ├── SourceTimeout         4   connect, first byte or stall took too long
    │   ├── BadResponse           4   an answer that is no audio: status, JSON, HTML, nothing
    │   └── NothingToSay          4   nothing in the text can be spoken
    ├── DecodeError               5   the bytes came, but they are not the audio they claim
    │   ├── UnsupportedFormat     5   recognised, and not one of ours
    │   ├── CorruptStream         5   damaged beyond going on
    │   └── TruncatedStream       5   ended before its own end
    ├── UnderrunError                  4   all was heard, but not in one piece
    ├── DeviceError               6   no usable sound device
    └── SaveError                 7   a file could not be written

Stages raise these and nothing else for faults of the outside world. Any other
exception that reaches the command line is a defect of ours (exit 1).
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

    ``message`` is one sentence for a person; ``remedy``, where there is one,
    says what to do next. ``code`` is the stable snake_case name used in JSON.
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


class SourceError(VoiceError):
    """The bytes did not come.

    ``retryable`` is True where the same request may succeed a moment later.
    """

    code = "source"
    exit_status = ExitStatus.SOURCE

    def __init__(self, message: str, *, remedy: str | None = None, retryable: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.retryable = retryable


class AuthError(SourceError):
    """The server wants a key, or refuses the one it got (401, 403)."""

    code = "auth"
    exit_status = ExitStatus.CONFIG


class RateLimited(SourceError):
    """The server asks for patience (429); ``retry_after_s`` is None where it did not say."""

    code = "rate_limited"

    def __init__(
        self, message: str, *, remedy: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, remedy=remedy, retryable=True)
        self.retry_after_s = retry_after_s


class NetworkError(SourceError):
    """The connection was refused, reset, cut off, or its host has no address."""

    code = "network"


class SourceTimeout(SourceError):
    """Connecting, the first byte, or the next byte took longer than allowed."""

    code = "timeout"


class BadResponse(SourceError):
    """The server answered, and the answer is no audio."""

    code = "bad_response"


class NothingToSay(SourceError):
    """The voice is well, and nothing in the text is anything that it could speak."""

    code = "nothing_to_say"


class DecodeError(VoiceError):
    """The bytes came, but cannot be turned into sound."""

    code = "decode"
    exit_status = ExitStatus.DECODE


class UnsupportedFormat(DecodeError):
    """A format that was recognised, or not, and that no decoder of ours takes."""

    code = "unsupported_format"


class CorruptStream(DecodeError):
    """The stream is damaged where no decoder can go on."""

    code = "corrupt_stream"


class TruncatedStream(DecodeError):
    """The stream ended before the end that the format itself announces."""

    code = "truncated_stream"


class UnderrunError(VoiceError):
    """All was heard, with gaps; an error only for those who want it to be one."""

    code = "underrun"
    exit_status = ExitStatus.SOURCE


class DeviceError(VoiceError):
    """No usable sound device: PortAudio missing, nothing there, or it refuses."""

    code = "device"
    exit_status = ExitStatus.DEVICE


class SaveError(VoiceError):
    """A file could not be written; playback goes on without it."""

    code = "save"
    exit_status = ExitStatus.SAVE
