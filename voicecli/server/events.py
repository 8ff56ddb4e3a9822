"""Audio as server-sent events, as ``stream_format=sse`` asks for; pure.

Events are lines (WHATWG HTML, 9.2.6) whose data is one JSON object each, as
OpenAI's API reference has them: ``speech.audio.delta`` with base64 ``audio``, at
the end ``speech.audio.done``. The decoder of them is `voicecli.sources.sse`.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicecli.server.errors import Refusal

MEDIA_TYPE = "text/event-stream"


def delta(audio: bytes) -> bytes:
    """The event that carries a stretch of the audio."""
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode("ascii")})


def done() -> bytes:
    """The last event. ``usage`` has to be there; nothing is counted in tokens here."""
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return _event({"type": "speech.audio.done", "usage": usage})


def failed(refusal: Refusal) -> bytes:
    """The event in place of the last one, where speaking failed half-way."""
    return _event({"type": "error", **refusal.to_json()})


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n\n"
