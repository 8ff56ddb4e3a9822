"""Errors of a Realtime API, and of the websocket to it, mapped to ours.

A connected API reports errors in events: ``error`` for a request that it refuses, and the
status of ``response.done`` for one that it began. Text from a server is cleaned and cut.
"""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Any

from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceError,
    SourceTimeout,
    VoiceError,
)
from voicecli.sanitize import clean
from voicecli.sources.errors import fault_of, fault_of_proxy
from voicecli.sources.http_errors import fault_of_status
from voicecli.sources.remedies import (
    CHECK_BASE_URL,
    CHECK_BILLING,
    CHECK_KEY,
    SET_CONNECT_TIMEOUT,
    TRY_AGAIN,
    WAIT,
)
from voicecli.sources.transport import MAX_ERROR_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.config.server import Server
    from voicecli.sources.proxies import Proxy
    from voicecli.sources.realtime_events import Answer

_SEND_LESS = "send less at once: max_input_chars in the server's profile"
_PROXY_FAULTS = (ImportError, socket.gaierror, ConnectionRefusedError)
_OK = 200  # RFC 9110; a websocket's answer is 101

_MAX_WAIT_S = 1e6

_TOO_BIG = 1009
"""Close code for a message above the limit (RFC 6455, 7.4.1)."""

_WAIT = re.compile(r"try again in (?:(\d{1,4})h)?(?:(\d{1,4})m(?!s))?(?:([\d.]{1,10})(m?s))?")


def fault_of_connecting(error: Exception, server: Server, proxy: Proxy | None = None) -> VoiceError:
    """Return our error for an exception of opening a websocket, through a proxy if there is one.

    Raises:
        Exception: ``error`` itself, if no library had a part in it.
    """
    where = clean(server.base_url, 200)
    if proxy is not None and isinstance(error, _PROXY_FAULTS):
        return _fault_of_proxy(error, proxy)
    if isinstance(error, TimeoutError):
        return SourceTimeout(
            f"{where} did not accept the connection in time",
            remedy=SET_CONNECT_TIMEOUT,
            retryable=True,
        )
    refusal = getattr(error, "response", None)
    status = getattr(refusal, "status_code", None)
    names = {base.__name__ for base in type(error).__mro__}
    if status == _OK or (
        status is None and "InvalidHandshake" in names and "ProxyError" not in names
    ):
        return NetworkError(
            f"{where} did not answer as a websocket: {clean(str(error), 200)}",
            remedy=CHECK_BASE_URL,
        )
    if status is None or refusal is None:
        return fault_of(error, server.base_url)
    if status in (404, 405, 426):
        return BadResponse(
            f"{where} has no Realtime API ({status})",
            remedy=f'{CHECK_BASE_URL}; protocol = "speech" in the profile uses /audio/speech',
        )
    body = bytes(refusal.body or b"")[:MAX_ERROR_BYTES]
    headers = {name.lower(): value for name, value in refusal.headers.raw_items()}
    return fault_of_status(status, headers, body, has_key=server.has_key)


def _fault_of_proxy(error: Exception, proxy: Proxy) -> VoiceError:
    if not isinstance(error, ImportError):
        return fault_of_proxy(error, proxy)
    return ConfigError(
        f"{proxy.setting} names a SOCKS proxy, which takes a further package for websockets",
        remedy="pip install python-socks, or name the server in NO_PROXY",
    )


def fault_of_closing(error: Exception, server: Server) -> VoiceError:
    """Return our error for a connection that ended while answers were under way."""
    sent, received = getattr(error, "sent", None), getattr(error, "rcvd", None)
    if getattr(sent, "code", None) == _TOO_BIG:
        return BadResponse("the server sent an event too long to be speech")
    reason = clean(getattr(received, "reason", "") or "", 200)
    where = clean(server.base_url, 200)
    return NetworkError(
        f"{where} closed the connection before the end of the answer"
        + (f": {reason}" if reason else ""),
        remedy=TRY_AGAIN,
        retryable=True,
    )


