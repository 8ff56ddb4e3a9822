"""The voices and models that the server offers.

Only voices installed on this machine are offered: a request must not make the
server download megabytes while other requests wait. ``voicecli say --voice emma``
downloads a voice; the next start of the server offers it.

Clients are set up for other servers, so the names of OpenAI's and Kokoro's voices and
models are accepted as well, in any case, unless the catalogue is strict: it then
accepts our names and OpenAI's, exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from voicecli.errors import SourceError
from voicecli.sanitize import clean
from voicecli.server.errors import ApiError
from voicecli.sources.voicenames import DEFAULT_VOICE, OPENAI_VOICES, builtin_voice
from voicecli.sources.voices import VoiceInfo, builtin_voices

MODEL = "hibari"

MODELS = (MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
"""Names for the only model: its own, then OpenAI's."""


_DATE = re.compile(r"-[0-9]{4}(?:-[0-9]{2}-[0-9]{2})?$")
"""What OpenAI adds to a model's name for one of its versions, as in ``tts-1-1106``."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The built-in voices on offer, by name, and the other names that are accepted."""

    builtin: dict[str, VoiceInfo]
    strict: bool = False

    @property
    def aliases(self) -> tuple[str, ...]:
        """OpenAI's names that no built-in voice has."""
        return tuple(name for name in OPENAI_VOICES if name not in self.builtin)

    @property
    def names(self) -> tuple[str, ...]:
        """The voice names to list: the built-in ones, then OpenAI's."""
        return (*self.builtin, *self.aliases)

    def voice(self, name: str) -> str:
        """Return the built-in voice that a name stands for; an unknown name as it is."""
        if not self.strict:
            return builtin_voice(name, self.builtin) or name
        return DEFAULT_VOICE if name in self.aliases else name

    def model(self, name: str) -> str:
        """Return the listed model that a name stands for; an unknown name as it is."""
        if self.strict:
            return name
        plain = name.lower().strip().rpartition("/")[2]  # LiteLLM puts the provider before it
        if not plain or "kokoro" in name.lower():
            return MODEL
        undated = _DATE.sub("", plain)
        return undated if undated in MODELS and plain not in MODELS else plain

    def voices_json(self) -> dict[str, Any]:
        """Return the answer of ``/v1/audio/voices``, in the shape of Kokoro-FastAPI and others."""
        aliases = [VoiceInfo(name, f"{name} (as {DEFAULT_VOICE})") for name in self.aliases]
        return {"voices": [voice.to_json() for voice in (*self.builtin.values(), *aliases)]}

    def models_json(self) -> dict[str, Any]:
        """Return the answer of ``/v1/models``, in OpenAI's shape."""
        return {"object": "list", "data": [self.model_json(name) for name in MODELS]}

    def model_json(self, name: str) -> dict[str, Any]:
        """Return the answer of ``/v1/models/{name}``.

        Raises:
            ApiError: there is no such model.
        """
        if self.model(name) not in MODELS:
            message = f"there is no model {clean(name, 60)!r}; /v1/models lists them"
            raise ApiError(404, message, param="model", code="model_not_found")
        return {"id": name, "object": "model", "created": 0, "owned_by": "voicecli"}


def installed(*, strict: bool = False) -> Catalogue:
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
        builtin[voice.id] = VoiceInfo(voice.id, voice.id.capitalize(), voice.language, note)
    if DEFAULT_VOICE not in builtin:
        raise SourceError(f"the built-in voice {clean(DEFAULT_VOICE)} is not installed")
    return Catalogue(builtin, strict=strict)
