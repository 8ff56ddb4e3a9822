"""The OpenAPI document, made from the tables that the server works by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicecli import __version__
from voicecli.codecs.formats import CODECS
from voicecli.server import events
from voicecli.server.speech import content_type

if TYPE_CHECKING:
    from voicecli.server.schema import SpeechBody

JsonObject = dict[str, Any]

_ERRORS = {
    400: "The request is invalid; the error names the field.",
    401: "The server has a key, and the request's is missing or wrong.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    413: "The body is too long.",
    415: "The content type is not JSON.",
    429: "The server is busy.",
    500: "Synthesis failed.",
}


def openapi(model: type[SpeechBody], *, has_key: bool) -> JsonObject:
    """Return the OpenAPI 3.1 document, JSON-ready."""
    speech = model.model_json_schema(ref_template=_REF)
    components = {"schemas": {"Speech": speech, "Error": _ERROR} | speech.pop("$defs")}
    document: JsonObject = {
        "openapi": "3.1.0",
        "info": {
            "title": "voicecli serve",
            "version": __version__,
            "description": "OpenAI's speech API with voicecli's built-in voice.",
        },
        "paths": {
            "/v1/audio/speech": {"post": _speech_operation()},
            "/v1/audio/voices": {"get": _get("List the voices", _VOICES, 401)},
            "/v1/models": {"get": _get("List the models", _MODELS, 401)},
            "/v1/models/{name}": {
                "get": _get("Describe a model", _MODEL, 401, 404),
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": _TEXT}],
            },
            "/health": {"get": _get("Check that the server is up", _HEALTH)},
            "/openapi.json": {"get": _get("This document", {"type": "object"})},
        },
        "components": components,
    }
    if has_key:
        document["security"] = [{"key": []}]
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document


def _speech_operation() -> JsonObject:
    binary: JsonObject = {"schema": {"type": "string", "format": "binary"}}
    responses = {str(status): _error_response(status) for status in _ERRORS}
    responses["429"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    responses["200"] = {
        "description": "The speech, streamed as it is synthesized.",
        "headers": {
            "X-Sample-Rate": {"schema": {"type": "integer"}},
            "X-Channels": {"schema": {"type": "integer"}},
        },
        "content": {content_type(name): binary for name in CODECS} | {events.MEDIA_TYPE: {}},
    }
    body = {"application/json": {"schema": {"$ref": _REF.format(model="Speech")}}}
    return {
        "operationId": "createSpeech",
        "summary": "Speak a text",
        "requestBody": {"required": True, "content": body},
        "responses": responses,
    }


def _get(summary: str, schema: JsonObject, *errors: int) -> JsonObject:
    """Describe a GET operation. One that cannot fail with 401 needs no key."""
    ok = {"description": summary, "content": {"application/json": {"schema": schema}}}
    responses = {"200": ok} | {str(status): _error_response(status) for status in errors}
    return {"summary": summary, "responses": responses} | ({} if errors else {"security": []})


def _error_response(status: int) -> JsonObject:
    schema = {"schema": {"$ref": _REF.format(model="Error")}}
    return {"description": _ERRORS[status], "content": {"application/json": schema}}


def _object(**properties: Any) -> JsonObject:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list_of(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}


_REF = "#/components/schemas/{model}"
_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}

_ERROR = _object(error=_object(message=_TEXT, type=_TEXT, param=_TEXT_OR_NULL, code=_TEXT_OR_NULL))
_VOICE = _object(id=_TEXT, name=_TEXT, language=_TEXT_OR_NULL, note=_TEXT_OR_NULL)
_VOICES = _object(voices=_list_of(_VOICE))
_MODEL = _object(id=_TEXT, object={"const": "model"}, created=_COUNT, owned_by=_TEXT)
_MODELS = _object(object={"const": "list"}, data=_list_of(_MODEL))
_HEALTH = _object(status={"const": "ok"}, busy=_COUNT, max_concurrency=_COUNT)
