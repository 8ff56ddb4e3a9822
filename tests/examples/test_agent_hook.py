from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from tests.examples.running import EXAMPLES
from tests.support.cli import Cli
from tests.support.speech_server import SpeechServer, clips_of
from tests.support.tones import tone

HOOK = EXAMPLES / "agent_hook.py"


@pytest.fixture
def server():
    with SpeechServer(clips_of(tone(0.1), formats=["pcm"])) as running:
        yield running


@pytest.fixture
def hook(tmp_path, server):
    """Run the hook with ``voicecli`` on its path, and return what was to be spoken."""
    program = tmp_path / "bin" / "voicecli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m voicecli "$@"\n')
    program.chmod(0o755)
    config = tmp_path / "silent.toml"
    config.write_text('device = "null"\n')

    def run(*arguments, stdin="", speaks=True):
        env = Cli(tmp_path).environment(VOICECLI_CONFIG=str(config), VOICECLI_BASE_URL=server.url)
        env["PATH"] = os.pathsep.join([str(program.parent), env["PATH"]])
        done = subprocess.run(
            [sys.executable, str(HOOK), *arguments], input=stdin.encode(),
            env=env, cwd=tmp_path, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)
        until = time.monotonic() + (30 if speaks else 0.2)
        while not server.speech_requests and time.monotonic() < until:
            time.sleep(0.02)
        return [request.json["input"] for request in server.speech_requests]

    return run


@pytest.mark.parametrize(
    "event",
    [
        {"hook_event_name": "Notification", "message": "It needs your permission."},
        {"hook_event_name": "Stop", "last_assistant_message": "It needs your permission."},
    ],
)
def test_the_message_of_an_agent_is_spoken(hook, event):
    assert hook(stdin=json.dumps(event)) == ["It needs your permission."]


def test_json_may_be_an_argument(hook):
    event = {"type": "agent-turn-complete", "last-assistant-message": "All tests pass."}
    assert hook(json.dumps(event)) == ["All tests pass."]


def test_a_transcript_has_the_last_words(hook, tmp_path):
    lines = [
        {"type": "user", "message": {"content": "Do it."}},
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "It is done."}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "Bash"}]}},
    ]
    transcript = tmp_path / "transcript.jsonl"
    transcript.write_text("\n".join(map(json.dumps, lines)))
    assert hook(stdin=json.dumps({"transcript_path": str(transcript)})) == ["It is done."]


@pytest.mark.parametrize(("status", "text"), [("0", "Done."), ("2", "It failed with status 2.")])
def test_an_exit_status_is_spoken(hook, status, text):
    assert hook(status) == [text]


def test_nothing_to_say_is_silence(hook):
    for stdin in ("", "no JSON", "[]", "{}", '{"message": ""}', '{"transcript_path": "/none"}'):
        assert hook(stdin=stdin, speaks=False) == []
