"""Speak streamed text-to-speech: heard before the server has finished.

The public names below are loaded on first use, so ``import voicecli`` costs nothing::

    from voicecli import Engine

    with Engine() as engine:  # the built-in voice, on the default device
        engine.say("Hello.").wait()
"""

from __future__ import annotations

from voicecli._lazy import lazy_names

TYPE_CHECKING = False  # importing it from typing takes longer than a command for the resident
if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.codecs.decoding.auto import AutoDecoder, make_decoder
    from voicecli.errors import VoiceError
    from voicecli.playback.output import Output, OutputSettings
    from voicecli.recording.saver import Saver
    from voicecli.request import SpeechRequest
    from voicecli.session import Session, SessionResult, SessionSettings
    from voicecli.session.engine import Engine
    from voicecli.session.playback import Playback
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
    "Engine",
    "FileSource",
    "OpenAISource",
    "Output",
    "OutputSettings",
    "Pcm",
    "Playback",
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AudioFormat": "audio.pcm",
        "AutoDecoder": "codecs.decoding.auto",
        "BuiltinSource": "sources.builtin",
        "Engine": "session.engine",
        "FileSource": "sources.file",
        "OpenAISource": "sources.openai",
        "Output": "playback.output",
        "OutputSettings": "playback.output",
        "Pcm": "audio.pcm",
        "Playback": "session.playback",
        "Recorder": "telemetry.metrics",
        "Saver": "recording.saver",
        "Session": "session",
        "SessionResult": "session",
        "SessionSettings": "session",
        "SpeechClient": "sources.client",
        "SpeechRequest": "request",
        "VoiceCache": "sources.voicecache",
        "VoiceError": "errors",
        "make_decoder": "codecs.decoding.auto",
    },
)
