"""Which voices and models the server answers to.

Only voices whose network is on this machine are offered: a request must not make
the server fetch megabytes from elsewhere, nor let every other request wait for
them. ``voicecli say --voice emma`` fetches one; the next start offers it.

Clients that know OpenAI only ask for its voices and models by name, so those
names stand for the default voice, wherever they do not name one of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from voicecli.errors import SourceError
from voicecli.sanitize import clean
from voicecli.sources.voicecache import DEFAULT_VOICE
from voicecli.sources.voices import OPENAI_VOICES, VoiceInfo, builtin_voices

MODEL = "hibari"

MODELS = (MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
"""Names that are taken for the one model there is: its own, then OpenAI's."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The voices on offer by their own names, and the names that stand for the default one."""

    own: dict[str, VoiceInfo]
    default: str = DEFAULT_VOICE
    aliases: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        aliases = tuple(name for name in OPENAI_VOICES if name not in self.own)
        object.__setattr__(self, "aliases", aliases)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a request may have as its voice."""
        return (*self.own, *self.aliases)

    def voice(self, name: str) -> str:
        """The built-in voice that a name of `names` stands for."""
        return name if name in self.own else self.default

    def voices_json(self) -> dict[str, Any]:
        """What ``/v1/audio/voices`` answers: the shape of Kokoro-FastAPI and its like."""
        own = [voice.to_json() for voice in self.own.values()]
        stand_ins = [VoiceInfo(name, f"{name} (as {self.default})") for name in self.aliases]
        return {"voices": own + [voice.to_json() for voice in stand_ins]}

    def models_json(self) -> dict[str, Any]:
        """What ``/v1/models`` answers, in OpenAI's shape."""
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "voicecli"} for name in MODELS
        ]
        return {"object": "list", "data": models}


def installed() -> Catalogue:
    """What is on this machine.

    Raises:
        SourceError: hibari-tts is not installed whole.
    """
    listed = builtin_voices()
    from hibari.voices import voice_path  # noqa: PLC0415  brings numpy along

    own: dict[str, VoiceInfo] = {}
    for voice in listed:
        try:
            voice_path(voice.id, download_missing=False)
        except OSError:
            continue
        own[voice.id] = VoiceInfo(voice.id, None, voice.language, (voice.note or "").split(";")[0])
    if DEFAULT_VOICE not in own:
        raise SourceError(f"the built-in voice {clean(DEFAULT_VOICE)} is not installed")
    return Catalogue(own)