def fault_of_error(error: object, reset_s: float | None = None) -> SourceError:
    """Return our error for the ``error`` of an event or of a failed response.

    ``reset_s`` is when the server's limits are reset, if it has said so.
    """
    details: dict[str, Any] = error if isinstance(error, dict) else {}
    kind, code = str(details.get("type") or ""), str(details.get("code") or "")
    message = clean(str(details.get("message") or code or kind or "it gives no reason"), 300)
    if "insufficient_quota" in (kind, code):
        fault = RateLimited(
            f"the account has no credit left: {message}",
            remedy=CHECK_BILLING,
        )
        fault.retryable = False
        return fault
    if "rate_limit" in code or "rate_limit" in kind:
        wait_s = _wait_s(message)
        wait_s = reset_s if wait_s is None else wait_s
        return RateLimited(
            f"the server asks to wait: {message}",
            remedy=WAIT,
            retry_after_s=wait_s,
        )
    if kind in ("authentication_error", "permission_error") or code == "invalid_api_key":
        return AuthError(f"the server refuses the key: {message}", remedy=CHECK_KEY)
    if code == "session_expired":
        return NetworkError(f"the session has ended: {message}", retryable=True)
    if kind == "server_error":
        return BadResponse(f"the server failed: {message}", remedy=TRY_AGAIN, retryable=True)
    body = json.dumps({"error": details}).encode()[:MAX_ERROR_BYTES]
    fault_of_request = fault_of_status(400, {}, body)
    fault_of_request.message = f"the server refuses the request: {message}"
    return fault_of_request


def fault_of_answer(answer: Answer, reset_s: float | None = None) -> SourceError | None:
    """Return our error for a response that has ended, None if it is complete."""
    response = answer.response or {}
    status, details = response.get("status"), response.get("status_details")
    details = details if isinstance(details, dict) else {}
    reason = details.get("reason")
    if status == "failed":
        return fault_of_error(details.get("error"), reset_s)
    if status == "cancelled":
        return NetworkError(
            f"the server cancelled its answer ({clean(str(reason), 60)})", retryable=True
        )
    if status == "incomplete":
        return _fault_of_incomplete(reason)
    if answer.audio_bytes:
        return None
    if text := clean(answer.text, 200):
        return BadResponse(
            f'the server answered in text instead of speech: "{text}"',
            remedy="try again, or another model",
            retryable=True,
        )
    return BadResponse("the server's answer has no audio", remedy=TRY_AGAIN, retryable=True)


def _fault_of_incomplete(reason: object) -> SourceError:
    if reason == "content_filter":
        return BadResponse(
            "the server's content filter refuses the text, or cut off its answer",
            remedy="change the text, or choose another endpoint",
        )
    if reason == "max_output_tokens":
        return BadResponse(
            "the server's answer was cut off: it reached the limit of output tokens",
            remedy=_SEND_LESS,
            retryable=True,
        )
    return BadResponse(
        f"the server's answer is incomplete ({clean(str(reason), 60)})",
        remedy=TRY_AGAIN,
        retryable=True,
    )


def reset_s_of(event: Mapping[str, Any]) -> float | None:
    """Return when a used-up limit of ``rate_limits.updated`` is reset, in seconds."""
    limits = event.get("rate_limits")
    waits = [
        limit.get("reset_seconds")
        for limit in (limits if isinstance(limits, list) else ())
        if isinstance(limit, dict) and limit.get("remaining") == 0
    ]
    sensible = (w for w in waits if isinstance(w, int | float) and 0 <= w < _MAX_WAIT_S)
    return max(map(float, sensible), default=None)


def _wait_s(message: str) -> float | None:
    """Return the wait that a message names, such as "Please try again in 1m26.4s"."""
    found = _WAIT.search(message)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds, unit = found.groups()
    try:
        last_s = float(seconds or 0) / (1000 if unit == "ms" else 1)
    except ValueError:
        return None
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + last_s
