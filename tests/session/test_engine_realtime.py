"""An engine speaks through a Realtime API: one connection for all of its texts."""

from tests.support.realtime_server import RealtimeServer, Speech
from voicecli import Engine, Output, OutputSettings
from voicecli.errors import NetworkError
from voicecli.telemetry.lifecycle import State

SILENT = OutputSettings(output="discard")
MODEL = "gpt-realtime-2.1-mini"


def test_texts_share_a_connection_and_what_was_said_is_in_the_metrics():
    def speech(text):
        return Speech(said="Goodbye." if "Bye" in text else None)

    with (
        RealtimeServer(speech) as server,
        Engine(base_url=server.url, model=MODEL, output=Output(SILENT)) as engine,
    ):
        for text in ("Hello there.", "Bye."):
            playback = engine.say(text)
            assert playback.wait(20).state is State.DONE
        assert playback.metrics["segments"][0]["said"] == "Goodbye."
    assert server.spoken == ["Hello there.", "Bye."]
    assert len(server.connections) == 1


def test_stopping_cancels_the_answer():
    with (
        RealtimeServer(Speech(seconds=30, pace=2)) as server,
        Engine(base_url=server.url, model=MODEL, output=Output(SILENT)) as engine,
    ):
        playback = engine.say("A long one.")
        while not playback.metrics.get("bytes"):
            playback.wait(0.05)
        playback.stop()
        assert playback.wait(20).state is State.CANCELLED
        again = engine.say("Another.")
        again.stop()
        again.wait(20)
    assert len(server.connections) == 1
    assert server.connections[0].of_type("response.cancel")


def test_a_connection_that_drops_within_a_segment_is_recovered():
    cuts = iter([0.5, None])
    with (
        RealtimeServer(lambda _: Speech(seconds=1, cut_at=next(cuts, None))) as server,
        Engine(base_url=server.url, model=MODEL, output=Output(SILENT)) as engine,
    ):
        result = engine.say("Hello there.").wait(20)
    assert (result.state, result.error) == (State.DONE, None)
    assert len(server.connections) == 2


def test_a_connection_that_always_drops_is_an_error_that_says_so():
    with (
        RealtimeServer(Speech(seconds=0.4, cut_at=0.5)) as server,
        Engine(base_url=server.url, model=MODEL, output=Output(SILENT)) as engine,
    ):
        result = engine.say("Hello there.").wait(20)
    assert isinstance(result.error, NetworkError)
    assert result.spoken_s > 0
