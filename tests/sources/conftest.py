from __future__ import annotations

import pytest

from tests.sources.clients import AUDIO
from tests.support.speech_server import Reply, SpeechServer
from voicecli.sources.voicecache import VoiceCache

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def no_proxy(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def voices():
    """The built-in voices that tests have loaded."""
    return VoiceCache()


@pytest.fixture
def server():
    with SpeechServer(reply=Reply(body=AUDIO)) as running:
        yield running
