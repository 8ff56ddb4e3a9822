from __future__ import annotations

import threading

import anyio
import numpy as np
import pytest

from tests.server.asgi_client import SPEECH, Client, post, run, scope
from tests.server.voices import SENTENCE_FRAMES, Gate, Tone, app_of
from voicecli.errors import SourceError
from voicecli.server import answer as answering
from voicecli.server.fault_injection import FaultPlan
from voicecli.server.fields import MAX_BODY_BYTES
from voicecli.sources.sse import SpeechEvents
from voicecli.sources.voicecache import VoiceCache

PCM = {"input": "a|b|c", "response_format": "pcm"}
LEVELS = np.repeat(np.rint(np.array([0.01, 0.02, 0.03]) * 32768), SENTENCE_FRAMES)


def samples(body):
    return np.frombuffer(body, "<i2")


class Failing(Tone):
    """Speaks so many sentences, then breaks."""

    def __init__(self, after):
        def fail(number):
            if number >= after:
                raise OSError("the disk burned")

        super().__init__(fail)


def test_speech_comes_sentence_by_sentence():
    app, told = app_of()
    answer = run(post, app, PCM)
    assert (answer.status, answer.complete) == (200, True)
    assert answer.headers["content-type"] == "audio/pcm;rate=24000;channels=1"
    assert (answer.headers["x-sample-rate"], answer.headers["x-channels"]) == ("24000", "1")
    assert [len(piece) for piece in answer.pieces] == [2 * SENTENCE_FRAMES] * 3
    assert np.array_equal(samples(answer.body), LEVELS)
    assert told.access[0].startswith('127.0.0.1 "POST /v1/audio/speech" 200 14400 bytes, ')
    assert told.access[0].endswith("0.30 s of pcm")


def test_speed_is_heeded():
    app, _ = app_of()
    assert len(samples(run(post, app, PCM | {"speed": 2}).body)) == len(LEVELS) / 2


def test_events_carry_the_same():
    app, _ = app_of()
    answer = run(post, app, PCM | {"stream_format": "sse"})
    assert answer.headers["content-type"] == "text/event-stream"
    reader = SpeechEvents()
    assert np.array_equal(samples(b"".join(reader.feed(answer.body))), LEVELS)
    reader.flush()


def test_an_order_at_fault_is_refused_before_anything_is_spoken():
    voice = Tone()
    app, _ = app_of(voice)
    answer = run(post, app, {"input": "a", "speed": 9})
    assert (answer.status, answer.error["param"]) == (400, "speed")
    assert voice.spoken == 0


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(kind):
    app, _ = app_of()

    async def ask():
        headers = {} if kind is None else {"Content-Type": kind}
        client = Client([b'{"input": "a"}'])
        await app(scope("POST", SPEECH, headers), client.receive, client.send)
        return client.answer

    answer = run(ask)
    assert (answer.status, answer.error["code"]) == (415, "unsupported_media_type")


def test_json_may_name_its_charset():
    app, _ = app_of()

    async def ask():
        return await post(app, PCM, Content_Type="Application/JSON; charset=utf-8")

    assert run(ask).status == 200


def test_a_body_in_parts_is_put_together():
    app, _ = app_of()

    async def ask():
        client = Client([b'{"input": ', b'"a", "response_', b'format": "pcm"}'])
        return await post(app, b"", client)

    assert len(samples(run(ask).body)) == SENTENCE_FRAMES


def test_a_message_without_news_is_not_a_farewell():
    app, told = app_of()

    async def ask():
        return await post(app, b"", Client([b'{"input": "a|b", "response_format": "pcm"}', None]))

    assert run(ask).complete
    assert "left" not in told.access[0]


def test_a_body_without_end_is_refused():
    app, _ = app_of()

    async def ask():
        return await post(app, b"", Client([b" " * 65536] * 1000))

    answer = run(ask)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert str(MAX_BODY_BYTES) in answer.error["message"]


def test_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(answering, "BODY_S", 0.0)
    app, _ = app_of()

    async def ask():
        return await post(app, b"", Client([b"{"], hang_after_body=True))

    answer = run(ask)
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_one_that_leaves_before_its_request_is_whole_is_no_defect():
    app, told = app_of()

    async def ask():
        client = Client([b"{"], hang_after_body=True)
        client.leave()
        return await post(app, b"", client)

    assert run(ask).status is None
    assert told.defects == []


