"""How much text one request may contain: read the limit from a server's refusal.

The limit is configured, learned from a refusal, or the default. A server that refuses a
text for its length nearly always names the limit, in one of these shapes. The refused text
may be quoted in the message; numbers in it are ignored.

- OpenAI: ``Invalid 'input': string too long. Expected a string with maximum length 4096,
  but got a string with length 5000 instead.``; pydantic's list of errors as a Python
  literal within ``message``; ``Input of 2132 tokens is over the maximum input limit of
  2000 tokens.``
- FastAPI: ``{"detail": [{"type": "string_too_long", "ctx": {"max_length": 4096}, …}]}``.
- Kokoro-FastAPI: ``{"detail": {"error": …, "message": …}}`` around either of them.
- LiteLLM: ``{"error": {"message": "litellm.BadRequestError: OpenAIException - …"}}``
  around the upstream server's body, often as a string of JSON.
- ``voicecli serve``: ``'input': String should have at most 4096 characters``.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import DEFAULT_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHARACTERS_PER_TOKEN = 2
"""A cautious value: English has about 4 characters per token, other languages fewer."""

_MIN_CHARACTERS = 20
"""Smaller numbers are not credible limits; they mean something else."""

_MAX_DEPTH = 6
_MAX_BODY = 200_000

_N = r"(\d{1,3}(?:,\d{3})+|\d{1,7})"
_UNIT = r"\s*(char\w*|tokens?|letters)?"
_SHAPES = tuple(
    lazy_pattern(shape, re.IGNORECASE)
    for shape in (
        rf"max_length\\*[\"']?\s*[:=]\s*{_N}()",  # pydantic's ctx
        rf"at most {_N}{_UNIT}",  # pydantic's message
        rf"max\w*(?: \w+){{0,4}}?(?:\s*(?:is|of|:|=|\(|<=|≤))*\s*{_N}{_UNIT}",
        rf"(?:more|longer|greater) than {_N}{_UNIT}",
        rf"between \d+ and {_N}{_UNIT}",
        rf"exceed\w*(?: \w+){{0,5}}?\s*\(?{_N}{_UNIT}",
        rf"(?:limit|less|fewer|up to|under|below)(?: is| of| than|:)*\s*{_N}{_UNIT}",
        rf"\d+\s*(?:/|>)\s*{_N}{_UNIT}",
    )
)
_IS_ABOUT_LENGTH = lazy_pattern(
    r"too[ _]long|max|at most|limit|exceed|longer|more than|less than|fewer|up to|length|between"
    r"|\d\s*/\s*\d",
    re.IGNORECASE,
)
_SAYS_TOO_LONG = lazy_pattern(
    r"too[ _]?(?:long|large|big)|too many (?:characters|tokens|words|letters|bytes)"
    r"|exceed\w*(?: \w+){0,4} (?:length|size|characters|tokens|words)"
    r"|(?:length|text|input|characters|tokens)(?: \S+){0,4} exceed"
    r"|max\w*[ _](?:\w+[ _])?(?:length|size|input|characters|tokens|words)",
    re.IGNORECASE,
)
_IS_QUOTED_INPUT = lazy_pattern(r"""(?P<key>["']input["']\s*:\s*)(?P<quote>["'])""")


class LimitOrigin(Enum):
    """The origin of a limit."""

    DEFAULT = "default"
    CONFIGURED = "configured"
    LEARNED = "learned"


class InputLimit(NamedTuple):
    """The longest input of one request to one endpoint and model, in characters."""

    characters: int = DEFAULT_CHARACTERS
    origin: LimitOrigin = LimitOrigin.DEFAULT

    def after_refusal(self, body: object, sent: int) -> InputLimit | None:
        """Return the limit learned from a refusal, or None if it is not about length.

        Use it for statuses 400, 413 and 422 only: a 429 names limits of another kind.

        Args:
            body: the response body: text, bytes or parsed JSON.
            sent: length of the refused input in characters.
        """
        if found := limit_in(body, sent):
            return self._replace(characters=found, origin=LimitOrigin.LEARNED)
        return None

    def halved(self, sent: int) -> InputLimit | None:
        """Return the limit to try next after a refusal that names no useful number.

        None if less is not worth trying.
        """
        half = min(sent, self.characters) // 2
        if half < _MIN_CHARACTERS:
            return None
        return self._replace(characters=half, origin=LimitOrigin.LEARNED)


def limit_in(body: object, sent: int) -> int | None:
    """Return the limit in characters that a refusal of ``sent`` characters names.

    None if it names no limit below ``sent``. A limit in tokens is converted to a cautious
    number of characters, at most four fifths of ``sent``.
    """
    for text in _texts(body, 0):
        if found := _limit_in_text(_without_input(text), sent):
            return found
    return None


def says_too_long(body: object) -> bool:
    """Whether a refusal says that the text is too long, whatever number it names."""
    return any(_SAYS_TOO_LONG.search(_without_input(text)) for text in _texts(body, 0))


def _limit_in_text(text: str, sent: int) -> int | None:
    if not _IS_ABOUT_LENGTH.search(text):
        return None
    for shape in _SHAPES:
        for match in shape.finditer(text):
            number = int(match[1].replace(",", ""))
            if (match[2] or "").lower().startswith("token"):
                number = min(number * _CHARACTERS_PER_TOKEN, sent * 4 // 5)
            if _MIN_CHARACTERS <= number < sent:
                return number
    return None


def _texts(value: object, depth: int) -> Iterator[str]:
    """Yield the texts in a response that may name a limit, most precise first."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, bytes | bytearray):
        value = bytes(value[:_MAX_BODY]).decode("utf-8", errors="replace")
    if isinstance(value, str):
        parsed = _parsed(value)
        yield from [parsed] if isinstance(parsed, str) else _texts(parsed, depth + 1)
    elif isinstance(value, list):
        for item in value[:10]:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict):
        context = value.get("ctx")
        if isinstance(context, dict) and isinstance(context.get("max_length"), int):
            yield f"max_length={context['max_length']}"
        for key in ("message", "msg", "detail", "error", "errors"):
            yield from _texts(value.get(key), depth + 1)


def _parsed(text: str) -> object:
    """Return ``text`` parsed as JSON, or the text itself if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text[:_MAX_BODY]


def _without_input(text: str) -> str:
    """Return ``text`` without the input that pydantic quotes in it."""
    if not (quoted := _IS_QUOTED_INPUT.search(text)):
        return text
    begin = quoted.end()
    end = text.rfind(f"{quoted['quote']}, 'ctx'")
    if end < begin:
        end = text.rfind(f'{quoted["quote"]}, "ctx"')
    if end < begin:  # the quoted input is cut off or comes last
        return text[: quoted.start()]
    return text[: quoted.start()] + text[end:]
