"""HTTP error statuses, and what their bodies say, mapped to our errors.

Text from a server is cleaned and cut before it becomes part of a message.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from voicecli.config.urls import showable
from voicecli.errors import AuthError, BadResponse, NetworkError, RateLimited, SourceError
from voicecli.sanitize import clean, html_title
from voicecli.sources.remedies import CHECK_BASE_URL, CHECK_BILLING, CHECK_KEY, USE_HTTPS, WAIT

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHECK_VOICE = "`voicecli voices` lists voices; choose with --voice and --model"
_SET_KEY = "set VOICECLI_API_KEY, or api_key_env in the server's profile"
_NO_SPEECH = f"look for a cache or proxy in front of the server; {CHECK_BASE_URL}"
_SHORTEN = "send the text in parts"
_REFUSALS = (
    (r"http request (was sent )?to (an )?https|plain http to an ssl", USE_HTTPS),
    (r"too[ _](long|large)|(too many|maximum|exceed|at most)[^.]*(length|char|token)", _SHORTEN),
    (
        r"response_format|\b(unsupported|unknown|invalid|audio|output) format|\bformat\b.*support",
        "choose a format that the server has with --format",
    ),
    (r"\bspeed\b", "choose a speed that the server has with --speed"),
    (r"\binstructions?\b", "leave out --instructions"),
    (r"voice|model|speaker", _CHECK_VOICE),
)
"""The subject of a refusal, and the remedy for it; the first match counts."""

_JSON = json.JSONDecoder()
_PROXY_LOGIN = "put user:password@ before the host of --proxy or HTTP_PROXY"


def fault_of_status(
    status: int, headers: Mapping[str, str], body: bytes, *, has_key: bool = True
) -> SourceError:
    """Return our error for an HTTP status other than success, with the server's own words.

    ``has_key`` is whether a key was sent that is more than a placeholder.
    """
    message = server_message(body)
    details = f"({status})" + (f": {message}" if message else "")
    if status >= 500:  # noqa: PLR2004  RFC 9110
        return BadResponse(
            f"the server failed {details}", remedy="its log may say why", retryable=True
        )
    if status == 429:  # noqa: PLR2004  RFC 6585
        return _rate_limited(details, headers, body)
    if status < 400:  # noqa: PLR2004  RFC 9110
        return _redirect_fault(status, details, headers)
    if status in {401, 403, 407}:
        return _unauthorized(status, details, has_key=has_key)
    if status in {404, 405} and not _names_model_or_voice(message):
        return BadResponse(
            f"the server has no /audio/speech there {details}", remedy=CHECK_BASE_URL
        )
    remedy = _SHORTEN if status == 413 else _remedy(body)  # noqa: PLR2004  RFC 9110
    fault = BadResponse(f"the server refuses the request {details}", remedy=remedy)
    fault.status, fault.refusal = status, body
    return fault


def _redirect_fault(status: int, details: str, headers: Mapping[str, str]) -> SourceError:
    """Return the error for a 3xx: a redirect, which is not followed, or 300 or 304."""
    if status not in {301, 302, 303, 307, 308}:
        return BadResponse(f"the server did not answer with speech {details}", remedy=_NO_SPEECH)
    place = showable(headers.get("location", ""))
    fix = "put that address, up to /v1, into --base-url" if place else CHECK_BASE_URL
    where = f"to {place}" if place else "without saying where"
    return BadResponse(f"the server has moved ({status}) {where}", remedy=fix)


def _remedy(body: bytes) -> str | None:
    """Return a remedy that fits the server's reason; None rather than one that does not."""
    message = _text_of(body)
    for pattern, remedy in _REFUSALS:
        if re.search(pattern, message, re.IGNORECASE):
            return remedy
    return None


def _unauthorized(status: int, details: str, *, has_key: bool) -> SourceError:
    if status == 407:  # noqa: PLR2004  RFC 9110
        # Only from a proxy for plain http; one for https ends the connection.
        return NetworkError(f"the proxy refuses {details}", remedy=_PROXY_LOGIN)
    if not has_key:
        what = "requests without a key" if status == 401 else "the request"  # noqa: PLR2004  RFC 9110
        return AuthError(f"the server refuses {what} {details}", remedy=_SET_KEY)
    return AuthError(f"the server refuses the key {details}", remedy=CHECK_KEY)


def _names_model_or_voice(message: str) -> bool:
    """Return whether a 404 is about a model or a voice rather than the address."""
    return any(word in message.lower() for word in ("model", "voice"))


def _rate_limited(details: str, headers: Mapping[str, str], body: bytes) -> SourceError:
    """Return the error for a 429: wait, unless the account's credit has run out."""
    wait_s = _retry_after_s(headers.get("retry-after"))
    duration = f", for {wait_s:.0f} s" if wait_s else ""
    fault = RateLimited(
        f"the server asks to wait {details}{duration}",
        remedy=WAIT,
        retry_after_s=wait_s,
    )
    if b"insufficient_quota" in body:  # OpenAI's code for it
        fault.retryable, fault.remedy = False, CHECK_BILLING
    return fault


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3): a number or a date."""
    if not value:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004  decades
        return float(value)
    import email.utils  # noqa: PLC0415  dates are rare
    import time  # noqa: PLC0415  likewise

    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - time.time())


def server_message(body: bytes) -> str:
    """Return the message in an error body, else its text, cleaned for a terminal.

    Reads ``{"error": {"message"}}`` (OpenAI), ``{"error": "…"}``, ``{"detail": …}``
    (FastAPI, in all its shapes), ``{"message"}``, and of HTML the title. What follows a
    JSON object is ignored, and so is a body that is not text.
    """
    text = _text_of(body).strip()
    try:
        is_object = text.startswith("{")
        found = _message(_JSON.raw_decode(text)[0] if is_object else json.loads(text))
    except (ValueError, RecursionError):
        found = text
        if text.startswith("<"):
            found = html_title(text)
        elif not _is_legible(text):
            found = ""
    return clean(found, limit=300)


def _text_of(body: bytes) -> str:
    """Return a body as text: UTF-8, or UTF-16 or UTF-32 by its first bytes (RFC 4627, 3)."""
    encoding = json.detect_encoding(body)
    text = body.decode(encoding, errors="replace")
    is_guessed = encoding.endswith(("-le", "-be"))
    if is_guessed and 2 * sum(map(str.isascii, text)) < len(text):  # samples, more likely
        text = body.decode(errors="replace")
    return text


def _is_legible(text: str) -> bool:
    """Return whether a body was text: few of its bytes are invalid or control characters."""
    head = text[:300]
    illegible = sum(c == "\ufffd" or not (c.isprintable() or c.isspace()) for c in head)
    return 4 * illegible <= len(head)


def _message(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > 4:  # noqa: PLR2004  no real error nests deeper
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_message(item, depth + 1) for item in value[:3])))
    if isinstance(value, dict):
        for key in ("message", "msg", "detail", "error", "error_description", "response"):
            if message := _message(value.get(key), depth + 1):
                return _field(value.get("loc")) + message
        return json.dumps(value) if value and depth == 0 else ""
    return ""


def _field(location: Any) -> str:
    """Return the field that a FastAPI validation error is about: the end of its path."""
    is_path = isinstance(location, list) and len(location) > 1 and isinstance(location[-1], str)
    return f"{location[-1]}: " if is_path else ""
