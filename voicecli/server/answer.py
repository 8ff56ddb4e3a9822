"""Speech to one client: a chunk is made when the last has left, until done or nobody listens.

Whatever can be said wrong with a request is said before the answer begins. Once
it has begun, plain audio has no way to tell a failure but to break off (chunked
coding without its last chunk), and events have one of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import anyio
from starlette.requests import ClientDisconnect, Request

from voicecli.audio.pcm import AudioFormat
from voicecli.errors import NothingToSay, VoiceError
from voicecli.server import events
from voicecli.server.errors import Refusal
from voicecli.server.fault_injection import FaultPlan, Script
from voicecli.server.fields import MAX_BODY_BYTES
from voicecli.server.middleware import REQUEST_RECORD
from voicecli.server.speech import RATE_HZ, content_type, speak

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from starlette.types import Receive, Scope, Send

    from voicecli.codecs.encoding import Encoded
    from voicecli.server.fields import Order, SpeechFields
    from voicecli.server.middleware import RequestRecord
    from voicecli.sources.voicecache import VoiceCache


BODY_S = 30.0
"""How long a client may take to send its request's body."""

STALL_S = 60.0
"""How long a client may take nothing of its answer: it holds up one of few places."""

RETRY_AFTER_S = 1
"""What a client is told to wait for a place: sentences take a fraction of it."""


class ConcurrencyLimit:
    """How many may be spoken to at once. Event loop only."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0

    def take(self) -> None:
        """Take a place, to be given back.

        Raises:
            Refusal: there is none; says when to ask again.
        """
        if self.taken >= self.count:
            message = f"all {self.count} places are taken; try again in {RETRY_AFTER_S} s"
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            raise Refusal(429, message, code="rate_limit_exceeded", headers=headers)
        self.taken += 1

    def give_back(self) -> None:
        """Give a place back."""
        self.taken -= 1


class SpeechEndpoint:
    """``POST /v1/audio/speech``, as an ASGI application.

    Args:
        fields: what a request may ask for.
        voices: the voices loaded so far.
        places: how many requests are spoken at once.
        misbehaviour: how answers go wrong on purpose.
        tell: takes a line for whoever runs the server.
    """

    def __init__(
        self,
        fields: SpeechFields,
        voices: VoiceCache,
        places: ConcurrencyLimit,
        misbehaviour: FaultPlan,
        tell: Callable[[str], None],
    ) -> None:
        self._fields = fields
        self._voices = voices
        self._places = places
        self._misbehaviour = misbehaviour
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            Refusal: the request is at fault, or there is no place for it.
        """
        try:
            order = self._fields.parse(await _body(Request(scope, receive)))
        except ClientDisconnect:
            return
        exchange = cast("RequestRecord", scope[REQUEST_RECORD])
        self._places.take()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_when_left, receive, group.cancel_scope, exchange)
                # Faults are answered in here: out of a group they would come wrapped.
                await self._answer(order, scope, receive, send)
                exchange.is_over = True
                group.cancel_scope.cancel()
        finally:
            self._places.give_back()

    async def _answer(self, order: Order, scope: Scope, receive: Receive, send: Send) -> None:
        stretches = speak(order.speech, self._voices)
        try:
            try:
                await anyio.sleep(self._misbehaviour.ttfb_s)
                first = await anyio.to_thread.run_sync(_next, stretches)
            except VoiceError as error:
                await self._refusal(error).response()(scope, receive, send)
                return
            answer = _Answer(
                order, self._misbehaviour, send, cast("RequestRecord", scope[REQUEST_RECORD])
            )
            await answer.begin()
            try:
                while first is not None:
                    if not await answer.send(first):
                        return
                    first = await anyio.to_thread.run_sync(_next, stretches)
            except VoiceError as error:
                await answer.fail(self._refusal(error))
            except TimeoutError:
                answer.exchange.remarks.append(f"client took nothing for {STALL_S:g} s")
            else:
                await answer.end()
        finally:
            stretches.close()

    def _refusal(self, error: VoiceError) -> Refusal:
        """What to tell the client; faults that are not in its text are told here as well."""
        if isinstance(error, NothingToSay):
            message = f"'input': {error.message}"
            return Refusal(400, message, param="input", code="invalid_value")
        self._tell(f"error: {error.message}")
        return Refusal(500, error.message)


class _Answer:
    """What goes out after the first chunk is there."""

    def __init__(
        self, order: Order, misbehaviour: FaultPlan, send: Send, exchange: RequestRecord
    ) -> None:
        self.exchange = exchange
        self._order = order
        self._script = Script(misbehaviour, RATE_HZ)
        self._send = send
        self._frames = 0
        self._first_at: float | None = None

    async def begin(self) -> None:
        """Send status and headers."""
        kind = content_type(self._order.speech.response_format)
        if self._order.as_events:
            kind = events.MEDIA_TYPE
        headers = {"content-type": kind, "x-sample-rate": str(RATE_HZ), "x-channels": "1"}
        pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": pairs})

    async def send(self, stretch: Encoded) -> bool:
        """Send a stretch when it is due; False when the rest is not to be sent.

        Raises:
            TimeoutError: the client takes nothing.
        """
        data = events.delta(stretch.data) if self._order.as_events else stretch.data
        self._frames += stretch.frames
        form = AudioFormat(RATE_HZ, 1)
        self.exchange.sound = (
            f"{form.duration_s(self._frames):.2f} s of {self._order.speech.response_format}"
        )
        for piece in self._script.feed(data, stretch.frames):
            await self._wait_until(piece.due_s)
            await self._write(piece.data)
        if self._script.is_cut:
            self.exchange.remarks.append("cut on purpose")
        return not self._script.is_cut

    async def _wait_until(self, due_s: float) -> None:
        if self._first_at is None:
            self._first_at = time.monotonic()
        await anyio.sleep(max(0.0, self._first_at + due_s - time.monotonic()))

    async def fail(self, refusal: Refusal) -> None:
        """End short of the end, in a way that shows."""
        self.exchange.remarks.append("failed half-way")
        if self._order.as_events:
            await self._write(events.failed(refusal), more=False)

    async def end(self) -> None:
        """Send the last there is."""
        await self._write(events.done() if self._order.as_events else b"", more=False)

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        with anyio.fail_after(STALL_S):
            await self._send({"type": "http.response.body", "body": data, "more_body": more})


async def _body(request: Request) -> bytes:
    """A request's body.

    Raises:
        Refusal: it is no JSON, too long or too late.
        ClientDisconnect: the client left.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # Also what keeps web pages of other sites out: a browser asks before it sends this type.
        message = "send JSON, with 'Content-Type: application/json'"
        raise Refusal(415, message, code="unsupported_media_type")
    body = bytearray()
    try:
        with anyio.fail_after(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    message = f"the body is longer than {MAX_BODY_BYTES} bytes"
                    raise Refusal(413, message, code="request_too_large")
    except TimeoutError:
        message = f"the body did not arrive within {BODY_S:g} s"
        headers = {"Connection": "close"}
        raise Refusal(408, message, code="request_timeout", headers=headers) from None
    return bytes(body)


async def _cancel_when_left(
    receive: Receive, scope: anyio.CancelScope, exchange: RequestRecord
) -> None:
    """Cancel the answer when the client goes away before its end."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if not exchange.is_over:  # the same message comes when the answer is complete
        exchange.remarks.append("client left")
        scope.cancel()


def _next(stretches: Generator[Encoded]) -> Encoded | None:
    return next(stretches, None)
