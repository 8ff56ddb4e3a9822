from __future__ import annotations

import pytest

from tests.sources.clients import client
from tests.sources.realtime_calls import realtime_client
from tests.support.realtime_server import RealtimeServer
from voicecli.config.retired import RetiredModels
from voicecli.errors import BadResponse
from voicecli.request import SpeechRequest
from voicecli.sources.openai import OpenAISource
from voicecli.sources.realtime import RealtimeSource
from voicecli.sources.retirement import RetiringSource

pytestmark = pytest.mark.usefixtures("no_proxy")

GONE = {
    "error": {
        "message": "The model `tts-1` has been deprecated, learn more here: …",
        "type": "invalid_request_error",
        "code": "model_not_found",
    }
}


@pytest.fixture
def server():
    """OpenAI after 6 January: no speech models, but the Realtime API."""
    with RealtimeServer() as running:
        running.speech_refusal = (404, GONE)
        yield running


@pytest.fixture
def make(server, tmp_path):
    memory = RetiredModels(tmp_path / "retired_models.json")
    with client(server.url) as speech, realtime_client(server.url) as realtime:

        def make_source(model="tts-1", voice="nova", **fields):
            request = SpeechRequest("Hello.", voice, model, "opus", **fields)

            def make_realtime(changed, warnings):
                return RealtimeSource(realtime, changed, warnings=warnings)

            source = OpenAISource(speech, request)
            return RetiringSource(source, request, make_realtime, memory, server.url)

        yield make_source


def heard(source):
    with source.open() as response:
        return len(b"".join(response)), response.info.warnings


def test_a_retired_model_is_replaced_once_and_that_is_remembered(server, make):
    size, (warning,) = heard(make())
    assert size == 9600
    assert "no longer has the speech model tts-1; gpt-realtime-2.1-mini speaks" in warning
    assert server.connections[0].query == {"model": "gpt-realtime-2.1-mini"}
    assert len(server.speech_requests) == 1
    size, warnings = heard(make())
    assert (size, len(warnings)) == (9600, 1)
    assert len(server.speech_requests) == 1


def test_a_misspelt_model_is_replaced_and_not_remembered(server, make):
    assert heard(make("tts-one", "alloy", extra_body={"stream": True}))[0] == 9600
    assert heard(make("tts-one"))[0] == 9600
    assert len(server.speech_requests) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {}),
        (400, {"error": {"message": "voice 'x' is unknown", "param": "voice"}}),
        (400, {"error": {"message": "Unsupported format for this model"}}),
        (500, GONE),
    ],
)
def test_other_refusals_stand(server, make, status, body):
    server.speech_refusal = (status, body)
    with pytest.raises(BadResponse):
        make().open()
    assert server.connections == []


@pytest.mark.parametrize("status", [400, 404])
def test_the_replacement_may_be_refused_as_well(server, make, status):
    server.speech_refusal = (status, GONE)
    server._refusal = (400, {"error": {"message": "no such model", "code": "model_not_found"}})
    with pytest.raises(BadResponse, match="no such model"):
        make().open()
    assert len(server.connections) == 1


def test_cancelling_reaches_whichever_speaks(make):
    source = make()
    with source.open() as response:
        source.cancel()
        assert list(response) == []
