from __future__ import annotations

import threading

import openai
import pytest

from tests.sources.clients import AUDIO, KEY
from tests.support.speech_server import FOREVER, Reply, error
from voicecli.errors import AuthError, NetworkError
from voicecli.request import SpeechRequest
from voicecli.sources.given_client import GivenClient
from voicecli.sources.openai import OpenAISource

REQUEST = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")


@pytest.fixture
def source(server):
    with openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        yield OpenAISource(GivenClient(client), REQUEST)


def test_it_speaks_through_the_client(source, server):
    with source.open() as response:
        assert b"".join(response) == AUDIO
    assert server.speech_requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("reply", [Reply(ttfb_s=FOREVER), Reply(stall_for_s=FOREVER)])
def test_a_cancelled_request_ends_at_once(source, server, reply):
    server.reply = reply
    outcome = []

    def read():
        try:
            with source.open() as response:
                outcome.append(b"".join(response))
        except NetworkError as fault:
            outcome.append(fault)

    thread = threading.Thread(target=read)
    thread.start()
    while not server.speech_requests:
        threading.Event().wait(0.01)
    source.cancel()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(outcome[0], NetworkError) or outcome == [b""]  # the caller knows


def test_a_request_cancelled_before_it_is_made_is_not_made(source, server):
    source.cancel()
    with pytest.raises(NetworkError):
        source.open()
    assert server.requests == []


def test_an_echoed_key_is_hidden(source, server):
    server.reply = error(401, {"error": {"message": f"bad key {KEY}"}})
    with pytest.raises(AuthError) as caught:
        source.open()
    assert KEY not in caught.value.message
