from __future__ import annotations

import numpy as np
import pytest

from tests.server.asgi_client import SPEECH, Client, post, run, scope
from tests.server.fakes import SENTENCE_FRAMES, FakeVoice, app_of
from voicecli.errors import SourceError
from voicecli.server import answer as answering
from voicecli.server.fault_injection import FaultPlan
from voicecli.server.schema import MAX_BODY_BYTES
from voicecli.sources.sse import SpeechEvents
from voicecli.sources.voicecache import VoiceCache

PCM = {"input": "a|b|c", "response_format": "pcm"}
LEVELS = np.repeat(np.rint(np.array([0.01, 0.02, 0.03]) * 32768), SENTENCE_FRAMES)


def samples(body):
    return np.frombuffer(body, "<i2")


class Failing(FakeVoice):
    """Fails after ``after`` sentences."""

    def __init__(self, after):
        def fail(number):
            if number >= after:
                raise OSError("the disk burned")

        super().__init__(fail)


def test_speech_is_sent_sentence_by_sentence():
    app, log = app_of()
    answer = run(post, app, PCM)
    assert (answer.status, answer.complete) == (200, True)
    assert answer.headers["content-type"] == "audio/pcm;rate=24000;channels=1"
    assert (answer.headers["x-sample-rate"], answer.headers["x-channels"]) == ("24000", "1")
    assert answer.headers["x-accel-buffering"] == "no"
    assert [len(piece) for piece in answer.pieces] == [2 * SENTENCE_FRAMES] * 3
    assert np.array_equal(samples(answer.body), LEVELS)
    assert log.access[0].startswith('127.0.0.1 "POST /v1/audio/speech" 200 14400 bytes, ')
    assert log.access[0].endswith("0.30 s of pcm")


def test_speed_changes_the_duration():
    app, _ = app_of()
    assert len(samples(run(post, app, PCM | {"speed": 2}).body)) == len(LEVELS) / 2


def test_events_carry_the_same_audio():
    app, _ = app_of()
    answer = run(post, app, PCM | {"stream_format": "sse"})
    assert answer.headers["content-type"] == "text/event-stream"
    reader = SpeechEvents()
    assert np.array_equal(samples(b"".join(reader.feed(answer.body))), LEVELS)
    reader.flush()


def test_an_invalid_request_is_rejected_before_synthesis():
    voice = FakeVoice()
    app, _ = app_of(voice)
    answer = run(post, app, {"input": "a", "speed": 9})
    assert (answer.status, answer.error["param"]) == (400, "speed")
    assert voice.sentences == 0


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_accepted(kind):
    app, _ = app_of()

    async def ask():
        headers = {} if kind is None else {"Content-Type": kind}
        client = Client([b'{"input": "a"}'])
        await app(scope("POST", SPEECH, headers), client.receive, client.send)
        return client.answer

    answer = run(ask)
    assert (answer.status, answer.error["code"]) == (415, "unsupported_media_type")


def test_the_content_type_may_have_a_charset():
    app, _ = app_of()

    async def ask():
        return await post(app, PCM, Content_Type="Application/JSON; charset=utf-8")

    assert run(ask).status == 200


def test_a_body_may_arrive_in_parts():
    app, _ = app_of()

    async def ask():
        client = Client([b'{"input": ', b'"a", "response_', b'format": "pcm"}'])
        return await post(app, b"", client)

    assert len(samples(run(ask).body)) == SENTENCE_FRAMES


def test_an_empty_message_is_not_a_disconnect():
    app, log = app_of()

    async def ask():
        return await post(app, b"", Client([b'{"input": "a|b", "response_format": "pcm"}', None]))

    assert run(ask).complete
    assert "left" not in log.access[0]


def test_an_endless_body_is_rejected():
    app, _ = app_of()

    async def ask():
        return await post(app, b"", Client([b" " * 65536] * 1000))

    answer = run(ask)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert str(MAX_BODY_BYTES) in answer.error["message"]


def test_a_body_that_does_not_arrive_times_out(monkeypatch):
    monkeypatch.setattr(answering, "BODY_TIMEOUT_S", 0.0)
    app, _ = app_of()

    async def ask():
        return await post(app, b"", Client([b"{"], is_endless=True))

    answer = run(ask)
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_a_disconnect_during_the_request_is_not_an_error():
    app, log = app_of()

    async def ask():
        client = Client([b"{"], is_endless=True)
        client.leave()
        return await post(app, b"", client)

    assert run(ask).status is None
    assert log.errors == []


def test_nothing_to_say_is_a_client_error():
    class Mute(FakeVoice):
        def g2p(self, text):
            return ""

    app, log = app_of(Mute())
    answer = run(post, app, PCM)
    assert (answer.status, answer.error["param"]) == (400, "input")
    assert log.lines == []


def test_a_voice_that_fails_at_once_is_a_server_error():
    app, log = app_of(Failing(0))
    answer = run(post, app, PCM)
    assert (answer.status, answer.error["type"]) == (500, "server_error")
    assert "the disk burned" in log.lines[0]


def test_a_voice_that_cannot_be_loaded_is_a_server_error(monkeypatch):
    def load(*_):
        raise SourceError("the voice is gone")

    monkeypatch.setattr(VoiceCache, "load", load)
    app, log = app_of()
    assert run(post, app, PCM).status == 500
    assert log.lines == ["error: the voice is gone"]


def test_a_voice_that_fails_midway_ends_the_response_early():
    app, log = app_of(Failing(2))
    answer = run(post, app, PCM)
    assert (answer.status, answer.complete) == (200, False)
    assert np.array_equal(samples(answer.body), LEVELS[: 2 * SENTENCE_FRAMES])
    assert log.access[0].endswith("0.20 s of pcm, failed midway")


def test_a_voice_that_fails_midway_ends_events_with_an_error():
    app, _ = app_of(Failing(2))
    answer = run(post, app, PCM | {"stream_format": "sse"})
    assert answer.complete
    assert b'"type":"error"' in answer.pieces[-1]
    assert b"speech.audio.done" not in answer.body


def test_a_bug_is_reported(monkeypatch):
    def explode(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(answering, "synthesize", explode)
    app, log = app_of()
    assert run(post, app, PCM).status == 500
    assert len(log.errors) == 1


def test_faults_are_injected():
    faults = FaultPlan(ttfb_s=0.001, cut_at_s=0.15, chunk_bytes=1000, jitter_s=0.001)
    app, log = app_of(faults=faults)
    answer = run(post, app, PCM)
    assert (answer.status, answer.complete) == (200, False)
    assert [len(piece) for piece in answer.pieces] == [1000, 1000, 1000, 1000, 800, 1000, 1000, 400]
    assert log.access[0].endswith("cut by --cut-at")
