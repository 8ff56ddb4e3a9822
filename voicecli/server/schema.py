"""The speech request as a pydantic model.

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

from voicecli.codecs.formats import CODECS
from voicecli.request import SpeechRequest
from voicecli.sanitize import clean
from voicecli.server.catalogue import MODEL, MODELS
from voicecli.server.errors import ApiError
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

    def lower(value: Any) -> Any:
        return value.lower().strip() or None if isinstance(value, str) else value

    def number(value: Any) -> Any:
        is_number = isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,9})?", value)
        return float(value) if is_number else value

    lenient: dict[str, Any] = (
        {}
        if catalogue.strict
        else {
            "response_format": _lenient(SpeechBody, "response_format", lower),
            "stream_format": _lenient(SpeechBody, "stream_format", lower),
            "speed": _lenient(SpeechBody, "speed", number),
        }
    )
    return create_model(
        "Speech",
        **lenient,
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


def _lenient(model: type[BaseModel], name: str, convert: Callable[[Any], Any]) -> Any:
    """Return a field of ``model`` whose value is converted first; its JSON schema stays."""
    known = model.model_fields[name]
    return (
        Annotated[(known.annotation, *known.metadata, BeforeValidator(convert))],
        Field(known.default, description=known.description),
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
        decoded = json.loads(body.decode("utf-8-sig"), parse_constant=_reject, parse_int=float)
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
