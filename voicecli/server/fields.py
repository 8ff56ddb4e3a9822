"""The body of a speech request: one table, by which it is checked and described.

Field names, limits and error codes are those of OpenAI's API reference,
``POST /audio/speech``. Fields that are not in the table are ignored, as clients
send extras to servers of many kinds. A field that may be left out may be null.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.codecs.formats import CODECS
from voicecli.request import SpeechRequest
from voicecli.sanitize import clean
from voicecli.server.catalogue import MODEL, MODELS
from voicecli.server.errors import Refusal

if TYPE_CHECKING:
    from voicecli.server.catalogue import Catalogue

MAX_INPUT = 4096
"""Characters in one request, OpenAI's limit: some four minutes of speech."""

MAX_BODY_BYTES = 256 * 1024
"""Room for two texts of `MAX_INPUT` characters with every one of them escaped twice over."""

SAYABLE = "[A-Za-z0-9]"
"""What a text must have one of, for an English voice to find something to say."""

_MIN_SPEED, _MAX_SPEED = 0.25, 4.0

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """A request that passed: what to say, and whether the answer is events or plain audio."""

    speech: SpeechRequest
    as_events: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(ABC):
    """One field: its place in the table, its schema, its check."""

    name: str
    about: str
    required: bool = False

    def describe(self) -> JsonObject:
        """The field's JSON schema."""
        schema = {"description": self.about} | self._schema()
        return schema if self.required else _or_null(schema)

    def take(self, body: JsonObject) -> Any:
        """The field's value in a decoded body, None where it is left out.

        Raises:
            Refusal: it is missing, of a wrong type, or out of its range.
        """
        value = body.get(self.name)
        if value is None and not (self.required and self.name in body):
            if self.required:
                raise self.refusal("missing_required_parameter", "is missing")
            return None
        return self._check(value)

    def refusal(self, code: str, what: str) -> Refusal:
        """The refusal that says what about this field is wrong."""
        return Refusal(400, f"{self.name!r} {what}", param=self.name, code=code)

    @abstractmethod
    def _schema(self) -> JsonObject:
        """Everything but the description."""

    @abstractmethod
    def _check(self, value: Any) -> Any:
        """The value itself, or what it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Field):
    """A string of at most ``longest`` characters; ``pattern`` is to be found somewhere in it."""

    longest: int
    pattern: str | None = None

    def _schema(self) -> JsonObject:
        schema: JsonObject = {"type": "string", "maxLength": self.longest}
        return schema | ({"minLength": 1, "pattern": self.pattern} if self.pattern else {})

    def _check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refusal("invalid_type", f"must be a string, not {_kind(value)}")
        if len(value) > self.longest:
            what = f"has {len(value)} characters, more than {self.longest}"
            raise self.refusal("string_above_max_length", what)
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.refusal("invalid_value", "holds half of a surrogate pair")
        if self.pattern and not value.strip():
            raise self.refusal("empty_string", "is empty")
        if self.pattern and not re.search(self.pattern, value):
            raise self.refusal("invalid_value", "has nothing in it that can be said in English")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Field):
    """A number within a range, ends included."""

    least: float
    most: float

    def _schema(self) -> JsonObject:
        return {"type": "number", "minimum": self.least, "maximum": self.most}

    def _check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal("invalid_type", f"must be a number, not {_kind(value)}")
        if value < self.least:
            raise self.refusal("decimal_below_min_value", f"must be at least {self.least:g}")
        if value > self.most:
            raise self.refusal("decimal_above_max_value", f"must be at most {self.most:g}")
        return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Field):
    """One of some strings; ``status`` is that of the answer to any other."""

    among: tuple[str, ...]
    default: str | None = None
    status: int = 400
    code: str = "invalid_value"

    def _schema(self) -> JsonObject:
        schema: JsonObject = {"type": "string", "enum": list(self.among)}
        return schema | ({"default": self.default} if self.default else {})

    def _check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refusal("invalid_type", f"must be a string, not {_kind(value)}")
        if value not in self.among:
            known = ", ".join(self.among)
            message = f"{self.name!r} cannot be {clean(value, 60)!r}; it is one of {known}"
            raise Refusal(self.status, message, param=self.name, code=self.code)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceChoice(Choice):
    """A voice by name, or as the object that OpenAI's SDK makes of a custom one."""

    def _schema(self) -> JsonObject:
        # Not super(): slots make the class anew, and zero-argument super() knows the old one.
        named = Choice._schema(self)  # noqa: SLF001  its own base
        as_object = {"type": "object", "required": ["id"], "properties": {"id": named}}
        return {"anyOf": [named, as_object]}

    def _check(self, value: Any) -> str:
        return Choice._check(self, value.get("id") if isinstance(value, dict) else value)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class SpeechFields:
    """The table, for the voices on offer."""

    catalogue: Catalogue

    @property
    def table(self) -> tuple[Field, ...]:
        """Every field that is heeded, or known and checked although the voice has no use for it."""
        return (
            Text(
                name="input", about="What to say, in English.", required=True,
                longest=MAX_INPUT, pattern=SAYABLE,
            ),
            Choice(
                name="model", about="There is one model; OpenAI's names stand for it.",
                among=MODELS, default=MODEL, status=404, code="model_not_found",
            ),
            VoiceChoice(
                name="voice", about="A voice of /v1/audio/voices.",
                among=self.catalogue.names, default=self.catalogue.default,
            ),
            Choice(
                name="response_format", about="What the audio is encoded as.",
                among=tuple(CODECS), default="mp3",
            ),
            Number(
                name="speed", about="1 is the voice's own pace.",
                least=_MIN_SPEED, most=_MAX_SPEED,
            ),
            Choice(
                name="stream_format", about="Plain audio, or server-sent events that carry it.",
                among=("audio", "sse"), default="audio",
            ),
            Text(
                name="instructions", about="Accepted, and without effect on this voice.",
                longest=MAX_INPUT,
            ),
        )  # fmt: skip

    def describe(self) -> JsonObject:
        """The body's JSON schema."""
        return {
            "type": "object",
            "required": [field.name for field in self.table if field.required],
            "properties": {field.name: field.describe() for field in self.table},
        }

    def parse(self, body: bytes) -> Order:
        """What a request's body asks for.

        Raises:
            Refusal: it is no JSON object, or a field of it is at fault; the first is named.
        """
        decoded = _decoded(body)
        given = {field.name: field.take(decoded) for field in self.table}
        speech = SpeechRequest(
            text=given["input"],
            voice=self.catalogue.voice(given["voice"] or self.catalogue.default),
            model=given["model"] or MODEL,
            response_format=given["response_format"] or "mp3",
            speed=given["speed"],
            instructions=given["instructions"],
        )
        return Order(speech, as_events=given["stream_format"] == "sse")


def _decoded(body: bytes) -> JsonObject:
    try:
        decoded = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not valid JSON in UTF-8", code="invalid_json") from error
    if not isinstance(decoded, dict):
        message = f"the body must be a JSON object, not {_kind(decoded)}"
        raise Refusal(400, message, code="invalid_type")
    return decoded


def _no_number(text: str) -> float:
    """Refuse NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(text)


def _kind(value: Any) -> str:
    """What JSON calls a value's type."""
    if value is None:
        return "null"
    kinds = {bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
    return kinds.get(type(value), "a number")


def _or_null(schema: JsonObject) -> JsonObject:
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    schema = schema | {"type": [schema["type"], "null"]}
    return schema | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})
