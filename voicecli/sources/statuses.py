"""HTTP statuses that are no success, and what their bodies say, as errors of ours.

Whatever a server said is cleaned and cut before it becomes part of a message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from voicecli.errors import AuthError, BadResponse, NetworkError, RateLimited, SourceError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOK_AT_VOICES = "`voicecli voices` lists voices; choose with --voice and --model"
_WHERE_IS_THE_KEY = "set the key's variable (`voicecli config show` names it)"
WHERE_IS_IT = "--base-url usually ends in /v1"
_SAY_LESS = "say it in parts"
_NAME_YOURSELF = "put user:password@ before the host of --proxy or HTTP_PROXY"


def fault_of_status(status: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """Our error for an HTTP status that is no success, with the server's own words."""
    said = server_message(body)
    told = f"({status})" + (f": {said}" if said else "")
    if status >= 500:  # noqa: PLR2004  RFC 9110
        return BadResponse(
            f"the server failed {told}", remedy="its log may tell why", retryable=True
        )
    if status == 429:  # noqa: PLR2004  RFC 6585
        return _impatience(told, headers, body)
    if status in {301, 302, 303, 307, 308}:
        return BadResponse(
            f"the server has moved ({status}) to {clean(headers.get('location', ''), 200)}",
            remedy="put that address, up to /v1, into --base-url",
        )
    if status in {401, 403, 407}:
        return _stranger(status, told)
    if status in {404, 405} and not _is_about_the_request(said):
        return BadResponse(f"the server has no /audio/speech there {told}", remedy=WHERE_IS_IT)
    remedy = _SAY_LESS if status == 413 else _LOOK_AT_VOICES  # noqa: PLR2004  RFC 9110
    return BadResponse(f"the server refuses the request {told}", remedy=remedy)


def _stranger(status: int, told: str) -> SourceError:
    """The error for who asks without being known."""
    if status == 407:  # noqa: PLR2004  RFC 9110
        # Only a proxy says so, for plain http; on the way to https it ends the connection.
        return NetworkError(f"the proxy on the way refuses {told}", remedy=_NAME_YOURSELF)
    return AuthError(f"the server refuses the key {told}", remedy=_WHERE_IS_THE_KEY)


def _is_about_the_request(said: str) -> bool:
    """Whether what is not there is a model or a voice, rather than the address."""
    return any(word in said.lower() for word in ("model", "voice"))


def _impatience(told: str, headers: Mapping[str, str], body: bytes) -> SourceError:
    """The error for a 429: wait, unless it is money that has run out."""
    wait_s = _retry_after_s(headers.get("retry-after"))
    until = f", for {wait_s:.0f} s" if wait_s else ""
    fault = RateLimited(
        f"the server asks for patience {told}{until}",
        remedy="wait, or raise --retries",
        retry_after_s=wait_s,
    )
    if b"insufficient_quota" in body:  # OpenAI's code for it
        fault.retryable, fault.remedy = False, "look at the account's plan and billing"
    return fault


def _retry_after_s(value: str | None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number or a date."""
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
    """What an error body says, cleaned for a terminal: the message in it, or its text.

    Knows ``{"error": {"message"}}`` (OpenAI), ``{"error": "…"}``, ``{"detail": …}``
    (FastAPI, in all its shapes) and ``{"message"}``.
    """
    text = body.decode("utf-8", errors="replace").strip()
    try:
        found = _message(json.loads(text))
    except (ValueError, RecursionError):
        found = "" if text.startswith("<") else text
    return clean(found, limit=300)


def _message(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > 4:  # noqa: PLR2004  no honest error nests deeper
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_message(item, depth + 1) for item in value[:3])))
    if isinstance(value, dict):
        for key in ("message", "msg", "detail", "error", "error_description"):
            if said := _message(value.get(key), depth + 1):
                return _field(value.get("loc")) + said
        return json.dumps(value) if value and depth == 0 else ""
    return ""


def _field(place: Any) -> str:
    """The field that a validation error of FastAPI is about: the end of its path in the body."""
    is_path = isinstance(place, list) and len(place) > 1 and isinstance(place[-1], str)
    return f"{place[-1]}: " if is_path else ""
