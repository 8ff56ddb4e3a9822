"""Make one small GET besides speech: for a list of voices, or a check of the server."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.errors import BadResponse, SourceTimeout
from voicecli.sources.errors import fault_of
from voicecli.sources.redaction import Redactor
from voicecli.sources.transport import Transport, trusted_certificates
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.config.server import Server

MAX_BYTES = 4 * 1024 * 1024
"""Upper bound on an answer, far above any real list of voices or models."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, whatever its status; header names in lower case, ``body`` whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float = 0.0


def get(server: Server, path: str = "", *, timeout_s: float) -> Answer:
    """GET ``path`` below the server's base URL, within ``timeout_s`` in all.

    The key goes to the server's own origin only, and is hidden in the answer. The request
    runs on a thread of its own, because a name's lookup cannot be interrupted; everything
    else is.

    Raises:
        NetworkError: the server cannot be reached, or the connection broke.
        SourceTimeout: it took longer than ``timeout_s``.
        BadResponse: the answer is too large, not a response at all, or a redirect that
            is not followed.
    """
    url = f"{server.base_url}{path}"
    label = url.partition("?")[0]
    try:
        transport = Transport(
            server,
            trust=trusted_certificates(server),
            connect_timeout_s=timeout_s,
            read_timeout_s=None,
        )
    except Exception as error:
        raise fault_of(error, label) from error
    outcome: Future[Answer | Exception] = Future()
    too_late = threading.Event()

    def work() -> None:
        try:
            outcome.set_result(_get(transport, url, server))
        except Exception as error:  # noqa: BLE001  raised again by the waiting thread
            outcome.set_result(error)

    transport.begin(None, too_late)
    spawn_daemon(work, "voicecli-get")
    try:
        answer = outcome.result(timeout_s)
    except TimeoutError:
        too_late.set()
        transport.interrupt()
        raise SourceTimeout(f"{label} did not answer in time", retryable=True) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _get(transport: Transport, url: str, server: Server) -> Answer:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if server.api_key:
        headers["Authorization"] = f"Bearer {server.api_key}"
    label = url.partition("?")[0]
    redactor = Redactor(server.all_secrets)
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
        redactor.hide_in(fault)
        raise fault from error
    finally:
        transport.close()
    if len(body) > MAX_BYTES:
        raise BadResponse(f"{label} sent more than {MAX_BYTES >> 20} MB")
    shown = {name.lower(): redactor.text(value) for name, value in response.headers.items()}
    elapsed_s = response.elapsed.total_seconds()
    return Answer(response.status_code, shown, redactor.data(bytes(body)), elapsed_s)
