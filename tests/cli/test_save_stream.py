"""Audio on standard output and in pipes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from tests.support.cli import Cli
from tests.support.speech_server import Reply, clips_of
from tests.support.tones import tone
from voicecli.codecs.decoding.auto import AutoDecoder

CLIP_S = 0.4


@pytest.fixture
def shell(tmp_path, server):
    """Run a pipeline whose ``$say`` is voicecli at the server; return what it leaves."""
    cli = Cli(tmp_path)
    (tmp_path / "config.toml").write_text('device = "null"\n')
    say = f"{sys.executable} -m voicecli say --base-url {server.url}"

    def run(pipeline):
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {pipeline.replace('$say', say)}"],
            env=cli.environment(VOICECLI_CONFIG="config.toml"),
            capture_output=True, check=False, timeout=60, cwd=tmp_path,
        )  # fmt: skip

    return run


@pytest.fixture
def piped(tmp_path, server):
    """Say something, with pipes as standard streams; return status, output and errors."""
    cli = Cli(tmp_path)

    def run(*argv):
        process = cli.popen(
            *("say", "--base-url", server.url, "--device", "null", *argv, "Hello."),
            env=cli.environment(),
        )
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    return run


@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
def test_standard_output_is_a_wav_and_nothing_else(piped, path):
    status, output, errors = piped("-v", "--save", path)
    assert status == 0, errors
    assert output[:4] + output[24:28] == b"RIFF" + (48_000).to_bytes(4, "little")
    assert len(output) == 44 + CLIP_S * 96_000
    assert b"spoke 0.4 s" in errors


@pytest.mark.parametrize("kind", ["pcm", "opus", "mp3", "flac", "aac"])
def test_in_the_format_asked_for(piped, kind):
    status, output, errors = piped("--no-play", "-q", "--save", "-", "--save-as", kind)
    assert (status, errors) == (0, b"")
    decoder = AutoDecoder(kind, rate_hz=48_000, channels=1)
    blocks = [*decoder.feed(output), *decoder.flush()]
    assert decoder.name == kind
    assert sum(b.frames / b.rate_hz for b in blocks) == pytest.approx(CLIP_S, abs=0.05)


def test_a_program_that_stops_reading_ends_the_run(shell, server):
    """Without a word, and long before the speech ends."""
    server.clips = clips_of(tone(20.0), formats=["pcm"])
    server.reply = Reply(pace=1.0, chunk_bytes=960, headers={"X-Sample-Rate": "48000"})
    done = shell("$say --no-play --save - Hello. | head -c 100 >head")
    assert (done.returncode, done.stderr) == (0, b"")
    assert server.speech_requests[0].sent < 10 * 96_000


def test_who_is_heard_too_speaks_on(shell):
    done = shell("$say --save - Hello. | true")
    assert done.returncode == 0
    assert b"spoke 0.4 s" in done.stderr
    assert b"error" not in done.stderr


def test_a_file_behind_standard_output_has_its_length(shell, tmp_path):
    assert shell("$say --no-play -q --save - Hello. >out.wav").returncode == 0
    header = (tmp_path / "out.wav").read_bytes()[:44]
    assert int.from_bytes(header[40:44], "little") == CLIP_S * 96_000


def test_a_named_pipe(shell, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = shell("cat pipe >copy & $say --json --no-play --save pipe Hello.; wait")
    assert done.returncode == 0
    assert (tmp_path / "copy").stat().st_size == 44 + CLIP_S * 96_000


def test_without_a_reader_ctrl_c_ends_the_wait(tmp_path, server):
    os.mkfifo(tmp_path / "pipe")
    argv = ("say", "--base-url", server.url, "--device", "null", "--save", "pipe", "Hello.")
    with Cli(tmp_path).start(*argv) as child:
        threading.Event().wait(1.0)
        assert server.requests == []  # as `cat >pipe` waits
        child.signal(2)
        # It dies of the signal if that comes before its handlers are there.
        assert child.finish(5.0).exit_code in {130, -2}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--json", "--save", "-"), "cannot both write to standard output"),
        (("--save-as", "mp3"), "--save-as requires --save FILE"),
        (("--save", "a.doc"), "'.doc' is not one of"),
        (("--save", "a.wav", "--save-as", "doc"), "'doc' is not one of"),
    ],
)
def test_what_cannot_be_combined(say, server, argv, message):
    result = say(*argv, "Hello.")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())
    assert server.requests == []


def test_play_writes_to_it_too(shell, tmp_path):
    done = shell(
        "$say --no-play -q -o a.wav Hello. && "
        f"{sys.executable} -m voicecli play --no-play -q -o - --save-as pcm a.wav | wc -c"
    )
    assert int(done.stdout) == CLIP_S * 96_000
