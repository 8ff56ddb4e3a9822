"""Foreign exceptions and refusals, mapped to our tree in one place.

Told apart by class name along the chain of causes, so that nothing here imports
the SDK or its transport: both raise, the SDK before the headers, its transport
(httpx2) unwrapped after them.
"""

from __future__ import annotations

import email.utils
import json
import socket
import time
from typing import TYPE_CHECKING, Any

from voicecli.display import clean
from voicecli.errors import (
    AuthError,
    BadResponse,
    NetworkError,
    RateLimited,
    SourceError,
    SourceTimeout,
    VoiceError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOOK_AT_VOICES = "`voicecli voices` lists voices; choose with --voice and --model"


def fault_of(error: Exception, label: str, received: int | None = None) -> VoiceError:
    """Our error for whatever the SDK or its transport raised.

    ``received`` counts the bytes of the body that came before, None before the body.
    """
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, VoiceError):
            return cause
    names = {base.__name__ for cause in chain for base in type(cause).__mro__}
    where = clean(label, limit=200)
    if "ConnectTimeout" in names:
        return SourceTimeout(f"{where} did not accept the connection in time", retryable=True)
    if names & {"TimeoutException", "APITimeoutError"}:
        return SourceTimeout(f"{where} did not answer in time", retryable=received is None)
    if received is not None:
        return NetworkError(f"the connection was cut after {received} bytes")
    if "gaierror" in names:
        host = next(c for c in chain if isinstance(c, socket.gaierror))
        return NetworkError(
            f"the host of {where} was not found ({clean(str(host.strerror or host))})",
            remedy="check the spelling of --base-url and the network",
        )
    if "ConnectionRefusedError" in names:
        return NetworkError(
            f"nothing listens at {where} (connection refused)",
            remedy="start the server, or check the port in --base-url",
        )
    if names & {"SSLError", "SSLCertVerificationError"} or "CERTIFICATE" in str(error):
        return NetworkError(
            f"{where} could not be reached securely: {_innermost(chain)}",
            remedy="if the server speaks https, say https:// in --base-url",
        )
    if names & {"TransportError", "APIConnectionError", "OSError"}:
        return NetworkError(f"{where} could not be reached: {_innermost(chain)}", retryable=True)
    return SourceError(f"{where}: {type(error).__name__}: {clean(str(error), limit=300)}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _innermost(chain: list[BaseException]) -> str:
    return clean(str(chain[-1]) or type(chain[-1]).__name__, limit=300)


def fault_of_status(status: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """Our error for an HTTP status of 400 or above, with the server's own words."""
    said = server_message(body)
    told = f": {said}" if said else ""
    if status in {401, 403}:
        return AuthError(
            f"the server refuses the key ({status}){told}",
            remedy="set the key's variable (`voicecli config show` names it)",
        )
    if status == 429:  # noqa: PLR2004  RFC 6585
        return RateLimited(
            f"the server asks for patience (429){told}",
            remedy="wait, or raise --retries",
            retry_after_s=_retry_after_s(headers.get("retry-after")),
        )
    if status >= 500:  # noqa: PLR2004  RFC 9110
        return BadResponse(f"the server failed ({status}){told}", retryable=True)
    if status == 404 and not said:  # noqa: PLR2004  RFC 9110
        return BadResponse(
            "the server has no /audio/speech there (404)",
            remedy="--base-url usually ends in /v1",
        )
    return BadResponse(f"the server refuses the request ({status}){told}", remedy=_LOOK_AT_VOICES)


def _retry_after_s(value: str | None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


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
                return said
        return json.dumps(value) if depth == 0 else ""
    return ""
