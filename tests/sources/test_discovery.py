"""Speech servers on this machine are found by their port, whatever they list."""

from __future__ import annotations

import pytest

from tests.support.speech_server import SpeechServer
from voicecli.sources.discovery import LocalServer, find_local_servers


@pytest.fixture
def server():
    with SpeechServer() as running:
        yield running


def found(server):
    """Return what is found at the server's port, and at one where nothing listens."""
    return find_local_servers(5.0, (1, server.port))


def test_a_server_is_found_with_a_model_and_a_voice(server):
    url = f"http://localhost:{server.port}/v1"
    assert found(server) == [LocalServer(url, model="tts-1", voice="alloy", voices=2)]


@pytest.mark.parametrize(
    "models",
    [{"data": []}, {"data": "tts-1"}, {"data": [1]}, {"data": [{"id": 5}]}, {}, [], "tts-1", None],
    ids=str,
)
def test_a_server_with_odd_models_is_found_without_one(server, models):
    server.models = models
    (local,) = found(server)
    assert (local.model, local.voice) == (None, "alloy")


def test_what_a_server_lists_is_cleaned_and_short(server):
    server.models = {"data": [{"id": "\x1b[2Jmodel" + 100 * "x"}]}
    (local,) = found(server)
    assert local.model is not None
    assert "\x1b" not in local.model
    assert len(local.model) <= 41
