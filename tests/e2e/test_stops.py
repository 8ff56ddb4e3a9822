"""Silences that nobody asked for, at the real recorder: each is told, with length and cause."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.cli import Cli
from tests.support.far_link import far_link
from tests.support.recorder import Recorder
from tests.support.sound_server import RATE_HZ, SoundServer
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import noise, tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recorder import Sound

pytestmark = pytest.mark.sound

CLIP_S = 2.0
TAIL_CLIP_S = 0.5
ATTEMPTS = 3
"""A busy machine may add gaps of a few ms, which no two clocks count alike."""


def serve(speech: SpeechServer, kind: str, duration_s: float) -> None:
    speech.clips = clips_of(tone(duration_s), formats=[kind])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"} if kind == "pcm" else {})


def agree(underruns: dict[str, Any], sound: Sound) -> bool:
    """Return whether the report has exactly the gaps that were heard, within 30 ms."""
    told = underruns["sink"]["events"]
    before_s, heard = 0.0, []
    for gap in sound.gaps:
        heard.append((gap.at_s - before_s, gap.length_s))
        before_s += gap.length_s
    return len(told) == len(heard) and all(
        abs(event["at_s"] - at_s) <= 0.03 and abs(event["ms"] / 1e3 - length_s) <= 0.03
        for event, (at_s, length_s) in zip(told, heard, strict=True)
    )


@pytest.mark.parametrize(("kind", "for_s"), [("pcm", 1.0), ("opus", 1.0), ("pcm", 0.2)])
@pytest.mark.parametrize(("stopped", "cause"), [("process", "machine"), ("server", "device")])
def test_a_stop_is_told_as_it_was_heard(
    home: Path, speech: SpeechServer, kind: str, for_s: float, stopped: str, cause: str
) -> None:
    serve(speech, kind, CLIP_S)
    for _ in range(ATTEMPTS):
        with SoundServer() as server, Recorder(server) as recorder:
            arguments = ("say", "--json", "--base-url", speech.url, "--format", kind, "hi")
            with Cli(home, server).start(*arguments) as running:
                recorder.wait_for_sound(unless=running.exited)
                time.sleep(0.5)
                pid = running.pid if stopped == "process" else server.pid
                os.kill(pid, signal.SIGSTOP)
                time.sleep(for_s)
                os.kill(pid, signal.SIGCONT)
                done = running.finish()
            sound = recorder.finish().sound(min_gap_s=0.01)
        if agree(done.json["underruns"], sound):
            break
    underruns = done.json["underruns"]
    assert agree(underruns, sound), (underruns["sink"], sound.gaps)
    longest = max(underruns["sink"]["events"], key=lambda event: event["ms"])
    assert longest["cause"] == cause
    assert longest in underruns["device"]["events"]
    assert "no gaps" not in done.stderr
    assert done.json["spoken_s"] == pytest.approx(CLIP_S, abs=0.01)


@pytest.mark.parametrize("kind", ["pcm", "mp3"])
@pytest.mark.parametrize("latency_ms", ["auto", "100"])
def test_the_gaps_of_a_far_sound_server_are_told(
    home: Path, speech: SpeechServer, kind: str, latency_ms: str
) -> None:
    """It is asked for more by messages that take as long as its first piece of sound."""
    serve(speech, kind, CLIP_S)
    for _ in range(ATTEMPTS):
        with SoundServer() as server, Recorder(server) as recorder, far_link(server, 0.03) as far:
            done = Cli(home, server).run(
                *("say", "--json", "--base-url", speech.url, "--format", kind, "--no-state"),
                *("--latency-ms", latency_ms, "hi"),
                env={"PULSE_SERVER": far},
            )
            sound = recorder.finish().sound(min_gap_s=0.01)
        if agree(done.json["underruns"], sound):
            break
    assert agree(done.json["underruns"], sound), (done.json["underruns"]["sink"], sound.gaps)
    assert ("no gaps" in done.stderr) == (not sound.gaps)
    assert done.json["spoken_s"] == pytest.approx(CLIP_S, abs=0.01)


LATE_CALLBACK = """
import time
from voicecli.playback.feed import Feed

fill, last = Feed.fill, [0.0]

def late(*arguments, asked_at, **more):
    fill(*arguments, asked_at=asked_at, **more)
    if asked_at - last[0] > 0.2:
        time.sleep(0.01)
    last[0] = asked_at

Feed.fill = late
"""
"""The first callback after a stop takes 10 ms, as on a busy machine."""


def test_a_piece_that_the_device_drops_is_given_again(home: Path, speech: SpeechServer) -> None:
    """While the callback runs, the server reports that it ran dry; its piece is dropped then."""
    clip = noise(CLIP_S)
    speech.clips = clips_of(clip, formats=["wav"])
    (home / "sitecustomize.py").write_text(LATE_CALLBACK)
    for _ in range(ATTEMPTS):  # nothing is given again if the device takes 25 ms to restart
        with (
            SoundServer() as server,
            Recorder(server) as recorder,
            far_link(server, 0.0, apart_s=0.001) as link,
            Cli(home, server).start(
                *("say", "--json", "--base-url", speech.url, "--format", "wav", "--no-state"),
                *("--latency-ms", "200", "hi"),
                env={"PULSE_SERVER": link, "PYTHONPATH": str(home)},
            ) as running,
        ):
            recorder.wait_for_sound(unless=running.exited)
            time.sleep(0.5)
            os.kill(server.pid, signal.SIGSTOP)
            time.sleep(0.5)
            os.kill(server.pid, signal.SIGCONT)
            done = running.finish()
            sound = recorder.finish().sound(min_gap_s=0.01)
        if abs(sound.audible_s - CLIP_S) < 0.001 and agree(done.json["underruns"], sound):
            break
    assert agree(done.json["underruns"], sound), (done.json["underruns"]["sink"], sound.gaps)
    assert sound.audible_s == pytest.approx(CLIP_S, abs=0.001)
    (gap,) = sound.gaps
    before = sound.samples[: round(gap.at_s * RATE_HZ)]
    after = sound.samples[round((gap.at_s + gap.length_s) * RATE_HZ) :]
    assert np.array_equal(before, clip[: len(before)])
    assert np.array_equal(after, clip[-len(after) :])
    assert done.json["spoken_s"] == pytest.approx(CLIP_S, abs=0.001)


@pytest.mark.parametrize("kind", ["pcm", "opus"])
@pytest.mark.parametrize("latency_ms", [None, "5", "20", "60", "250", "1000", "2000"])
def test_nothing_in_the_environment_cuts_the_tail(
    cli: Cli, speech: SpeechServer, sound_server: SoundServer, latency_ms: str | None, kind: str
) -> None:
    serve(speech, kind, TAIL_CLIP_S)
    with Recorder(sound_server) as recorder:
        done = cli.run(
            "say", "--json", "--base-url", speech.url, "--format", kind, "hi",
            env={"PULSE_LATENCY_MSEC": latency_ms} if latency_ms else {}, timeout_s=10,
        )  # fmt: skip
        sound = recorder.finish().sound()
    assert done.exit_code == 0, done
    assert sound.audible_s == pytest.approx(TAIL_CLIP_S, abs=0.002)
