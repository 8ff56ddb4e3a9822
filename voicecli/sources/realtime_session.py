"""One connection to a Realtime API, shared by the requests of a run.

::

    any thread       `RealtimeSession.start` and `cancel`, and the waits of `RealtimeCall`
    the session's    connects, sends what waits, then takes events: each goes to its call

The session has a thread of its own, because a connection cannot be interrupted while it is
made, and because no call must wait for the bytes of another. It ends with the connection.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.errors import BadResponse, NetworkError, VoiceError
from voicecli.sources.realtime_call import RealtimeCall
from voicecli.sources.realtime_errors import (
    fault_of_answer,
    fault_of_closing,
    fault_of_error,
    reset_s_of,
)
from voicecli.sources.realtime_events import (
    VoiceSettings,
    parse_event,
    response_cancel,
    response_create,
    response_of,
    session_update,
)
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.config.server import Server
    from voicecli.request import SpeechRequest

_SETTINGS = "voicecli_session"
"""The id of the event with the session's settings."""


class Socket(Protocol):
    """The methods of the SDK's ``RealtimeConnection`` that are used here."""

    def send_raw(self, data: str) -> None:
        """Send one event."""

    def recv_bytes(self) -> bytes:
        """Wait for one event; raises once the connection is closed."""

    def close(self) -> None:
        """Close the connection."""


