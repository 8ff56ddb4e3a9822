"""The voices and models that the server offers.

Only voices installed on this machine are offered: a request must not make the
server download megabytes while other requests wait. ``voicecli say --voice emma``
downloads a voice; the next start of the server offers it.

OpenAI's names of voices and models are accepted for clients that know no others.
A voice name that is not one of our own stands for the default voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voicecli.errors import SourceError
from voicecli.sanitize import clean
from voicecli.sources.voicecache import DEFAULT_VOICE
from voicecli.sources.voices import OPENAI_VOICES, VoiceInfo, builtin_voices

MODEL = "hibari"

MODELS = (MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
"""Names for the only model: its own, then OpenAI's."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The built-in voices on offer, by name, and OpenAI's names for the default one."""

    builtin: dict[str, VoiceInfo]

    @property
    def aliases(self) -> tuple[str, ...]:
        """OpenAI's names that no built-in voice has."""
        return tuple(name for name in OPENAI_VOICES if name not in self.builtin)

    @property
    def names(self) -> tuple[str, ...]:
        """Every accepted voice name."""
        return (*self.builtin, *self.aliases)

    def voice(self, name: str) -> str:
        """Return the built-in voice for one of `names`."""
        return name if name in self.builtin else DEFAULT_VOICE

    def voices_json(self) -> dict[str, Any]:
        """Return the answer of ``/v1/audio/voices``, in the shape of Kokoro-FastAPI and others."""
        aliases = [VoiceInfo(name, f"{name} (as {DEFAULT_VOICE})") for name in self.aliases]
        return {"voices": [voice.to_json() for voice in (*self.builtin.values(), *aliases)]}

    def models_json(self) -> dict[str, Any]:
        """Return the answer of ``/v1/models``, in OpenAI's shape."""
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "voicecli"} for name in MODELS
        ]
        return {"object": "list", "data": models}


def installed() -> Catalogue:
    """Return the voices on this machine.

    Raises:
        SourceError: hibari-tts is not completely installed.
    """
    listed = builtin_voices()
    from hibari.voices import voice_path  # noqa: PLC0415  imports numpy

    builtin: dict[str, VoiceInfo] = {}
    for voice in listed:
        try:
            voice_path(voice.id, download_missing=False)
        except OSError:
            continue
        note = (voice.note or "").split(";")[0]
        builtin[voice.id] = VoiceInfo(voice.id, None, voice.language, note)
    if DEFAULT_VOICE not in builtin:
        raise SourceError(f"the built-in voice {clean(DEFAULT_VOICE)} is not installed")
    return Catalogue(builtin)
