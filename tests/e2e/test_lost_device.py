"""A sound server that ends during speech is reported at once, and nothing hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import Cli
from tests.support.recorder import Recorder
from tests.support.sound_server import SoundServer
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import encode, read_wav, tone

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sound

CLIP_S = 30.0
"""Longer than every timeout, so that waiting for the end would be noticed."""


@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_a_lost_sound_server_exits_with_6_at_once(
    home: Path, speech: SpeechServer, kind: str
) -> None:
    speech.clips = clips_of(tone(CLIP_S), formats=[kind])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"} if kind == "pcm" else {})
    with SoundServer() as server:
        arguments = ("--save", "out.wav", "--base-url", speech.url, "--format", kind, "hi")
        with (
            Recorder(server) as recorder,
            Cli(home, server).start("say", "--json", *arguments) as running,
        ):
            recorder.wait_for_sound(unless=running.exited)
            server.stop()
            done = running.finish(CLIP_S / 2)
    assert done.exit_code == 6, done
    assert done.json["error"]["code"] == "device"
    assert "voicecli doctor" in done.json["error"]["remedy"]
    assert "Traceback" not in done.stderr
    assert done.json["spoken_s"] < CLIP_S / 2
    samples, _ = read_wav((home / "out.wav").read_bytes())
    assert len(samples)


SPEAK_FOR_EACH_LINE = """
import json, os, sys
from voicecli import FileSource, Output, Session

output = Output()
for line in sys.stdin:
    os.environ.update(json.loads(line))
    result = Session(output).run([FileSource(sys.argv[1])])
    print(result.error.code if result.error else "ok", flush=True)
"""


def test_a_program_speaks_again_once_the_sound_server_is_back(home: Path) -> None:
    clip, alsa = home / "clip.wav", home / "alsa.conf"
    clip.write_bytes(encode(tone(0.2), "wav"))
    with subprocess.Popen(
        [sys.executable, "-c", SPEAK_FOR_EACH_LINE, str(clip)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as program:  # fmt: skip

        def speak(env: dict[str, str]) -> str:
            program.stdin.write(json.dumps(env | {"ALSA_CONFIG_PATH": str(alsa)}) + "\n")
            program.stdin.flush()
            return program.stdout.readline().strip()

        with SoundServer() as first:
            alsa.write_text((first.folder / "alsa.conf").read_text())
            gone = first.environment(os.environ)
            assert speak(gone) == "ok"
        assert speak(gone) == "device"
        with SoundServer() as second:
            assert speak(second.environment(os.environ)) == "ok"
        program.stdin.close()
        assert program.wait(20) == 0
