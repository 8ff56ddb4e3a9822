"""One small GET beside the speech: a list of voices, a check whether a server answers."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.errors import BadResponse, SourceTimeout
from voicecli.sources.errors import fault_of
from voicecli.sources.transport import Transport, trusted_certificates, without_key

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 4 * 1024 * 1024
"""Upper bound on an answer, far above any real list of voices or models."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, whatever its status; header names in lower case, ``body`` whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float = 0.0


def get(url: str, api_key: str | None, *, timeout_s: float) -> Answer:
    """GET ``url`` within ``timeout_s`` in all.

    The key goes to the URL's own origin only, also after a redirect, and is hidden in
    the answer. The request runs on a thread of its own, because a name's lookup cannot
    be interrupted; everything else is.

    Raises:
        NetworkError: the server cannot be reached, or the connection broke.
        SourceTimeout: it took longer than ``timeout_s``.
        BadResponse: the answer is too large, or not a response at all.
    """
    label = url.partition("?")[0]
    try:
        transport = Transport(
            url,
            api_key,
            trust=trusted_certificates(url),
            connect_timeout_s=timeout_s,
            read_timeout_s=None,
        )
    except Exception as error:
        raise fault_of(error, label) from error
    outcome: Future[Answer | Exception] = Future()
    too_late = threading.Event()

    def work() -> None:
        try:
            outcome.set_result(_get(transport, url, api_key, label))
        except Exception as error:  # noqa: BLE001  raised again by the waiting thread
            outcome.set_result(error)

    transport.begin(None, too_late)
    threading.Thread(target=work, name="voicecli-get", daemon=True).start()
    try:
        answer = outcome.result(timeout_s)
    except TimeoutError:
        too_late.set()
        transport.interrupt()
        raise SourceTimeout(f"{label} did not answer in time", retryable=True) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _get(transport: Transport, url: str, api_key: str | None, label: str) -> Answer:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    body: bytearray | None = None
    try:
        with transport.http.stream("GET", url, headers=headers) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    break
    except Exception as error:
        fault = fault_of(error, label, None if body is None else len(body))
        fault.message = without_key(fault.message.encode(), api_key).decode()
        raise fault from error
    finally:
        transport.close()
    if len(body) > MAX_BYTES:
        raise BadResponse(f"{label} sent more than {MAX_BYTES >> 20} MB")
    shown = {
        name.lower(): without_key(value.encode(), api_key).decode()
        for name, value in response.headers.items()
    }
    elapsed_s = response.elapsed.total_seconds()
    return Answer(response.status_code, shown, without_key(bytes(body), api_key), elapsed_s)