def test_nothing_to_say_is_the_texts_fault():
    class Mute(Tone):
        def g2p(self, text):
            return ""

    app, told = app_of(Mute())
    answer = run(post, app, PCM)
    assert (answer.status, answer.error["param"]) == (400, "input")
    assert told.lines == []


def test_a_voice_that_fails_first_is_a_server_error():
    app, told = app_of(Failing(0))
    answer = run(post, app, PCM)
    assert (answer.status, answer.error["type"]) == (500, "server_error")
    assert "the disk burned" in told.lines[0]


def test_a_voice_that_cannot_be_had_is_a_server_error(monkeypatch):
    def load(*_):
        raise SourceError("the voice is gone")

    monkeypatch.setattr(VoiceCache, "load", load)
    app, told = app_of()
    assert run(post, app, PCM).status == 500
    assert told.lines == ["error: the voice is gone"]


def test_a_voice_that_fails_half_way_breaks_the_answer_off():
    app, told = app_of(Failing(2))
    answer = run(post, app, PCM)
    assert (answer.status, answer.complete) == (200, False)
    assert np.array_equal(samples(answer.body), LEVELS[: 2 * SENTENCE_FRAMES])
    assert told.access[0].endswith("0.20 s of pcm, failed half-way")


def test_a_voice_that_fails_half_way_ends_events_with_an_error():
    app, _ = app_of(Failing(2))
    answer = run(post, app, PCM | {"stream_format": "sse"})
    assert answer.complete
    assert b'"type":"error"' in answer.pieces[-1]
    assert b"speech.audio.done" not in answer.body


def test_a_defect_is_a_defect(monkeypatch):
    def explode(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(answering, "speak", explode)
    app, told = app_of()
    assert run(post, app, PCM).status == 500
    assert len(told.defects) == 1


def test_who_finds_every_place_taken_is_told_when_to_come_again():
    gate = Gate(1)
    app, _ = app_of(Tone(gate), max_concurrency=1)

    async def ask():
        first = Client([b'{"input": "a|b", "response_format": "pcm"}'])
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, b"", first)
            await anyio.to_thread.run_sync(gate.waiting.wait)
            second = await post(app, PCM)
            gate.open()
        return first.answer, second, await post(app, PCM)

    first, second, third = run(ask)
    assert (first.status, first.complete) == (200, True)
    assert (second.status, second.error["code"]) == (429, "rate_limit_exceeded")
    assert second.headers["retry-after"] == "1"
    assert third.status == 200


def test_the_loop_is_free_while_a_sentence_is_spoken():
    gate, loop_thread = Gate(0), []
    app, _ = app_of(Tone(gate))

    async def ask():
        loop_thread.append(threading.current_thread())
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, PCM)
            await anyio.to_thread.run_sync(gate.waiting.wait)  # the voice is in its work
            gate.open()

    run(ask)


def test_one_that_leaves_is_not_spoken_to_any_more():
    voice = Tone()
    app, told = app_of(voice)

    async def ask():
        async def leave(_):
            client.leave()
            await anyio.sleep_forever()  # as a socket that is full would have it

        client = Client([b'{"input": "a|b|c|d", "response_format": "pcm"}'], took=leave)
        return await post(app, b"", client)

    answer = run(ask)
    assert not answer.complete
    assert voice.spoken == 1
    assert told.access[0].endswith("client left")
    assert told.defects == []


def test_a_place_is_free_again_when_a_client_left():
    app, _ = app_of(max_concurrency=1)

    async def ask():
        async def leave(_):
            client.leave()
            await anyio.sleep_forever()

        client = Client([b'{"input": "a|b", "response_format": "pcm"}'], took=leave)
        await post(app, b"", client)
        return await post(app, PCM)

    assert run(ask).status == 200


def test_one_that_takes_nothing_loses_its_place(monkeypatch):
    monkeypatch.setattr(answering, "STALL_S", 0.0)
    app, told = app_of()

    async def ask():
        async def never(_):
            await anyio.sleep_forever()

        return await post(app, b"", Client([b'{"input": "a|b"}'], took=never))

    assert not run(ask).complete
    assert "client took nothing" in told.access[0]


def test_misbehaviour_is_done():
    how = FaultPlan(ttfb_s=0.001, cut_at_s=0.15, chunk_bytes=1000, jitter_s=0.001)
    app, told = app_of(misbehaviour=how)
    answer = run(post, app, PCM)
    assert (answer.status, answer.complete) == (200, False)
    assert [len(piece) for piece in answer.pieces] == [1000, 1000, 1000, 1000, 800, 1000, 1000, 400]
    assert told.access[0].endswith("cut on purpose")
