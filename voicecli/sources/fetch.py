"""One small GET beside the speech: a list of voices, a sign of life.

The standard library does it, because the SDK takes a quarter of a second to
import and has no method for the endpoints that only compatible servers have.
Everything is bounded: the size of the answer, each wait, and the whole.
"""

from __future__ import annotations

import http.client
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voicecli.clock import Deadline, SystemClock
from voicecli.config.endpoint import KEYLESS
from voicecli.config.urls import is_loopback
from voicecli.errors import BadResponse, NetworkError, SourceTimeout
from voicecli.sources.errors import fault_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.clock import Clock

MAX_BYTES = 4 * 1024 * 1024
"""Far more than any honest list of voices or models takes."""

HIDDEN_KEY = "(the key)"
"""What stands where a server repeats the key."""

LEAST_SECRET = 8
"""Keys shorter than this are no secrets, and would be found inside ordinary words."""

_STEP_BYTES = 64 * 1024
_GRACE_S = 0.5
"""How much later than its own limits a request is given up, which tell more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, whatever its status; header names in lower case, ``body`` whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def without(self, api_key: str | None) -> Answer:
        """The same, should the server repeat the key that it was sent."""
        if not api_key or len(api_key) < LEAST_SECRET or api_key == KEYLESS:
            return self
        headers = {name: said.replace(api_key, HIDDEN_KEY) for name, said in self.headers.items()}
        body = self.body.replace(api_key.encode(), HIDDEN_KEY.encode())
        return Answer(self.status, headers, body)


def fetch(url: str, api_key: str | None, *, timeout_s: float, clock: Clock | None = None) -> Answer:
    """GET ``url``; the key goes to its own origin only, also when redirected.

    It does not come back either: an answer that repeats it says `HIDDEN_KEY` there.
    The work is done on a thread of its own, which is left behind where neither a
    name's lookup nor a server that sends its headers one by one comes to an end.

    Raises:
        NetworkError: the server cannot be reached, or the connection broke.
        SourceTimeout: it took longer than ``timeout_s``.
        BadResponse: the answer is too large, or is no HTTP.
    """
    outcomes: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcomes.put(_fetch(url, api_key, timeout_s, clock))
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            outcomes.put(error)

    threading.Thread(target=work, name="voicecli-fetch", daemon=True).start()
    try:
        outcome = outcomes.get(timeout=timeout_s + _GRACE_S)
    except queue.Empty:
        label = url.partition("?")[0]
        raise SourceTimeout(f"{label} did not answer in time", retryable=True) from None
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _fetch(url: str, api_key: str | None, timeout_s: float, clock: Clock | None) -> Answer:
    deadline = Deadline(clock or SystemClock(), timeout_s)
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  the opener has no other schemes
    if api_key:
        # "Unredirected": urllib's redirect copies the other headers only.
        request.add_unredirected_header("Authorization", f"Bearer {api_key}")
    label = url.partition("?")[0]
    try:
        with _opener(url).open(request, timeout=timeout_s) as response:
            return _answer(response.status, response, deadline, label).without(api_key)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _answer(refusal.code, refusal, deadline, label).without(api_key)
    except (TimeoutError, urllib.error.URLError) as error:
        if isinstance(error, TimeoutError) or isinstance(error.reason, TimeoutError):
            raise SourceTimeout(f"{label} did not answer in time", retryable=True) from error
        raise fault_of(error, label) from error
    except OSError as error:  # before HTTPException: a connection hung up on is both
        raise fault_of(error, label) from error
    except http.client.IncompleteRead as error:
        raise NetworkError(f"{label} broke off its answer", retryable=True) from error
    except http.client.HTTPException as error:
        raise BadResponse(f"{label} does not answer in HTTP") from error


def _answer(status: int, response: Any, deadline: Deadline, label: str) -> Answer:
    """Read the body, within the limits."""
    body = bytearray()
    while chunk := response.read1(_STEP_BYTES):
        body += chunk
        if len(body) > MAX_BYTES:
            raise BadResponse(f"{label} answers with more than {MAX_BYTES >> 20} MB")
        if deadline.expired:  # a server may send a byte a second for ever
            raise SourceTimeout(f"{label} did not finish its answer in time", retryable=True)
    if response.length:  # what Content-Length promised and did not come; None where it did not say
        raise NetworkError(f"{label} broke off its answer", retryable=True)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status, headers, bytes(body))


class _SameOriginKey(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and hands the key on only where scheme, host and port stay the same."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Build the next request."""
        onward = super().redirect_request(req, fp, code, msg, headers, newurl)
        key = req.unredirected_hdrs.get("Authorization")
        if onward is not None and key and _origin(onward.full_url) == _origin(req.full_url):
            onward.add_unredirected_header("Authorization", key)
        return onward


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _opener(url: str) -> urllib.request.OpenerDirector:
    """An opener for http and https alone: urllib's own would follow a redirect to ftp.

    No proxy can reach this machine on its behalf, so loopback is asked directly.
    """
    opener = urllib.request.OpenerDirector()
    is_here = is_loopback(urlsplit(url).hostname or "")
    for handler in (
        urllib.request.ProxyHandler({} if is_here else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _SameOriginKey(),
    ):
        opener.add_handler(handler)
    return opener
