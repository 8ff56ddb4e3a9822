"""The command line in this process, and a server for it."""

from __future__ import annotations

import pytest

from tests.support.in_process import InProcessCli
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import tone
from voicecli.cli.launch import this_launch
from voicecli.sources.voicecache import VoiceCache


@pytest.fixture
def cli(tmp_path, request):
    cli = InProcessCli(tmp_path)
    cli.is_here = "monkeypatch" in request.fixturenames or "in_process" in request.keywords
    return cli


@pytest.fixture
def clip_s():
    """The duration of what `server` speaks; a test module may have its own."""
    return 0.4


@pytest.fixture
def server(cli, clip_s):
    """The default endpoint of ``cli``: it speaks PCM at 48 kHz."""
    clips = clips_of(tone(clip_s), formats=["pcm"])
    reply = Reply(headers={"X-Sample-Rate": "48000"})
    with SpeechServer(clips, reply=reply) as running:
        cli.env["VOICECLI_BASE_URL"] = running.url
        yield running


@pytest.fixture
def say(cli, server):
    """Say something at the server, silently."""

    def run(*argv, **how):
        return cli.run("say", "--device", "null", "--buffer-ms", "0", *argv, **how)

    return run


@pytest.fixture(scope="session")
def _voices():
    return VoiceCache()


@pytest.fixture
def _voices_loaded(_voices):
    """Let commands in this process use built-in voices that are loaded, as in a resident.

    Loading takes a second of processor time. Some commands do it: `TestRequest` of `test_say.py`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(this_launch, "voices", _voices)
        yield
