"""A server of OpenAI's Realtime API that misbehaves on demand: real websockets, no model.

Written from the SDK's event types (``openai.types.realtime``), which it builds its events from
and checks the client's against, and the guide "Realtime conversations". It reads texts aloud as
tones, out of band, any number at once on a connection, and records everything that it gets.

It also runs on its own, for benchmarks: it prints its address as a line of JSON, and serves
until its standard input ends::

    python -m tests.support.realtime_server --ttfb 0.2 --pace 4 --seconds 4
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import functools
import itertools
import json
import socket
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.support.tones import tone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from pydantic import TypeAdapter

RATE_HZ = 24_000
BYTES_PER_S = 2 * RATE_HZ


@functools.cache
def _client_event() -> TypeAdapter[Any]:
    """Return the check of a client's event; importing its types takes a second."""
    from openai.types.realtime import RealtimeClientEvent
    from pydantic import TypeAdapter

    return TypeAdapter(RealtimeClientEvent)


@dataclass(frozen=True, slots=True)
class Speech:
    """One answer; by default the text of the request, at once.

    - ``said``: the transcript; None is the text of the request, "" none at all.
    - ``audio``: s16le at 24 kHz, in deltas of ``delta_bytes``; None is ``seconds`` of a tone.
    - ``ttfb_s``: wait before the first delta; ``pace``: speed in times real time.
    - ``text``: answers in text, without audio.
    - ``status``, ``details``: of ``response.done``; ``error`` refuses the request instead.
    - ``cut_at``: fraction of the audio after which the connection is closed with status 1011;
      ``hang_at``: fraction after which nothing more is sent.
    - ``raw``: messages sent before the deltas; ``endless`` repeats the audio without end.
    """

    said: str | None = None
    audio: bytes | None = None
    seconds: float = 0.2
    ttfb_s: float = 0.0
    pace: float | None = None
    delta_bytes: int = 4800
    text: str | None = None
    status: str = "completed"
    details: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    cut_at: float | None = None
    hang_at: float | None = None
    raw: Sequence[str] = ()
    endless: bool = False
    usage: Mapping[str, Any] | None = None


