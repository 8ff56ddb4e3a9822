"""The server in OpenAPI 3.1, made from the tables by which it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicecli import __version__
from voicecli.codecs.formats import CODECS
from voicecli.server import events
from voicecli.server.errors import SCHEMA
from voicecli.server.speech import content_type

if TYPE_CHECKING:
    from voicecli.server.fields import JsonObject, SpeechFields

_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}

_REFUSALS = {
    400: "The request is at fault; the error says where.",
    401: "The key is missing or wrong.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    413: "The body is too long.",
    415: "The body is not said to be JSON.",
    429: "Every place is taken.",
    500: "The voice failed.",
}


def describe(fields: SpeechFields, *, has_key: bool) -> JsonObject:
    """The OpenAPI document, JSON-ready."""
    components: JsonObject = {"schemas": {"Error": SCHEMA, "Speech": fields.describe()}}
    document: JsonObject = {
        "openapi": "3.1.0",
        "info": {
            "title": "voicecli serve",
            "version": __version__,
            "description": "Speech in OpenAI's API, by the built-in voice of voicecli.",
        },
        "paths": {
            "/v1/audio/speech": {"post": _speech(has_key=has_key)},
            "/v1/audio/voices": {"get": _get("Voices on offer", _VOICES, has_key=has_key)},
            "/v1/models": {"get": _get("Models on offer", _MODELS, has_key=has_key)},
            "/health": {"get": _get("Whether the server is up", _HEALTH, has_key=False)},
            "/openapi.json": {"get": _get("This document", {"type": "object"}, has_key=False)},
        },
        "components": components,
    }
    if has_key:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document


def _speech(*, has_key: bool) -> JsonObject:
    binary: JsonObject = {"schema": {"type": "string", "format": "binary"}}
    kinds = [content_type(name) for name in CODECS]
    refused = [status for status in _REFUSALS if has_key or status != 401]  # noqa: PLR2004  Unauthorized
    responses: JsonObject = {str(status): _refusal(status) for status in refused}
    responses["429"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    responses["200"] = {
        "description": "The speech, streamed as it is made.",
        "headers": {
            "X-Sample-Rate": {"schema": {"type": "integer"}},
            "X-Channels": {"schema": {"type": "integer"}},
        },
        "content": dict.fromkeys(kinds, binary) | {events.MEDIA_TYPE: {}},
    }
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Speech"}}}
    return _secured(has_key=has_key) | {
        "operationId": "createSpeech",
        "summary": "Speak a text",
        "requestBody": {"required": True, "content": body},
        "responses": responses,
    }


def _get(summary: str, schema: JsonObject, *, has_key: bool) -> JsonObject:
    ok = {"description": summary, "content": {"application/json": {"schema": schema}}}
    responses = {"200": ok} | ({"401": _refusal(401)} if has_key else {})
    return _secured(has_key=has_key) | {"summary": summary, "responses": responses}


def _refusal(status: int) -> JsonObject:
    schema = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {"description": _REFUSALS[status], "content": {"application/json": schema}}


def _secured(*, has_key: bool) -> JsonObject:
    return {"security": [{"key": []}]} if has_key else {}


def _object(**properties: Any) -> JsonObject:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list_of(schema: JsonObject) -> JsonObject:
    return {"type": "array", "items": schema}


_VOICES = _object(
    voices=_list_of(
        _object(id=_TEXT, name=_TEXT_OR_NULL, language=_TEXT_OR_NULL, note=_TEXT_OR_NULL)
    )
)
_MODELS = _object(
    object={"const": "list"},
    data=_list_of(_object(id=_TEXT, object={"const": "model"}, created=_COUNT, owned_by=_TEXT)),
)
_HEALTH = _object(status={"const": "ok"}, busy=_COUNT, max_concurrency=_COUNT)
