"""The command line in this process, and a server for it."""

from __future__ import annotations

import pytest

from tests.support.in_process import InProcessCli
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import tone


@pytest.fixture
def cli(tmp_path):
    return InProcessCli(tmp_path)


@pytest.fixture
def server(cli):
    """The default endpoint of ``cli``: it speaks 0.4 s of PCM at 48 kHz."""
    clips = clips_of(tone(0.4), formats=["pcm"])
    reply = Reply(headers={"X-Sample-Rate": "48000"})
    with SpeechServer(clips, reply=reply) as running:
        cli.env["VOICECLI_BASE_URL"] = running.url
        yield running
