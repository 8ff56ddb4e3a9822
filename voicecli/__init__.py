"""Speak streamed text-to-speech: heard before the server has finished.

The parts that a program needs are here by name and loaded when they are first
touched, so that ``import voicecli`` costs nothing::

    from voicecli import BuiltinSource, Session, SpeechRequest, VoiceCache

    request = SpeechRequest("Hello.", voice="heart", model="hibari", response_format="pcm")
    result = Session().run([BuiltinSource(request, VoiceCache())])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.codecs.decoding.auto import AutoDecoder, make_decoder
    from voicecli.errors import VoiceError
    from voicecli.playback.output import OutputSettings
    from voicecli.recording.saver import Saver
    from voicecli.request import SpeechRequest
    from voicecli.session import Session, SessionResult, SessionSettings
    from voicecli.sources.builtin import BuiltinSource
    from voicecli.sources.client import SpeechClient
    from voicecli.sources.file import FileSource
    from voicecli.sources.openai import OpenAISource
    from voicecli.sources.voicecache import VoiceCache
    from voicecli.telemetry.metrics import Recorder

__version__ = "0.1.0"

__all__ = [
    "AudioFormat",
    "AutoDecoder",
    "BuiltinSource",
    "FileSource",
    "OpenAISource",
    "OutputSettings",
    "Pcm",
    "Recorder",
    "Saver",
    "Session",
    "SessionResult",
    "SessionSettings",
    "SpeechClient",
    "SpeechRequest",
    "VoiceCache",
    "VoiceError",
    "__version__",
    "make_decoder",
]

_HOMES = {
    "AudioFormat": "audio.pcm",
    "AutoDecoder": "codecs.decoding.auto",
    "BuiltinSource": "sources.builtin",
    "FileSource": "sources.file",
    "OpenAISource": "sources.openai",
    "Pcm": "audio.pcm",
    "Recorder": "telemetry.metrics",
    "Saver": "recording.saver",
    "Session": "session",
    "SessionResult": "session",
    "SessionSettings": "session",
    "OutputSettings": "playback.output",
    "SpeechClient": "sources.client",
    "SpeechRequest": "request",
    "VoiceCache": "sources.voicecache",
    "VoiceError": "errors",
    "make_decoder": "codecs.decoding.auto",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"voicecli.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
