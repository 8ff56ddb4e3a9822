from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.examples.running import EXAMPLES
from tests.support.cli import Cli
from tests.support.speech_server import SpeechServer, clips_of
from tests.support.tones import tone

HOOK = EXAMPLES / "agent_hook.sh"


@pytest.fixture
def hook(tmp_path):
    """Run the hook in a shell with ``voicecli`` on its path and the paced null device."""
    program = tmp_path / "bin" / "voicecli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m voicecli "$@"\n')
    program.chmod(0o755)
    config = tmp_path / "silent.toml"
    config.write_text('device = "null"\n')

    def run(*arguments, **variables):
        env = Cli(tmp_path).environment(VOICECLI_CONFIG=str(config), **variables)
        env["PATH"] = os.pathsep.join([str(program.parent), env["PATH"]])
        return subprocess.run(
            ["sh", str(HOOK), *arguments],
            env=env, cwd=tmp_path, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_the_built_in_voice_speaks_and_prints_nothing(hook):
    done = hook("0")
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [((), "Done."), (("0",), "Done."), (("2",), "It failed with status 2.")],
)
def test_it_speaks_the_exit_status(hook, arguments, text):
    with SpeechServer(clips_of(tone(0.1), formats=["pcm"])) as server:
        done = hook(*arguments, VOICECLI_BASE_URL=server.url)
        (request,) = server.speech_requests
    assert (done.stderr, done.returncode) == (b"", 0)
    assert request.json["input"] == text


def test_its_own_failure_does_not_change_the_exit_status(hook):
    done = hook("0", VOICECLI_BASE_URL="http://127.0.0.1:1/v1")
    assert b"error" in done.stderr
    assert done.returncode == 0
