"""``voicecli bench`` in this process, against a server on this machine."""

from __future__ import annotations

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import tone

FAST = ("--simulate", "--runs", "2", "--warmup", "0")


@pytest.fixture(scope="session")
def clips():
    return clips_of(tone(0.5))


@pytest.fixture
def server(clips):
    reply = Reply(headers={"X-Sample-Rate": "48000"})
    with SpeechServer(dict(clips), reply=reply) as running:
        yield running


@pytest.fixture
def bench(cli, server):
    """Measure the server."""

    def run(*argv, **how):
        return cli.run("bench", "--base-url", server.url, *argv, **how)

    return run


def case_of(result, **labels):
    """Return the one case with these labels."""
    (case,) = (c for c in result.json["cases"] if labels.items() <= c.items())
    return case