class RealtimeSession:
    """A connection, from `start` of the first call until it fails or is closed.

    ``connect`` opens it, and maps its exceptions. After it has failed, `is_over` is set and
    the next request needs another session.
    """

    def __init__(
        self, server: Server, settings: VoiceSettings, connect: Callable[[], Socket]
    ) -> None:
        self._server = server
        self._settings = settings
        self._connect = connect
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        # Under the lock:
        self._calls: dict[str, RealtimeCall] = {}  # those under way, by event id
        self._socket: Socket | None = None
        self._thread: threading.Thread | None = None
        self._reset_s: float | None = None
        self.is_connected = False
        self.is_over = False

    def start(self, request: SpeechRequest) -> RealtimeCall:
        """Send a request, as soon as there is a connection, and return its call."""
        call = RealtimeCall(request, next(self._numbers), self._changed)
        with self._changed:
            if self.is_over:  # closed by its owner, or it broke a moment ago
                call.error = NetworkError("the connection was closed", retryable=True)
                call.is_over = True
                return call
            self._calls[call.event_id] = call
            if self._thread is None:
                self._thread = spawn_daemon(self._run, "voicecli-realtime")
            socket = self._socket
        if socket is not None:
            self._send_request(socket, call)
        return call

    def cancel(self, call: RealtimeCall) -> None:
        """Stop one answer; the others continue. Idempotent."""
        with self._changed:
            if call.is_over or call.is_cancelled:
                call.is_cancelled = True
                return
            call.is_cancelled = True
            call.chunks.clear()
            self._changed.notify_all()
            socket, response_id = self._socket, call.response_id
        if socket is not None and response_id is not None:
            self._send_cancel(socket, call, response_id)

    def close(self) -> None:
        """Close the connection and end all calls; any thread, idempotent."""
        self._fail(NetworkError("the connection was closed"))
        with self._changed:
            socket, thread = self._socket, self._thread
        if socket is not None:
            with contextlib.suppress(Exception):
                socket.close()
            if thread is not None and thread is not threading.current_thread():
                thread.join(1.0)

    # The session's own thread:

    def _run(self) -> None:
        socket: Socket | None = None
        try:
            socket = self._connect()
            if not self.is_over:
                self._begin(socket)
            while not self.is_over:
                self._take(socket.recv_bytes())
        except VoiceError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  raised by the threads that wait
            self._fail(_closing_or_bug(error, self._server))
        finally:
            if socket is not None:
                with contextlib.suppress(Exception):
                    socket.close()

    def _begin(self, socket: Socket) -> None:
        """Send the settings, and the requests that waited for the connection."""
        socket.send_raw(json.dumps(session_update(self._settings, _SETTINGS)))
        with self._changed:
            self._socket, self.is_connected = socket, True
            waiting = list(self._calls.values())
        for call in waiting:
            self._send_request(socket, call)

    def _send_request(self, socket: Socket, call: RealtimeCall) -> None:
        with self._changed:
            if call.is_sent:
                return
            call.is_sent = True
            is_wanted = not call.is_cancelled
            if not is_wanted:
                self._end(call, None)
        if is_wanted:
            self._send(socket, response_create(call.request, call.event_id))
        with self._changed:
            self._changed.notify_all()

    def _send_cancel(self, socket: Socket, call: RealtimeCall, response_id: str) -> None:
        self._send(socket, response_cancel(response_id, f"{call.event_id}_cancel"))

    def _send(self, socket: Socket, event: dict[str, Any]) -> None:
        with contextlib.suppress(Exception):  # the thread that reads finds out why
            socket.send_raw(json.dumps(event))

    def _take(self, message: bytes) -> None:
        event = parse_event(message)
        match event["type"]:
            case "error":
                self._take_error(event)
            case "rate_limits.updated":
                self._reset_s = reset_s_of(event)
            case "response.created":
                self._take_created(event)
            case _:
                self._take_of_response(event)

    def _take_error(self, event: dict[str, Any]) -> None:
        """Pass an error to the call that it is about; any other error ends the session."""
        error = event.get("error")
        about = error.get("event_id") if isinstance(error, dict) else None
        if isinstance(about, str) and about.endswith("_cancel"):
            return  # the answer had ended by itself
        fault = fault_of_error(error, self._reset_s)
        with self._changed:
            call = self._calls.get(about) if isinstance(about, str) else None
            if call is not None:
                self._end(call, fault)
        if call is None and (about == _SETTINGS or about is None):
            raise fault

    def _take_created(self, event: dict[str, Any]) -> None:
        response = response_of(event)
        response_id, metadata = response.get("id"), response.get("metadata")
        if not isinstance(response_id, str):
            raise BadResponse("the server began an answer without an id")
        name = metadata.get("request") if isinstance(metadata, dict) else None
        with self._changed:
            unknown = [call for call in self._calls.values() if call.response_id is None]
            call = next((each for each in unknown if each.event_id == name), None)
            if call is None and name is None and unknown:  # it drops metadata but keeps the order
                call = unknown[0]
            if call is None:
                return
            call.response_id = response_id
            is_cancelled, socket = call.is_cancelled, self._socket
            self._changed.notify_all()
        if is_cancelled and socket is not None:
            self._send_cancel(socket, call, response_id)

    def _take_of_response(self, event: dict[str, Any]) -> None:
        response_id = event.get("response_id") or response_of(event).get("id")
        with self._changed:
            call = next(
                (each for each in self._calls.values() if each.response_id == response_id), None
            )
            if call is None or response_id is None:
                return  # about another call, or one of `IGNORED`
            try:
                chunk = call.answer.take(event)
            except BadResponse as error:
                self._end(call, error)
                socket = self._socket
            else:
                socket = None
                if chunk and not call.is_cancelled:
                    call.chunks.append(chunk)
                if call.answer.response is not None:
                    self._end(call, fault_of_answer(call.answer, self._reset_s))
                self._changed.notify_all()
        if socket is not None:  # the rest of a bad answer is of no use
            self._send_cancel(socket, call, str(response_id))

    def _end(self, call: RealtimeCall, error: Exception | None) -> None:
        """End a call; the caller holds the lock."""
        self._calls.pop(call.event_id, None)
        call.error, call.is_over = error, True
        self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        """End the session and all its calls."""
        with self._changed:
            self.is_over = True
            for call in list(self._calls.values()):
                self._end(call, error)
            self._changed.notify_all()


def _closing_or_bug(error: Exception, server: Server) -> Exception:
    """Return our error for a closed connection; anything else is a defect of ours."""
    names = {base.__name__ for base in type(error).__mro__}
    if names & {"ConnectionClosed", "OSError", "OpenAIError"}:
        return fault_of_closing(error, server)
    return error
