"""``POST /v1/audio/speech``: stream speech to one client.

The next chunk is synthesized only after the previous one was sent, and only while
the client is connected. Invalid requests are rejected before the response starts.
After that, plain audio can only signal a failure by ending early (chunked coding
without its last chunk); events have an error event.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect, Request

from voicecli.audio.pcm import AudioFormat
from voicecli.errors import NothingToSay, VoiceError
from voicecli.server import events
from voicecli.server.errors import ApiError
from voicecli.server.fault_injection import FaultSchedule
from voicecli.server.middleware import REQUEST_RECORD
from voicecli.server.schema import MAX_BODY_BYTES, parse
from voicecli.server.speech import RATE_HZ, content_type, synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Receive, Scope, Send

    from voicecli.codecs.encoding import Encoded
    from voicecli.server.concurrency import ConcurrencyLimit
    from voicecli.server.fault_injection import FaultPlan
    from voicecli.server.middleware import RequestRecord
    from voicecli.server.schema import SpeechBody
    from voicecli.sources.voicecache import VoiceCache


BODY_TIMEOUT_S = 30.0
"""How long a client may take to send the request body."""

STALL_TIMEOUT_S = 60.0
"""How long a client may leave the response unread: few requests can be open at once."""


class SpeechEndpoint:
    """The endpoint as an ASGI application.

    Args:
        model: parses and validates the request body.
        voices: the voices loaded so far.
        limit: limits how many requests are open, and synthesize at once.
        faults: the faults to inject into each response.
        log: called with a line for the server's operator.
    """

    def __init__(
        self,
        model: type[SpeechBody],
        voices: VoiceCache,
        limit: ConcurrencyLimit,
        faults: FaultPlan,
        log: Callable[[str], None],
    ) -> None:
        self._model = model
        self._voices = voices
        self._limit = limit
        self._faults = faults
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ApiError: the request is invalid, or too many are open.
        """
        try:
            body = parse(self._model, await _read_body(Request(scope, receive)))
        except ClientDisconnect:
            return
        record: RequestRecord = scope[REQUEST_RECORD]
        with self._limit.admit():
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_on_disconnect, receive, group.cancel_scope, record)
                # Errors are answered in there: the task group would wrap them.
                await self._answer(body, scope, receive, send)
                record.is_complete = True
                group.cancel_scope.cancel()

    async def _answer(self, body: SpeechBody, scope: Scope, receive: Receive, send: Send) -> None:
        sentences = synthesize(body.request(), self._voices)
        response = _AudioResponse(body, self._faults, send, scope[REQUEST_RECORD])
        try:
            await anyio.sleep(self._faults.ttfb_s)
            await self._send_sentences(sentences, response)
        except (ApiError, VoiceError) as error:
            api_error = error if isinstance(error, ApiError) else self._api_error(error)
            if response.has_started:
                await response.fail(api_error)
            else:
                await api_error.response()(scope, receive, send)
        except TimeoutError:
            response.record.notes.append(f"client read nothing for {STALL_TIMEOUT_S:g} s")
        finally:
            with suppress(ValueError):  # after a cut at shutdown, its thread may still run
                sentences.close()

    async def _send_sentences(
        self, sentences: Iterator[Iterator[Encoded]], response: _AudioResponse
    ) -> None:
        is_first = True
        while chunks := await self._limit.run(
            partial(next, sentences, None), due_at=response.played_at, is_first=is_first
        ):
            is_first = False
            while chunk := await anyio.to_thread.run_sync(next, chunks, None):
                if not await response.send(chunk):
                    return
        await response.end()

    def _api_error(self, error: VoiceError) -> ApiError:
        """Return the error for the client; one that its text did not cause is also logged."""
        if isinstance(error, NothingToSay):
            message = f"'input': {error.message}"
            return ApiError(400, message, param="input", code="invalid_value")
        self._log(f"error: {error.message}")
        return ApiError(500, error.message)


class _AudioResponse:
    """A response that starts with its first chunk; an error before that has a status of its own."""

    def __init__(
        self, body: SpeechBody, faults: FaultPlan, send: Send, record: RequestRecord
    ) -> None:
        self.record = record
        self._format = body.request().response_format
        self._is_events = body.stream_format == "sse"
        self._schedule = FaultSchedule(faults, RATE_HZ)
        self._send = send
        self._frames = 0
        self._created_at = time.monotonic()
        self._started_at: float | None = None

    @property
    def has_started(self) -> bool:
        """Whether status and headers were sent."""
        return self._started_at is not None

    @property
    def played_at(self) -> float:
        """When a client that plays at once will have played the audio sent so far."""
        return (self._started_at or self._created_at) + self._frames / RATE_HZ

    async def send(self, chunk: Encoded) -> bool:
        """Send a chunk when it is due; False if the rest must not be sent.

        Raises:
            TimeoutError: the client reads nothing.
        """
        started_at = await self._start()
        self._frames += chunk.frames
        duration_s = AudioFormat(RATE_HZ, 1).duration_s(self._frames)
        self.record.audio = f"{duration_s:.2f} s of {self._format}"
        data = events.delta(chunk.data) if self._is_events else chunk.data
        for piece, due_s in self._schedule.feed(data, chunk.frames):
            await anyio.sleep(max(0.0, started_at + due_s - time.monotonic()))
            await self._write(piece)
        if self._schedule.is_cut:
            self.record.notes.append("cut by --cut-at")
        return not self._schedule.is_cut

    async def end(self) -> None:
        """Complete the response."""
        await self._start()
        await self._write(events.done() if self._is_events else b"", more=False)

    async def fail(self, error: ApiError) -> None:
        """End the response early, in a way the client can detect."""
        self.record.notes.append("failed midway")
        if self._is_events:
            await self._write(events.failed(error), more=False)

    async def _start(self) -> float:
        """Send status and headers, once; return the time at which that was done."""
        if self._started_at is None:
            kind = events.MEDIA_TYPE if self._is_events else content_type(self._format)
            headers = {
                "content-type": kind,
                "x-sample-rate": str(RATE_HZ),
                "x-channels": "1",
                "x-accel-buffering": "no",  # nginx would hold the first chunks back
            }
            raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": raw})
            self._started_at = time.monotonic()
        return self._started_at

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        with anyio.fail_after(STALL_TIMEOUT_S):
            await self._send({"type": "http.response.body", "body": data, "more_body": more})


async def _read_body(request: Request) -> bytes:
    """Read a request's body.

    Raises:
        ApiError: it is not JSON, too long or too late.
        ClientDisconnect: the client left.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # This also keeps out web pages of other origins: browsers send a preflight first.
        message = "send JSON, with 'Content-Type: application/json'"
        raise ApiError(415, message, code="unsupported_media_type")
    body = bytearray()
    try:
        with anyio.fail_after(BODY_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    message = f"the body is longer than {MAX_BODY_BYTES} bytes"
                    raise ApiError(413, message, code="request_too_large")
    except TimeoutError:
        message = f"the body did not arrive within {BODY_TIMEOUT_S:g} s"
        headers = {"Connection": "close"}
        raise ApiError(408, message, code="request_timeout", headers=headers) from None
    return bytes(body)


async def _cancel_on_disconnect(
    receive: Receive, scope: anyio.CancelScope, record: RequestRecord
) -> None:
    """Cancel the response if the client disconnects before its end."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if not record.is_complete:  # the same message arrives after a complete response
        record.notes.append("client left")
        scope.cancel()
