"""The session against a socket that says anything at all."""

from __future__ import annotations

import json
import queue
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.test_realtime import HANDLED
from voicecli.config.server import Server
from voicecli.errors import NetworkError, VoiceError
from voicecli.request import SpeechRequest
from voicecli.sources.realtime_events import IGNORED, VoiceSettings
from voicecli.sources.realtime_session import RealtimeSession

REQUEST = SpeechRequest("Hello.", "marin", "gpt-realtime-2.1", "pcm")
SETTINGS = VoiceSettings("gpt-realtime-2.1", "marin")


class FakeSocket:
    """Answers the first request with ``messages``, and ends then if ``ends``."""

    def __init__(self, messages, *, ends=True):
        self.messages = queue.SimpleQueue()
        self.sent = []
        self._answer = messages
        self._ends = ends

    def send_raw(self, data):
        self.sent.append(json.loads(data))
        if self.sent[-1]["type"] == "response.create":
            for message in (*self._answer, *([None] if self._ends else [])):
                self.messages.put(message)

    def recv_bytes(self):
        if (message := self.messages.get(timeout=5)) is None:
            raise ConnectionResetError
        return message

    def close(self):
        self.messages.put(None)


def spoken(messages):
    """Return the audio and the error of one call."""
    socket = FakeSocket(messages)
    session = RealtimeSession(Server("http://x/v1"), SETTINGS, lambda: socket)
    call = session.start(REQUEST)
    heard = b""
    try:
        call.wait_until_begun()
        for chunk in call.audio():
            heard += chunk
    except VoiceError as error:
        return heard, error
    finally:
        session.close()
    return heard, None


CREATED = {"type": "response.created", "response": {"id": "r1", "metadata": None}}
DELTA = {"type": "response.output_audio.delta", "response_id": "r1", "delta": "AAEC"}
DONE = {"type": "response.done", "response": {"id": "r1", "status": "completed"}}


def encoded(*events):
    return [json.dumps(event).encode() for event in events]


def test_an_answer_is_heard():
    assert spoken(encoded(CREATED, DELTA, DELTA, DONE)) == (b"\0\1\2" * 2, None)


def test_what_came_before_the_end_of_the_connection_is_heard():
    heard, error = spoken(encoded(CREATED, DELTA))
    assert heard == b"\0\1\2"
    assert isinstance(error, NetworkError)


def test_an_answer_without_an_id_to_a_request_of_another_program_is_none_of_ours():
    foreign = {"type": "response.created", "response": {"id": "r9", "metadata": {"request": "x"}}}
    other = DELTA | {"response_id": "r9"}
    assert spoken(encoded(foreign, other, CREATED, DELTA, DONE)) == (b"\0\1\2", None)


def test_a_call_cancelled_before_its_answer_began_is_cancelled_once_it_has():
    socket = FakeSocket([], ends=False)
    session = RealtimeSession(Server("http://x/v1"), SETTINGS, lambda: socket)
    call = session.start(REQUEST)
    call.wait_until_sent()
    session.cancel(call)
    session.cancel(call)
    assert list(call.audio()) == []
    session._take(encoded(CREATED)[0])
    assert [event["type"] for event in socket.sent] == [
        "session.update",
        "response.create",
        "response.cancel",
    ]
    assert socket.sent[-1]["response_id"] == "r1"
    session.close()


def test_a_call_cancelled_while_the_session_connects_is_never_sent():
    gate, socket = threading.Event(), FakeSocket(encoded(CREATED, DELTA, DONE), ends=False)

    def connect():
        gate.wait(5)
        return socket

    session = RealtimeSession(Server("http://x/v1"), SETTINGS, connect)
    first, second = session.start(REQUEST), session.start(REQUEST)
    session.cancel(first)
    first.wait_until_sent()  # returns at once: it never will be
    gate.set()
    assert b"".join(second.audio()) == b"\0\1\2"
    asked = [event["event_id"] for event in socket.sent if event["type"] == "response.create"]
    assert asked == [second.event_id]
    session.close()


def test_a_connection_that_fails_while_it_is_made_fails_the_call():
    def refuse():
        raise NetworkError("refused")

    session = RealtimeSession(Server("http://x/v1"), SETTINGS, refuse)
    for _ in range(2):  # the second one finds the session over
        call = session.start(REQUEST)
        call.wait_until_sent()
        with pytest.raises(NetworkError):
            call.wait_until_begun()
        assert not call.is_sent
    session.close()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
named = st.sampled_from(["r1", "voicecli_1", "voicecli_session", "voicecli_1_cancel"]) | anything
fields = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted({*HANDLED, *IGNORED})) | anything},
    optional={
        "response_id": named,
        "delta": st.sampled_from(["AAEC", "!"]) | anything,
        "transcript": anything,
        "text": anything,
        "error": anything
        | st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("event_id", "type", "code", "message"), named)
        ),
        "rate_limits": anything,
        "response": anything
        | st.fixed_dictionaries(
            {},
            optional={
                "id": named,
                "metadata": anything | st.fixed_dictionaries({"request": named}),
                "status": st.sampled_from(["completed", "failed", "incomplete", "cancelled"])
                | anything,
                "status_details": anything
                | st.fixed_dictionaries({}, optional={"error": anything, "reason": anything}),
                "usage": anything,
            },
        ),
    },
)
messages = st.lists(
    st.one_of(
        fields.map(lambda event: json.dumps(event).encode()),
        st.sampled_from(encoded(CREATED, DELTA, DONE)),
        st.binary(max_size=40),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=100)
@given(messages)
def test_whatever_a_server_says_a_call_ends_with_sound_or_an_error_of_ours(said):
    _, error = spoken(said)
    assert error is None or isinstance(error, VoiceError)
