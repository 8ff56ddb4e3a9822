"""Ctrl-C and its relatives: silence at once, and everything put in order behind it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import FOREVER, Reply, SpeechServer, clips_of
from tests.support.timing import best_of
from tests.support.tones import read_wav, tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli, Result
    from tests.support.sound_server import SoundServer

pytestmark = pytest.mark.sound

RATE = {"X-Sample-Rate": "48000"}
BLOCK_S = 0.05
"""What the device may hold unheard when it is silenced: one latency of ours."""


def interrupted(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str, number: signal.Signals
) -> tuple[float, float, Result]:
    """Interrupt after 0.7 s of sound: (seconds from signal to silence, seconds heard, run)."""
    speech.clips = clips_of(tone(8.0), formats=[kind])
    speech.reply = Reply(pace=3, chunk_bytes=960, headers=RATE if kind == "pcm" else {})
    with (
        Recorder(sound_server) as recorder,
        cli.start(
            "say", "--json", "--save", "out.wav", "--base-url", speech.url, "--format", kind, "hi"
        ) as running,
    ):
        recorder.wait_for_sound(unless=running.exited)
        time.sleep(0.7)
        sent = running.signal(number)
        done = running.finish(10.0)
        heard = recorder.finish(tail_s=0.2).sound()
    return heard.end - sent, heard.length_s, done


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize("kind", ["pcm", "wav", "opus"])
def test_silence_within_50_ms_and_everything_in_order(
    timed_cli: Cli, sound_server, speech, home: Path, kind: str, number: signal.Signals
) -> None:
    def stop_s() -> float:
        silence_s, heard_s, done = interrupted(timed_cli, sound_server, speech, kind, number)
        assert done.exit_code == 130, done
        assert "Traceback" not in done.stderr
        told = done.json
        assert told["interrupted"] is True
        assert told["ok"] is False
        samples, rate_hz = read_wav((home / "out.wav").read_bytes())
        assert len(samples) / rate_hz == pytest.approx(heard_s, abs=BLOCK_S)
        assert told["stop_ms"] < 1000
        return silence_s

    assert best_of(3, stop_s, good_enough=0.050) <= 0.050


@pytest.mark.parametrize("stage", ["before the answer", "before any sound", "mid-stall"])
def test_ctrl_c_ends_every_kind_of_waiting(cli, sound_server, speech, stage: str) -> None:
    speech.clips = clips_of(tone(2.0), formats=["pcm"])
    speech.reply = {
        "before the answer": Reply(ttfb_s=FOREVER),
        "before any sound": Reply(stall_at_s=0.0, stall_for_s=FOREVER, headers=RATE),
        "mid-stall": Reply(stall_at_s=0.5, stall_for_s=FOREVER, headers=RATE),
    }[stage]
    arguments = ("say", "--json", "--base-url", speech.url, "--format", "pcm", "hi")
    with Recorder(sound_server) as recorder, cli.start(*arguments) as running:
        if stage == "mid-stall":
            recorder.wait_for_sound(unless=running.exited)
            recorder.wait_for_silence(0.3)
        else:
            deadline = time.monotonic() + 20
            while not (speech.speech_requests or running.exited() or time.monotonic() > deadline):
                time.sleep(0.01)
            time.sleep(0.3)
        sent = running.signal(signal.SIGINT)
        done = running.finish(10.0)
    assert done.exit_code == 130, done
    assert done.json["interrupted"] is True
    assert "Traceback" not in done.stderr
    assert done.ended - sent < 3.0


def test_a_second_ctrl_c_leaves_at_once(cli, sound_server, speech) -> None:
    speech.clips = clips_of(tone(8.0), formats=["pcm"])
    speech.reply = Reply(pace=2, chunk_bytes=960, headers=RATE)
    arguments = ("say", "--base-url", speech.url, "--format", "pcm", "hi")
    with Recorder(sound_server) as recorder, cli.start(*arguments) as running:
        recorder.wait_for_sound(unless=running.exited)
        first = running.signal(signal.SIGINT)
        time.sleep(0.005)
        running.signal(signal.SIGINT)
        done = running.finish(10.0)
    # Dying of the signal, where the second meets the interpreter's last steps: 130 to a shell.
    assert done.exit_code in {130, -signal.SIGINT}, done
    assert "Traceback" not in done.stderr
    assert done.ended - first < 1.0
