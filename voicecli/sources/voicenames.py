"""Map the voice names of other services to built-in voices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

DEFAULT_VOICE = "heart"

OPENAI_VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx",
    "nova", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
"""As documented for ``audio.speech`` in the SDK 3.51 (``SpeechCreateParams.voice``)."""

REALTIME_SUBSTITUTES = {"fable": "ballad", "nova": "marin", "onyx": "cedar"}
"""Those that its Realtime API lacks (the same SDK), and the nearest that it has."""

_KOKORO = re.compile(r"[a-z][fm](?:_([a-z0-9]+))?")
"""Language, gender, and a name except in its first version.

The built-in voices have the names of those they are based on.
"""

_WEIGHTED = re.compile(r"([+-])\s*(\w+)\s*(?:\(\s*(\d{1,6}(?:\.\d{0,6})?)\s*\))?\s*")


def builtin_voice(name: str, available: Collection[str]) -> str | None:
    """Return the one of the ``available`` voices that ``name`` stands for, None if unknown.

    A name is that of a built-in voice, one of OpenAI's, one of Kokoro's (``af_sky``), a
    mix of them (``af_bella(2)+af_sky-af_nova``), of which the heaviest voice counts, or empty.
    Case does not matter. A voice that is not available becomes the default voice.
    """
    if not name.strip():
        return DEFAULT_VOICE
    voices: dict[str, float] = {}
    rest = "+" + name.lower().strip()
    while rest:
        match = _WEIGHTED.match(rest)
        voice = _single_voice(match[2], available) if match else None
        if match is None or voice is None:
            return None
        weight = float(match[3] or 1) * (-1 if match[1] == "-" else 1)
        voices[voice] = voices.get(voice, 0.0) + weight
        rest = rest[match.end() :]
    return max(voices, key=voices.__getitem__)


def _single_voice(name: str, available: Collection[str]) -> str | None:
    if kokoro := _KOKORO.fullmatch(name):
        return kokoro[1] if kokoro[1] in available else DEFAULT_VOICE
    if name in available:
        return name
    return DEFAULT_VOICE if name in OPENAI_VOICES else None
