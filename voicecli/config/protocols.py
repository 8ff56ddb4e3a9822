"""The protocol of a server, and its default model and voice.

``speech`` is ``/audio/speech``, a request for each answer. ``realtime`` is the Realtime API,
a websocket; OpenAI's models for it are named ``gpt-realtime…``. OpenAI ends its speech models
on 2027-01-06 (https://developers.openai.com/api/docs/deprecations) and names
``gpt-realtime-2.1-mini`` in their place: once it has refused one, that is the default.
"""

from __future__ import annotations

from voicecli.config.urls import is_openai

SPEECH = "speech"
REALTIME = "realtime"
PROTOCOLS = (SPEECH, REALTIME)

REALTIME_MODEL = "gpt-realtime-2.1-mini"
"""What OpenAI names in place of its speech models."""

REALTIME_CHARS = 1500
"""How much text one answer may have: 4096 tokens are about 170 s, the limit of older models."""

_BUILTIN_DEFAULTS = {"model": "hibari", "voice": "heart"}
_OPENAI_DEFAULTS = {"model": "gpt-4o-mini-tts", "voice": "alloy"}
_OTHER_DEFAULTS = {"model": "tts-1", "voice": "alloy"}  # names that most compatible servers accept


def protocol_of(model: str, given: str | None) -> str:
    """Return the protocol for a model: the ``given`` one, else by its name."""
    return given or (REALTIME if model.startswith("gpt-realtime") else SPEECH)


def defaults_of(base_url: str | None) -> dict[str, str]:
    """Return the ``model`` and ``voice`` of a server, or of the built-in voice for None."""
    if base_url is None:
        return _BUILTIN_DEFAULTS
    if not is_openai(base_url):
        return _OTHER_DEFAULTS
    from voicecli.config.retired import RetiredModels  # noqa: PLC0415  JSON, for OpenAI only

    if _OPENAI_DEFAULTS["model"] in RetiredModels().of(base_url):
        return _OPENAI_DEFAULTS | {"model": REALTIME_MODEL}
    return _OPENAI_DEFAULTS
