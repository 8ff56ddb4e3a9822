"""Find speech servers on this machine, on the ports that they usually have."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from voicecli.config.server import Server
from voicecli.errors import VoiceError
from voicecli.sanitize import clean
from voicecli.sources.http_get import get
from voicecli.sources.voices import parse_voices

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTS = (8880, 8000, 8001, 5002, 5050, 5093, 7860, 8080, 8881)
"""Kokoro-FastAPI and `voicecli serve`, speaches and vLLM, others with ``/v1/audio/speech``."""

_REFUSALS = {400, 405, 415, 422}
"""Statuses with which a server that has speech answers a GET of ``/audio/speech``."""

_KEY_WANTED = {401, 403}
_MAX_SHOWN = 40


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A speech server that was found: its URL, and a model and a voice that it lists."""

    base_url: str
    wants_key: bool = False
    model: str | None = None
    voice: str | None = None
    voices: int = 0


def find_local_servers(timeout_s: float, ports: Sequence[int] = PORTS) -> list[LocalServer]:
    """Ask all ports at once, and return the speech servers in the order of the ports.

    Each port is asked up to three times, for ``timeout_s`` each. No key and no text is sent.
    """
    with ThreadPoolExecutor(len(ports), thread_name_prefix="voicecli-discovery") as pool:
        found = pool.map(partial(_speech_server, timeout_s=timeout_s), ports)
        return [server for server in found if server is not None]


def _speech_server(port: int, timeout_s: float) -> LocalServer | None:
    server = Server(f"http://127.0.0.1:{port}/v1")
    status = _status(server, timeout_s)
    if status not in _REFUSALS | _KEY_WANTED:
        return None
    models = _listed(server, "/models", timeout_s)
    names = models.get("data") if isinstance(models, dict) else None
    first = names[0] if isinstance(names, list) and names else None
    model = first.get("id") if isinstance(first, dict) else None
    voices = parse_voices(_listed(server, "/audio/voices", timeout_s))
    return LocalServer(
        f"http://localhost:{port}/v1",
        wants_key=status in _KEY_WANTED,
        model=clean(model, _MAX_SHOWN) if isinstance(model, str) else None,
        voice=clean(voices[0].id, _MAX_SHOWN) if voices else None,
        voices=len(voices),
    )


def _status(server: Server, timeout_s: float) -> int | None:
    try:
        return get(server, "/audio/speech", timeout_s=timeout_s).status
    except VoiceError:
        return None


def _listed(server: Server, path: str, timeout_s: float) -> Any:
    """Return a list as decoded JSON; None if the server has none."""
    try:
        answer = get(server, path, timeout_s=timeout_s)
        return json.loads(answer.body) if answer.status < 300 else None  # noqa: PLR2004  RFC 9110
    except (VoiceError, ValueError, RecursionError):
        return None
