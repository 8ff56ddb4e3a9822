"""A speech server that misbehaves on demand: real sockets, real HTTP/1.1, no model.

It serves ``POST /v1/audio/speech`` and ``GET /v1/audio/voices`` like the OpenAI API and
compatible servers, from clips encoded beforehand, and records all requests. Everything that
can differ between servers or go wrong in transit is a field of `Reply`.

It also runs on its own, for benchmarks. It then prints its address as a line of JSON, and
serves until its standard input ends::

    python -m tests.support.speech_server --ttfb 0.2 --pace 4 --seconds 4
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import socket
import struct
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

from tests.support.tones import CONTENT_TYPES, FORMATS, encode, tone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from numpy.typing import NDArray

    from tests.support.tones import Format

FOREVER = float("inf")

VOICE_SHAPES: dict[str, Any] = {
    "strings": {"voices": ["alloy", "heart"]},
    "objects": {"voices": [{"id": "alloy", "name": "Alloy"}, {"id": "heart", "name": "Heart"}]},
    "bare list": ["alloy", "heart"],
    "bare objects": [{"id": "alloy", "name": "Alloy"}, {"id": "heart", "name": "Heart"}],
    "openai list": {"object": "list", "data": [{"id": "alloy"}, {"id": "heart"}]},
    "voice_id": {"voices": [{"voice_id": "alloy"}, {"voice_id": "heart"}]},
}
"""Shapes of ``/v1/audio/voices`` found in practice; each lists alloy and heart."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Encoded audio with its duration and content type."""

    body: bytes
    duration_s: float
    content_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server; the default sends the requested clip at once.

    - ``body``: bytes to send instead of the clip of the requested ``response_format``.
    - ``ttfb_s``: wait before the status line; `FOREVER` never answers.
      ``ttfb_per_character_s`` is added to it for each character of the input.
    - ``pace``: speed at which audio is sent, in times real time; None is unlimited.
    - ``chunk_bytes``: size of each write (and HTTP chunk); None is a single write.
    - ``framing``: how the body ends: chunked coding, Content-Length, or closing.
    - ``jitter_s``: the most by which a write is late; random, from ``seed``.
    - ``stall_at_s``/``stall_for_s``: pause before the audio of that second;
      ``stalls``: any number of such pairs, in order.
    - ``cut_at``: fraction of the body after which the connection is closed;
      ``reset`` makes that an RST instead of a FIN.
    """

    body: bytes | None = None
    status: int = 200
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ttfb_s: float = 0.0
    ttfb_per_character_s: float = 0.0
    pace: float | None = None
    chunk_bytes: int | None = 4096
    framing: Literal["chunked", "length", "close"] = "chunked"
    stall_at_s: float = 0.0
    stall_for_s: float = 0.0
    stalls: tuple[tuple[float, float], ...] = ()
    jitter_s: float = 0.0
    seed: int = 0
    cut_at: float | None = None
    reset: bool = False


def error(status: int, body: object, **headers: str) -> Reply:
    """Make an error answer in JSON; ``_`` in header names stands for ``-``."""
    return Reply(
        body=json.dumps(body).encode(),
        status=status,
        content_type="application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        framing="length",
    )


def sse(audio: bytes, *, chunk_bytes: int = 4096) -> Reply:
    """Make an answer as an event stream: ``speech.audio.delta`` events, then ``done``."""
    deltas = [
        {
            "type": "speech.audio.delta",
            "audio": base64.b64encode(audio[i : i + chunk_bytes]).decode(),
        }
        for i in range(0, len(audio), chunk_bytes)
    ]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    events = [*deltas, {"type": "speech.audio.done", "usage": usage}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    return Reply(body=body, content_type="text/event-stream; charset=utf-8")


@dataclass(slots=True)
class RequestRecord:
    """A request and the progress of its answer; times are monotonic seconds."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any
    at: float
    first_byte_at: float | None = None
    last_byte_at: float | None = None
    sent: int = 0
    client_disconnected: bool = False
    """Whether the client closed the connection before the answer was complete."""
    finished: threading.Event = field(default_factory=threading.Event)
    """Set once the fields above are final."""


