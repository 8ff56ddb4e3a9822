"""The application, asked without a socket: one request in, what it sent out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import anyio

SPEECH = "/v1/audio/speech"
PATIENCE_S = 20.0


@dataclass
class Answer:
    """What an application sent. ``complete`` is whether it said that this was all."""

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
        """The error object, of a body that has nothing else."""
        (error,) = self.json.values()
        assert set(error) == {"message", "type", "param", "code"}
        return error


class Client:
    """One connection: gives the request's parts, then waits; ``leave`` hangs up.

    ``took`` is called with each piece of body before the next is accepted.
    """

    def __init__(self, parts=(b"",), *, took=None, hang_after_body=False):
        self.answer = Answer()
        self._parts = list(parts)
        self._left = anyio.Event()
        self._took = took
        self._silent = hang_after_body

    def leave(self):
        self._left.set()

    async def receive(self):
        if self._parts and self._parts[0] is None:  # a nudge without news, as uvicorn has them
            self._parts.pop()
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._parts:
            body = self._parts.pop(0)
            more = any(self._parts) or self._silent
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
            if self._took:
                await self._took(message["body"])
        self.answer.complete = not message.get("more_body", False)


def scope(method="GET", path="/", headers=None, **more):
    pairs = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "headers": pairs, "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
    } | more  # fmt: skip


async def post(app, body, client=None, path=SPEECH, **headers):
    """POST a body, JSON unless bytes; returns the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = client or Client([data])
    given = {"Content-Type": "application/json"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    with anyio.fail_after(PATIENCE_S):
        await app(scope("POST", path, given), client.receive, client.send)
    return client.answer


async def get(app, path, method="GET", **headers):
    client = Client()
    with anyio.fail_after(PATIENCE_S):
        await app(scope(method, path, headers), client.receive, client.send)
    return client.answer


def run(function, *arguments):
    """Run an async function to its end; its result."""
    return anyio.run(function, *arguments)
