"""Audio as server-sent events, for ``stream_format=sse``; pure.

Each event is one JSON object on a ``data:`` line (WHATWG HTML, 9.2.6), as in
OpenAI's API reference: ``speech.audio.delta`` with base64 ``audio``, then
``speech.audio.done``. `voicecli.sources.sse` decodes them.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicecli.server.errors import ApiError

MEDIA_TYPE = "text/event-stream"


def delta(audio: bytes) -> bytes:
    """Return the event that carries a chunk of audio."""
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode("ascii")})


def done() -> bytes:
    """Return the last event. OpenAI requires ``usage``; no tokens are counted here."""
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return _event({"type": "speech.audio.done", "usage": usage})


def failed(error: ApiError) -> bytes:
    """Return the event that replaces the last one if synthesis failed midway."""
    return _event({"type": "error", **error.to_json()})


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n\n"
