"""Calls an ASGI application without a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import anyio

SPEECH = "/v1/audio/speech"
TIMEOUT_S = 20.0


@dataclass
class Answer:
    """A response. ``complete`` is whether the application ended it."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, the only content of the body."""
        (error,) = self.json.values()
        assert set(error) == {"message", "type", "param", "code"}
        return error


class Client:
    """One connection: sends the request in parts, then waits; ``leave`` disconnects.

    A part of None is an empty message, as uvicorn sends them. ``on_body`` is awaited
    with each piece of the response before the next one is accepted.
    """

    def __init__(self, parts=(b"",), *, on_body=None, is_endless=False):
        self.answer = Answer()
        self._parts = list(parts)
        self._left = anyio.Event()
        self._on_body = on_body
        self._is_endless = is_endless

    def leave(self):
        self._left.set()

    async def receive(self):
        if self._parts:
            body = self._parts.pop(0) or b""
            more = any(self._parts) or self._is_endless
            return {"type": "http.request", "body": body, "more_body": more}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            self.answer.headers = dict(headers)
            return
        if message.get("body"):
            self.answer.pieces.append(message["body"])
            if self._on_body:
                await self._on_body(message["body"])
        self.answer.complete = not message.get("more_body", False)


def scope(method="GET", path="/", headers=None, **more):
    pairs = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "headers": pairs, "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
    } | more  # fmt: skip


async def call(app, client, **request):
    with anyio.fail_after(TIMEOUT_S):
        await app(scope(**request), client.receive, client.send)
    return client.answer


async def post(app, body, client=None, path=SPEECH, **headers):
    """POST a body, JSON unless bytes; returns the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"Content-Type": "application/json"} | named
    return await call(app, client or Client([data]), method="POST", path=path, headers=headers)


async def get(app, path, method="GET", **headers):
    return await call(app, Client(), method=method, path=path, headers=headers)


def run(function, *arguments, **keywords):
    """Run an async function to its end; returns its result."""

    async def main():
        return await function(*arguments, **keywords)

    return anyio.run(main)
