"""The voices of an endpoint: the built-in ones, OpenAI's, or those a server lists.

``GET /audio/voices`` is not part of OpenAI's API. Compatible servers have it by
convention, or ``GET /voices`` (pocket-tts), in many shapes: names or objects, bare
or under ``voices`` or ``data``, objects keyed by name, lists keyed by language.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voicecli.config.file import exists
from voicecli.errors import BadResponse, ConfigError, SourceError
from voicecli.sanitize import clean
from voicecli.sources.http_errors import fault_of_status
from voicecli.sources.http_get import get
from voicecli.sources.remedies import CHECK_BASE_URL
from voicecli.sources.voicenames import OPENAI_VOICES, REALTIME_SUBSTITUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.config.server import Server

MAX_VOICES = 5000

_NOT_THERE = (404, 405)

_NO_LIST = f"{CHECK_BASE_URL}; otherwise see the server's documentation for names for --voice"
_MAX_NAME = 200
_MAX_DEPTH = 3
_ID_KEYS = ("id", "voice_id", "voice", "ShortName", "name")
_NAME_KEYS = ("name", "display_name", "FriendlyName")
_LANGUAGE_KEYS = ("language", "lang", "locale", "Locale", "language_code")
_NOT_VOICES = ("error", "detail")
_LIST_KEYS = ("voices", "data", "items", "results")


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """One voice: ``id`` is for ``--voice``, the rest is for people and may be None."""

    id: str
    name: str | None = None
    language: str | None = None
    note: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return a JSON object with these four keys."""
        return asdict(self)


def builtin_voices() -> list[VoiceInfo]:
    """Return the built-in voices, with a note on whether each is on this machine.

    Raises:
        SourceError: hibari-tts is missing or incomplete.
    """
    try:
        from hibari.voices import VOICES, cache_dir  # noqa: PLC0415  brings numpy along
    except ImportError as error:
        raise SourceError(f"the built-in voice is not installed: {clean(str(error))}") from error
    voices = []
    for name, entry in VOICES.items():
        note = f"{entry['accent']}, {entry['gender']}"
        if entry.get("bundled"):
            origin = "in the package"
        elif exists(Path(cache_dir()) / entry["file"]):
            origin = "downloaded"
        else:
            origin = f"downloaded on first use, {entry['bytes'] / 1e6:.0f} MB"
        voices.append(VoiceInfo(name, None, entry["language"], f"{note}; {origin}"))
    return voices


def openai_voices(*, is_realtime: bool = False) -> list[VoiceInfo]:
    """Return the voices that OpenAI documents; its APIs have no list of them."""
    lacking = REALTIME_SUBSTITUTES if is_realtime else {}
    return [VoiceInfo(name) for name in OPENAI_VOICES if name not in lacking]


def server_voices(server: Server, *, timeout_s: float) -> list[VoiceInfo]:
    """Ask a server for its voices.

    Raises:
        AuthError: it refuses the key.
        ConfigError: it is not a server, but a source of another package.
        BadResponse: it has no such endpoint, or its answer lists no voices.
        SourceError: it cannot be reached; see `get`.
    """
    base_url = server.base_url
    if urlsplit(base_url).scheme not in ("http", "https"):
        raise ConfigError(
            f"{base_url} belongs to an installed package, whose voices are not known here",
            remedy="see that package's documentation for names for --voice",
        )
    answer = get(server, "/audio/voices", timeout_s=timeout_s)
    if answer.status in _NOT_THERE:
        answer = get(server, "/voices", timeout_s=timeout_s)
    if answer.status in _NOT_THERE:
        raise BadResponse(
            f"{base_url} does not list its voices ({answer.status})",
            remedy=_NO_LIST,
        )
    if answer.status >= 300:  # noqa: PLR2004  RFC 9110: not a success, not a redirect that was followed
        fault = fault_of_status(answer.status, answer.headers, answer.body, has_key=server.has_key)
        fault.remedy = fault.remedy or _NO_LIST
        raise fault
    try:
        listed = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise BadResponse(f"{base_url} did not answer in JSON", remedy=_NO_LIST) from error
    voices = parse_voices(listed)
    if not voices:
        raise BadResponse(
            f"{base_url} sent no list of voices that voicecli can read", remedy=_NO_LIST
        )
    return voices


def parse_voices(listed: Any) -> list[VoiceInfo]:
    """Return the voices in a decoded JSON answer, in its order, each once.

    Pure. At most `MAX_VOICES`; texts are cleaned and cut. An unknown shape gives an
    empty list.
    """
    voices: dict[str, VoiceInfo] = {}
    for voice in _found(listed, None, 0):
        voices.setdefault(voice.id, voice)
        if len(voices) >= MAX_VOICES:
            break
    return list(voices.values())


def _found(listed: Any, language: str | None, depth: int) -> Iterator[VoiceInfo]:
    if isinstance(listed, list):
        for entry in listed:
            yield from _one(entry, language)
    elif isinstance(listed, dict) and depth < _MAX_DEPTH:
        for key in _LIST_KEYS:
            if isinstance(listed.get(key), list | dict):
                yield from _found(listed[key], language, depth + 1)
                return
        for key, value in listed.items():
            if key not in _NOT_VOICES and key not in _LIST_KEYS:
                yield from _keyed(key, value, language, depth)


def _keyed(key: str, value: Any, language: str | None, depth: int) -> Iterator[VoiceInfo]:
    """Yield the voices of one member of an object: a language's list, or a voice by its name."""
    if isinstance(value, list):
        yield from _found(value, key, depth + 1)
    elif isinstance(value, dict):
        yield from _one({**value, "id": key}, language)
    elif isinstance(value, str | None) and depth:  # not at the top, where texts are messages
        yield from _one({"id": key, "name": value}, language)


def _one(entry: Any, language: str | None) -> Iterator[VoiceInfo]:
    """Yield the voice of one entry, if it is one."""
    if isinstance(entry, str):
        entry = {"id": entry}
    if not isinstance(entry, dict):
        return
    identifier = _text(entry, _ID_KEYS)
    if identifier:
        name = _text(entry, _NAME_KEYS)
        own = _text(entry, _LANGUAGE_KEYS)
        language = own or (clean(language, _MAX_NAME) if language else None)
        yield VoiceInfo(identifier, name if name != identifier else None, language)


def _text(entry: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return the first of ``keys`` whose value is a text."""
    for key in keys:
        if isinstance(entry.get(key), str) and (text := clean(entry[key], _MAX_NAME)):
            return text
    return None