@dataclass
class ConnectionRecord:
    """One websocket: the query and headers it came with, and the events that were received."""

    query: dict[str, str]
    headers: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Events that the SDK's types do not allow."""

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of one type."""
        return [event for event in self.events if event["type"] == kind]


class RealtimeServer:
    """The server, as a context manager; ``speak`` chooses the answer to each text.

    ``refusal`` (status, body) refuses the websocket itself. ``greeting`` are messages sent on
    connecting, before ``session.created``. ``keeps_metadata`` is false for servers that do not
    return a response's metadata; ``beta`` for those with the names of the beta.
    ``certificate`` is a file with a certificate for localhost and its key.
    """

    def __init__(
        self,
        speak: Speech | Callable[[str], Speech] | None = None,
        *,
        refusal: tuple[int, dict[str, Any]] | None = None,
        greeting: Sequence[str] = (),
        keeps_metadata: bool = True,
        beta: bool = False,
        certificate: Path | None = None,
    ) -> None:
        self._speak = speak or Speech()
        self._refusal = refusal
        self._greeting = greeting
        self._keeps_metadata = keeps_metadata
        self._beta = beta
        self._ids = itertools.count(1)
        self.connections: list[ConnectionRecord] = []
        self.speech_requests: list[dict[str, Any]] = []
        """Requests for ``/v1/audio/speech``, which ``speech_refusal`` answers."""
        self.speech_refusal: tuple[int, dict[str, Any]] = (404, {})
        self._socket = socket.create_server(("127.0.0.1", 0))
        # Which asyncio sets only on sockets that name TCP as their protocol.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self._socket.getsockname()[1]
        origin = "http://127.0.0.1" if certificate is None else "https://localhost"
        self.url = f"{origin}:{self.port}/v1"
        app = Starlette(
            routes=[
                WebSocketRoute("/v1/realtime", self._serve),
                Route("/v1/audio/speech", self._refuse_speech, methods=["POST"]),
            ]
        )
        config = uvicorn.Config(
            app,
            log_level="critical",
            ws="websockets-sansio",
            lifespan="off",
            ws_ping_interval=None,
            ssl_certfile=certificate,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="realtime-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)
        self._socket.close()

    @property
    def spoken(self) -> list[str]:
        """The texts that were asked for, in the order of their requests."""
        return [
            _text_of(event["response"])
            for connection in self.connections
            for event in connection.of_type("response.create")
        ]

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    async def _refuse_speech(self, request: Any) -> JSONResponse:
        self.speech_requests.append(await request.json())
        status, body = self.speech_refusal
        return JSONResponse(body, status)

    async def _serve(self, websocket: WebSocket) -> None:
        record = ConnectionRecord(dict(websocket.query_params), dict(websocket.headers))
        self.connections.append(record)
        if self._refusal is not None:
            status, body = self._refusal
            await websocket.send_denial_response(JSONResponse(body, status))
            return
        await websocket.accept()
        await _Conversation(self, websocket, record).run()

    def answer_to(self, text: str) -> Speech:
        """Return the answer to a text."""
        return self._speak(text) if callable(self._speak) else self._speak

    def new_id(self, kind: str) -> str:
        """Return an id that no other thing has."""
        return f"{kind}_{next(self._ids):06d}"


class _Conversation:
    """One websocket's responses."""

    def __init__(
        self, server: RealtimeServer, websocket: WebSocket, record: ConnectionRecord
    ) -> None:
        self._server = server
        self._websocket = websocket
        self._record = record
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        for message in self._server._greeting:
            await self._websocket.send_text(message)
        session = {"type": "realtime", "object": "realtime.session", "id": "sess_1"}
        await self._send("session.created", session=session)
        try:
            while True:
                event = json.loads(await self._websocket.receive_text())
                self._record.events.append(event)
                try:
                    _client_event().validate_python(event)
                except ValueError as error:
                    self._record.problems.append(str(error))
                await self._handle(event)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _handle(self, event: dict[str, Any]) -> None:
        if event["type"] == "session.update":
            await self._send("session.updated", session=event["session"])
        elif event["type"] == "response.create":
            await self._create(event)
        elif event["type"] == "response.cancel":
            task = self._tasks.get(event["response_id"])
            if task is None or task.done():
                error = {
                    "type": "invalid_request_error",
                    "code": "response_cancel_not_active",
                    "message": "Cancellation failed: no active response found",
                    "event_id": event.get("event_id"),
                }
                await self._send("error", error=error)
            else:
                task.cancel()

    async def _create(self, event: dict[str, Any]) -> None:
        asked = event["response"]
        speech = self._server.answer_to(_text_of(asked))
        if speech.error is not None:
            await self._send("error", error={**speech.error, "event_id": event["event_id"]})
            return
        response_id = self._server.new_id("resp")
        metadata = asked.get("metadata") if self._server._keeps_metadata else None
        response = {
            "id": response_id,
            "object": "realtime.response",
            "status": "in_progress",
            "output": [],
            "conversation_id": None,
            "metadata": metadata,
        }
        await self._send("response.created", response=response)
        limit = {"name": "tokens", "limit": 100, "remaining": 50, "reset_seconds": 1.0}
        await self._send("rate_limits.updated", rate_limits=[limit])
        self._tasks[response_id] = asyncio.create_task(self._speak(speech, response, asked))

    async def _speak(self, speech: Speech, response: dict[str, Any], asked: dict[str, Any]) -> None:
        ids = {"response_id": response["id"], "item_id": self._server.new_id("item")}
        part = {**ids, "output_index": 0, "content_index": 0}
        status, details = speech.status, speech.details
        try:
            await asyncio.sleep(speech.ttfb_s)
            if speech.text is not None:
                await self._send("response.output_text.delta", **part, delta=speech.text)
                await self._send("response.output_text.done", **part, text=speech.text)
            else:
                said = _text_of(asked) if speech.said is None else speech.said
                await self._say(speech, said, part)
        except asyncio.CancelledError:
            status, details = "cancelled", {"type": "cancelled", "reason": "client_cancelled"}
        except (_DroppedError, WebSocketDisconnect, RuntimeError):
            return
        done = {**response, "status": status, "status_details": details, "usage": speech.usage}
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._send("response.done", response=done)

    async def _say(self, speech: Speech, said: str, part: dict[str, Any]) -> None:
        for message in speech.raw:
            await self._websocket.send_text(message.replace("RESPONSE", part["response_id"]))
        audio = _tone_bytes(speech.seconds) if speech.audio is None else speech.audio
        sent, began = 0, asyncio.get_running_loop().time()
        words = said.split(" ") if said else []
        for word in words:
            await self._send("response.output_audio_transcript.delta", **part, delta=word + " ")
        while sent < len(audio):
            for limit, is_cut in ((speech.cut_at, True), (speech.hang_at, False)):
                if limit is not None and sent >= limit * len(audio):
                    if is_cut:
                        await self._websocket.close(1011, "keepalive ping timeout")
                        raise _DroppedError
                    await asyncio.Event().wait()
            if speech.pace is not None:
                due = began + sent / BYTES_PER_S / speech.pace
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            delta = audio[sent : sent + speech.delta_bytes]
            encoded = base64.b64encode(delta).decode("ascii")
            await self._send("response.output_audio.delta", **part, delta=encoded)
            sent += len(delta)
            if speech.endless and sent >= len(audio):
                sent = 0
        await self._send("response.output_audio.done", **part)
        if said:
            await self._send("response.output_audio_transcript.done", **part, transcript=said)

    async def _send(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": self._server.new_id("event"), **fields}
        if self._server._beta:
            event["type"] = kind.replace("output_audio", "audio").replace("output_text", "text")
        await self._websocket.send_text(json.dumps(event))


class _DroppedError(Exception):
    """The connection was dropped on purpose."""


def _tone_bytes(seconds: float) -> bytes:
    return tone(seconds, rate_hz=RATE_HZ).astype("<i2").tobytes()


def _text_of(response: Mapping[str, Any]) -> str:
    return "".join(part["text"] for item in response["input"] for part in item["content"])


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ttfb", type=float, default=0.0)
    parser.add_argument("--pace", type=float)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    speech = Speech(ttfb_s=given.ttfb, pace=given.pace, seconds=given.seconds)
    with RealtimeServer(speech) as server:
        print(json.dumps({"url": server.url}), flush=True)  # noqa: T201  for the program that started it
        sys.stdin.read()


if __name__ == "__main__":
    main()
