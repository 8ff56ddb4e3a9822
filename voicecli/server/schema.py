"""The API's schema: the speech request as a pydantic model, and the OpenAPI document.

Field names, limits and error codes are those of OpenAI's API reference,
``POST /audio/speech``. Unknown fields are ignored, because clients send extra
fields meant for other servers. Every optional field may be null.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from voicecli import __version__
from voicecli.codecs.formats import CODECS
from voicecli.request import SpeechRequest
from voicecli.sanitize import clean
from voicecli.server import events
from voicecli.server.catalogue import MODEL, MODELS
from voicecli.server.errors import ApiError
from voicecli.server.speech import content_type
from voicecli.sources.voicenames import DEFAULT_VOICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

    from voicecli.server.catalogue import Catalogue

    FormatName = str
else:
    FormatName = Literal[tuple(CODECS)]

MAX_INPUT = 4096
"""Characters in one request, OpenAI's limit: about four minutes of speech."""

MAX_BODY_BYTES = 256 * 1024
"""Room for two texts of `MAX_INPUT` characters, each character escaped as a surrogate pair."""

SPEAKABLE = "[A-Za-z0-9]"
"""An English voice finds something to say only if the text has at least one of these."""

DEFAULT_FORMAT = "mp3"

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

_CODES = {
    "missing": "missing_required_parameter",
    "string_type": "invalid_type",
    "float_type": "invalid_type",
    "empty_string": "empty_string",
    "string_too_long": "string_above_max_length",
    "greater_than_equal": "decimal_below_min_value",
    "less_than_equal": "decimal_above_max_value",
}
"""OpenAI's code for each type of pydantic's errors; any other is ``invalid_value``."""


def _check_speakable(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty_string", "Text is empty")
    if not re.search(SPEAKABLE, text):
        raise PydanticCustomError("unspeakable", "Text has no word that can be spoken in English")
    return text


class SpeechBody(BaseModel):
    """The body of ``POST /v1/audio/speech``."""

    model_config = ConfigDict(strict=True)

    input: Annotated[
        str,
        Field(max_length=MAX_INPUT, json_schema_extra={"minLength": 1, "pattern": SPEAKABLE}),
        AfterValidator(_check_speakable),
    ] = Field(description="The text to speak, in English.")
    model: str | None = None  # see `speech_model`
    voice: str | None = None
    response_format: FormatName | None = Field(DEFAULT_FORMAT, description="The audio format.")
    speed: float | None = Field(None, ge=0.25, le=4.0, description="1 is the voice's own pace.")
    stream_format: Literal["audio", "sse"] | None = Field(
        "audio", description="Plain audio, or server-sent events that carry it."
    )
    instructions: str | None = Field(
        None, max_length=MAX_INPUT, description="Accepted, and without effect on this voice."
    )

    def request(self) -> SpeechRequest:
        """Return the request as sources take it."""
        return SpeechRequest(
            text=self.input,
            voice=self.voice or DEFAULT_VOICE,
            model=self.model or MODEL,
            response_format=self.response_format or DEFAULT_FORMAT,
            speed=self.speed,
            instructions=self.instructions,
        )


def speech_model(catalogue: Catalogue) -> type[SpeechBody]:
    """Return `SpeechBody` with the names of voices and models that the catalogue accepts."""
    any_name = () if catalogue.strict else (str,)
    names: Any = Literal.__getitem__(catalogue.names)
    custom = create_model("CustomVoice", id=names)

    def resolve_model(value: Any) -> Any:
        return catalogue.model(value) if isinstance(value, str) else value

    def resolve_voice(value: Any) -> Any:
        if isinstance(value, dict):  # as OpenAI's SDK sends custom voices
            value = value.get("id")
        return catalogue.voice(value) if isinstance(value, str) else value

    return create_model(
        "Speech",
        __base__=SpeechBody,
        model=(
            _choice(Literal.__getitem__(MODELS), resolve_model, *any_name),
            Field(MODEL, description="There is one model; other names are aliases for it."),
        ),
        voice=(
            _choice(names, resolve_voice, custom, *any_name),
            Field(DEFAULT_VOICE, description="A voice of /v1/audio/voices."),
        ),
    )


def _choice(names: Any, resolve: Callable[[Any], Any], *others: Any) -> Any:
    """Return the type of a value that ``resolve`` maps to one of ``names``, or None.

    ``others`` are the types that the JSON schema allows besides ``names``.
    """
    accepted = Union.__getitem__((names, *others))
    return Annotated[names, BeforeValidator(resolve, json_schema_input_type=accepted)] | None


def parse(model: type[SpeechBody], body: bytes) -> SpeechBody:
    """Parse a request's body.

    Raises:
        ApiError: it is not a JSON object, or a field is invalid; the first one is named.
    """
    try:
        decoded = json.loads(body.decode("utf-8"), parse_constant=_reject, parse_int=float)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "the body is not valid JSON in UTF-8", code="invalid_json") from error
    if not isinstance(decoded, dict):
        raise ApiError(400, "the body must be a JSON object", code="invalid_type")
    try:
        return model.model_validate(decoded)
    except ValidationError as error:
        raise _api_error(error.errors(include_url=False)[0]) from error


def _reject(text: str) -> float:
    """Reject NaN and the infinities, which Python accepts and JSON does not have."""
    raise ValueError(text)


def _api_error(error: ErrorDetails) -> ApiError:
    param, given = str(error["loc"][0]), error["input"]
    message = f"{param!r}: {error['msg']}"
    code = _CODES.get(error["type"], "invalid_value")
    if error["type"] != "literal_error":
        return ApiError(400, message, param=param, code=code)
    if not isinstance(given, str):
        return ApiError(400, message, param=param, code="invalid_type")
    message += f", not {clean(given, 60)!r}"
    if param == "model":
        return ApiError(404, message, param=param, code="model_not_found")
    return ApiError(400, message, param=param, code=code)


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
