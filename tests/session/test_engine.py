"""An engine speaks any number of texts, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import openai
import pytest

from tests.support.speech_server import FOREVER, Reply, SpeechServer, clips_of, error
from tests.support.tones import tone
from voicecli import Engine, Output, OutputSettings
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config
from voicecli.errors import AuthError
from voicecli.playback.history import HistoryFile, HistoryKey
from voicecli.telemetry.lifecycle import State

SILENT = OutputSettings(output="discard")
PACED = OutputSettings(output="null")
DEAD = "http://127.0.0.1:9/v1"  # the port of the discard service


@pytest.fixture
def server():
    with SpeechServer(clips_of(tone(0.3), formats=["pcm"])) as running:
        yield running


@pytest.fixture
def engine(server):
    with Engine(base_url=server.url, output=Output(SILENT)) as made:
        yield made


def texts_of(server):
    return [request.json["input"] for request in server.requests]


def test_a_text_is_spoken_and_its_result_returned(engine, server):
    playback = engine.say("Hello there.")
    result = playback.wait(20)
    assert (result.state, result.error) == (State.DONE, None)
    assert texts_of(server) == ["Hello there."]
    assert playback.done
    assert [segment["chars"] for segment in playback.metrics["segments"]] == [12]


def test_a_sound_of_some_milliseconds_is_spoken(server):
    server.clips = clips_of(tone(0.004), formats=["pcm"])
    with Engine(base_url=server.url, output=Output(SILENT)) as engine:
        assert engine.say("Hm.").wait(20).spoken_s == pytest.approx(0.008)  # 48 kHz as 24


def test_text_is_spoken_while_it_is_written(engine, server):
    asked, written = threading.Event(), []

    def text():
        yield "The first sentence is here. The second "
        written.append(asked.wait(20))  # the first request leaves before the text goes on
        yield "comes later."

    threading.Thread(target=lambda: wait_for_request(server, asked), name="test-watch").start()
    assert engine.say(text()).wait(20).error is None
    assert written == [True]
    assert texts_of(server) == ["The first sentence is here.", "The second comes later."]


def wait_for_request(server, asked):
    while not server.requests:
        time.sleep(0.005)
    asked.set()


def test_an_error_of_the_text_is_raised_after_what_it_gave_was_spoken(engine, server):
    def text():
        yield "One is a sentence. Two is not"
        raise KeyError("mine")

    playback = engine.say(text())
    with pytest.raises(KeyError, match="mine"):
        playback.wait(20)
    assert " ".join(texts_of(server)) == "One is a sentence. Two is not"
    assert playback.heard_s > 0


def test_an_error_of_an_async_text_is_raised_after_what_it_gave_was_spoken(engine, server):
    async def text():
        yield "One is a sentence. Two is not"
        raise KeyError("mine")

    async def main():
        await engine.say(text())

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(main())
    assert " ".join(texts_of(server)) == "One is a sentence. Two is not"


@pytest.mark.parametrize("sentences", [0, 1, 5])
def test_a_text_whose_loop_ends_before_it_is_not_taken_for_whole(engine, sentences):
    async def text():
        while True:
            yield "One is a sentence. "
            await asyncio.sleep(0.01)

    async def main():
        playback = engine.say(text())
        await asyncio.sleep(0.01 * sentences)
        return playback

    with pytest.raises(RuntimeError, match="loop ended before the text"):
        asyncio.run(main()).wait(20)


def test_a_failure_of_the_server_is_in_the_result(server):
    server.reply = error(401, {"error": {"message": "no"}})
    with Engine(base_url=server.url, output=Output(SILENT)) as engine:
        assert isinstance(engine.say("Hello.").wait(20).error, AuthError)


def test_a_fallback_speaks_and_what_is_learned_is_its_own(server, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    choice = EndpointChoice(base_url=server.url, model="second", voice="nova")
    other = resolve_endpoint(choice, {}, Config())
    with Engine(base_url=DEAD, output=Output(PACED), learns=True, fallback=[other]) as engine:
        for learned in (set(), {HistoryKey(server.url, "second", "pcm")}):
            assert engine.say("Hello there.").wait(20).state is State.DONE
            assert set(HistoryFile().all_runs()) == learned
    assert {request.json["model"] for request in server.requests} == {"second"}


def test_stopping_ends_it_at_once(server):
    with Engine(base_url=server.url, output=Output(PACED)) as engine:
        playback = engine.say("A sentence that is spoken. " * 50)
        while not playback.heard_s:
            time.sleep(0.005)
        playback.stop()
        result = playback.wait(20)
    assert result.state is State.CANCELLED
    heard, known = playback.sentences
    assert heard < known <= 64


def test_closing_stops_what_is_spoken(server):
    engine = Engine(base_url=server.url, output=Output(PACED))
    playback = engine.say("A sentence that is spoken. " * 50)
    engine.close()
    assert playback.wait(20).state is State.CANCELLED


def test_it_is_awaited_and_takes_an_async_iterable(engine, server):
    async def text():
        for word in ["One", "sentence.", "And", "another", "one."]:
            yield word + " "
            await asyncio.sleep(0)

    async def main():
        return await engine.say(text())

    assert asyncio.run(main()).error is None
    assert " ".join(texts_of(server)) == "One sentence. And another one."


def test_cancelling_the_task_that_awaits_it_stops_the_speech(server):
    async def main():
        with Engine(base_url=server.url, output=Output(PACED)) as engine:
            playback = engine.say("A sentence that is spoken. " * 50)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(playback, 0.5)
            return await asyncio.to_thread(playback.wait, 20)

    assert asyncio.run(main()).state is State.CANCELLED


def test_an_async_iterable_needs_a_running_loop(engine):
    async def text():
        yield "Hello."

    with pytest.raises(RuntimeError, match="event loop"):
        engine.say(text())


def test_it_speaks_through_a_client_of_the_callers(server):
    with openai.OpenAI(base_url=server.url, api_key="sk-mine-and-nobody-elses") as client:
        with Engine(client=client, voice="nova", model="m", output=Output(SILENT)) as engine:
            assert engine.say("Hello.").wait(20).error is None
        assert client.is_closed() is False
    (request,) = server.requests
    assert (request.json["voice"], request.json["model"]) == ("nova", "m")
    assert request.headers["authorization"] == "Bearer sk-mine-and-nobody-elses"


def test_a_request_of_a_given_client_can_be_stopped(server):
    server.reply = Reply(chunk_bytes=1000, stall_at_s=0.1, stall_for_s=FOREVER)
    with openai.OpenAI(base_url=server.url, api_key="sk-x") as client:
        engine = Engine(client=client, output=Output(SILENT))
        playback = engine.say("Hello.")
        while not playback.heard_s:
            time.sleep(0.005)
        playback.stop()
        assert playback.wait(20).state is State.CANCELLED


def test_an_async_client_is_refused(server):
    client = openai.AsyncOpenAI(base_url=server.url, api_key="sk-x")
    with pytest.raises(TypeError, match="synchronous"):
        Engine(client=client)


def test_many_texts_leave_no_thread_and_no_descriptor_behind(engine):
    engine.say("Warm up.").wait(20)
    descriptors = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(50):
        assert engine.say("One sentence. And another.").wait(20).error is None
    playbacks = [engine.say(f"Text {n}. It has two sentences.") for n in range(20)]
    assert all(playback.wait(30).error is None for playback in playbacks)
    engine._threads.join(5)
    assert [
        t.name
        for t in threading.enumerate()
        if t.name.startswith("voicecli") and "streams" not in t.name
    ] == []
    # Connections are kept: at most one for each request that was under way at once.
    assert len([*Path("/proc/self/fd").iterdir()]) <= descriptors + 20 * 3


def test_text_may_be_bytes_and_nothing_else_is_taken_for_it(engine, server):
    assert engine.say("Grüße.".encode()).wait(20).state is State.DONE
    assert texts_of(server) == ["Grüße."]
    for wrong in (5, None, object()):
        with pytest.raises(TypeError, match="text must be a string or an iterable of strings"):
            engine.say(wrong)


def test_a_closed_engine_speaks_no_more(server):
    engine = Engine(base_url=server.url, output=Output(SILENT))
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match="the engine is closed"):
        engine.say("Hello.")
    assert not server.requests