def clips_of(
    samples: NDArray[Any],
    *,
    rate_hz: int = 48_000,
    page_ms: int = 20,
    formats: Iterable[Format] = FORMATS,
) -> dict[str, Clip]:
    """Encode the same mono samples in every format."""
    return {
        kind: Clip(
            encode(samples, kind, rate_hz=rate_hz, page_ms=page_ms),
            len(samples) / rate_hz,
            CONTENT_TYPES[kind],
        )
        for kind in formats
    }


class SpeechServer:
    """Serves on a free port of 127.0.0.1 while the ``with`` block runs.

    Speech requests are answered from ``queued``, or with ``reply`` if that is empty. Both,
    and ``clips``, ``voices``, ``voices_path`` and ``models``, may be changed between requests.
    ``speak`` makes the clip for the fields of a request instead, or another answer.
    """

    def __init__(
        self, clips: Mapping[str, Clip] | None = None, *, reply: Reply | None = None, port: int = 0
    ) -> None:
        self.clips = dict(clips or {})
        self.reply = reply or Reply()
        self.queued: deque[Reply] = deque()
        self.speak: Callable[[Mapping[str, Any]], Clip | Reply] | None = None
        self.voices: Any = VOICE_SHAPES["strings"]
        self.voices_path = "/v1/audio/voices"
        self.models: Any = {"object": "list", "data": [{"id": "tts-1", "object": "model"}]}
        self.requests: list[RequestRecord] = []
        self.closing = threading.Event()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="speech-server", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Base URL for clients of the OpenAI API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def speech_requests(self) -> list[RequestRecord]:
        """The requests for speech, in order of arrival."""
        return [r for r in self.requests if r.path.endswith("/audio/speech")]

    def next_reply(self) -> Reply:
        """Return the answer to the next request for speech."""
        return self.queued.popleft() if self.queued else self.reply


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    owner: SpeechServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up, and report everything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # keeps each write in a segment of its own
    server: _Http
    timeout = 30

    def log_message(self, format: str, *args: object) -> None:
        """Write no access log."""

    def do_GET(self) -> None:
        self._record(None)
        if self.path.split("?")[0] == self.server.owner.voices_path:
            self._send_json(200, self.server.owner.voices)
        elif self.path.endswith("/models"):
            self._send_json(200, self.server.owner.models)
        elif self.path.endswith("/audio/speech"):
            self._send_json(405, {"detail": "Method Not Allowed"})
        else:
            self._send_json(404, {"detail": "Not Found"})

    def do_HEAD(self) -> None:
        self._record(None)
        self.send_response_only(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        request = self._record(body)
        if not self.path.endswith("/audio/speech") or not isinstance(body, dict):
            self._send_json(404, {"detail": "Not Found"})
            return
        try:
            self._answer(request, body, self.server.owner.next_reply())
        except (BrokenPipeError, ConnectionResetError):
            request.client_disconnected = True
            self.close_connection = True
        finally:
            request.finished.set()

    def _record(self, body: Any) -> RequestRecord:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RequestRecord(self.command, self.path, headers, body, time.monotonic())
        self.server.owner.requests.append(request)
        return request

    def _send_json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, request: RequestRecord, fields: dict[str, Any], reply: Reply) -> None:
        clip = self.server.owner.clips.get(fields.get("response_format", "mp3"))
        if self.server.owner.speak is not None and reply.body is None:
            spoken = self.server.owner.speak(fields)
            if isinstance(spoken, Reply):
                reply = spoken
            else:
                clip = spoken
        body = reply.body if reply.body is not None else clip.body if clip else b""
        content_type = reply.content_type or (clip.content_type if clip else "audio/pcm")
        thinking_s = reply.ttfb_per_character_s * len(str(fields.get("input", "")))
        if not self._sleep_until(request.at + reply.ttfb_s + thinking_s):
            return
        self._send_head(reply, content_type, len(body))
        request.first_byte_at = time.monotonic()
        duration_s = clip.duration_s if clip else 0.0
        complete = self._send_body(request, reply, body, duration_s)
        request.last_byte_at = time.monotonic()
        if reply.framing == "close" or not complete:
            self.close_connection = True
        if complete and reply.framing == "chunked":
            self.wfile.write(b"0\r\n\r\n")
        elif not complete and reply.reset:
            self._reset()

    def _send_head(self, reply: Reply, content_type: str, length: int) -> None:
        self.send_response_only(reply.status)
        self.send_header("Content-Type", content_type)
        if reply.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.framing == "length":
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_body(
        self, request: RequestRecord, reply: Reply, body: bytes, duration_s: float
    ) -> bool:
        """Write the body as the reply says; return whether all of it was sent."""
        end = len(body) if reply.cut_at is None else round(len(body) * reply.cut_at)
        step = reply.chunk_bytes or max(1, end)
        seconds_per_byte = duration_s / len(body) if body else 0.0
        started, stalled_s = time.monotonic(), 0.0
        rng = random.Random(reply.seed)
        stalls = deque(reply.stalls or [(reply.stall_at_s, reply.stall_for_s)])
        chunked = reply.framing == "chunked"
        for at in range(0, end, step):
            audio_s = at * seconds_per_byte
            if stalls and audio_s >= stalls[0][0]:
                _, for_s = stalls.popleft()
                stalled_s += for_s
                if not self._sleep_until(time.monotonic() + for_s):
                    return False
            late_s = rng.uniform(0.0, reply.jitter_s)
            due_s = stalled_s + audio_s / reply.pace if reply.pace else 0.0
            if reply.pace and not self._sleep_until(started + due_s + late_s):
                return False
            data = body[at : min(at + step, end)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
            request.sent += len(data)
        return reply.cut_at is None

    def _sleep_until(self, moment: float) -> bool:
        """Sleep; return False if the server closed meanwhile."""
        left = moment - time.monotonic()
        if left <= 0:
            return True
        return not self.server.owner.closing.wait(None if left == FOREVER else left)

    def _reset(self) -> None:
        """Close with an RST: lingering for 0 s drops unsent bytes."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def main() -> None:
    """Serve a steady tone from the command line until standard input ends."""
    parser = argparse.ArgumentParser(description="OpenAI-compatible server of a steady tone.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the tone")
    parser.add_argument("--rate", type=int, default=24_000, help="sample rate in Hz")
    parser.add_argument("--ttfb", type=float, default=0.0, help="seconds before the first byte")
    parser.add_argument("--pace", type=float, default=None, help="speed in times real time")
    parser.add_argument(
        "--jitter", type=float, default=0.0, help="most seconds by which a write is late"
    )
    parser.add_argument(
        "--ttfb-per-character", type=float, default=0.0, help="seconds more for each character"
    )
    parser.add_argument(
        "--spoken", action="store_true", help="a tone for each sentence, as long as if read aloud"
    )
    parser.add_argument("--chunk", type=int, default=1024, help="bytes per write")
    parser.add_argument("--page-ms", type=int, default=20, help="length of an Ogg page in ms")
    parser.add_argument("--framing", choices=("chunked", "length", "close"), default="chunked")
    given = parser.parse_args()
    samples = tone(given.seconds, rate_hz=given.rate)
    reply = Reply(
        ttfb_s=given.ttfb,
        ttfb_per_character_s=given.ttfb_per_character,
        pace=given.pace,
        jitter_s=given.jitter,
        chunk_bytes=given.chunk,
        framing=given.framing,
    )
    clips = clips_of(samples, rate_hz=given.rate, page_ms=given.page_ms)
    with SpeechServer(clips, reply=reply, port=given.port) as server:
        if given.spoken:
            from tests.support.spoken_tones import SpokenTones

            server.speak = SpokenTones(rate_hz=given.rate)
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
