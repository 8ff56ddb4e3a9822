"""Arrivals that stutter, at the real recorder: early, in few clean pauses, and told as heard.

The same against other players is ``benchmarks/jitter.py``. A run in which the
machine starved the sound device, as the device itself told, says nothing of
arrivals and is made again.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.recorder import Recorder, Sound
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.timing import best_of
from tests.support.tones import FORMATS, tone

if TYPE_CHECKING:
    from typing import Any

    from tests.support.cli import Cli, Result
    from tests.support.sound_server import SoundServer

pytestmark = pytest.mark.sound

RATE_HZ = 24_000
TONE_S = 6.0
CHUNK_S = 0.0213
PATTERNS = 10
LEAST_GAP_S = 0.01


def jittery(speech: SpeechServer, kind: str, *, seed: int) -> None:
    """6 s of tone, hardly faster than it sounds, each piece up to 200 ms late."""
    speech.clips = clips_of(tone(TONE_S, rate_hz=RATE_HZ), rate_hz=RATE_HZ, formats=[kind])
    chunk_bytes = max(64, round(len(speech.clips[kind].body) / TONE_S * CHUNK_S))
    speech.reply = Reply(ttfb_s=0.2, pace=1.15, jitter_s=0.2, chunk_bytes=chunk_bytes, seed=seed)


def heard(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str, *options: str
) -> tuple[Result, Sound]:
    """One run that the device did not spoil, and what was heard of it."""
    for _ in range(3):
        with Recorder(sound_server) as recorder:
            done = cli.run(
                "say", "--json", "--base-url", speech.url, "--format", kind, *options, "hello"
            )
            assert done.exit_code == 0, done
            sound = recorder.finish().sound(min_gap_s=LEAST_GAP_S)
        if done.json["underruns"]["device"]["count"] == 0:
            break
    return done, sound


def check_told(told: dict[str, Any], sound: Sound) -> None:
    """Every gap heard is told and none else, with its length; the parts of the wait add up."""
    events = told["underruns"]["sink"]["events"]
    assert len(events) == len(sound.gaps), (events, sound.gaps)
    for event, gap in zip(events, sound.gaps, strict=True):
        assert event["ms"] / 1e3 == pytest.approx(gap.length_s, abs=0.030)
    parts = told["waterfall_ms"]
    assert sum(parts.values()) == pytest.approx(told["ttfa_audible_ms"], abs=1.0)


@pytest.mark.parametrize("kind", FORMATS)
def test_with_nothing_learned_jitter_makes_few_pauses_and_no_click(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    jittery(speech, kind, seed=FORMATS.index(kind))
    done, sound = heard(timed_cli, sound_server, speech, kind)
    assert len(sound.gaps) <= 3
    assert all(gap.length_s >= 0.1 for gap in sound.gaps)
    assert sound.audible_s == pytest.approx(TONE_S, abs=0.1)
    check_told(done.json, sound)


def test_after_five_runs_jitter_is_not_heard(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer
) -> None:
    """The five have no device and go on at once, which the history must bear."""
    jittery(speech, "opus", seed=40)
    for seed in range(41, 46):
        speech.queued.append(replace(speech.reply, seed=seed))
    arguments = ("say", "--device", "null", "--base-url", speech.url, "--format", "opus", "hello")
    with ThreadPoolExecutor(5) as pool:
        runs = [pool.submit(timed_cli.run, *arguments) for _ in range(5)]
        assert [run.result().exit_code for run in runs] == [0] * 5
    gaps = 0
    for seed in range(50, 52):
        jittery(speech, "opus", seed=seed)
        done, sound = heard(timed_cli, sound_server, speech, "opus")
        gaps += len(sound.gaps)
        assert done.json["ttfa_ms"] - done.json["ttfb_ms"] < 900  # mpv: about 1.2 s in all
    assert gaps <= 1


@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_a_steady_server_is_heard_as_early_as_with_60_ms(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    speech.clips = clips_of(tone(0.8, rate_hz=RATE_HZ), rate_hz=RATE_HZ, formats=[kind])
    speech.reply = Reply(pace=4, chunk_bytes=480)

    def wait_ms(*options: str) -> float:
        """From the first sample decoded to the first one heard."""
        done, _ = heard(timed_cli, sound_server, speech, kind, *options)
        return float(done.json["ttfa_ms"] - done.json["first_frame_ms"])

    for _ in range(2):
        wait_ms()
    assert best_of(4, lambda: wait_ms() - wait_ms("--buffer-ms", "60"), good_enough=20) <= 20


@pytest.mark.parametrize("kind", ["wav", "aac"])
def test_a_steady_server_hardly_faster_than_the_sound_makes_no_gap(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    """Also where it is known, and nothing is waited for that a device takes ahead."""
    speech.clips = clips_of(tone(1.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ, formats=[kind])
    chunk_bytes = max(64, round(len(speech.clips[kind].body) * CHUNK_S))
    speech.reply = Reply(pace=1.15, chunk_bytes=chunk_bytes)
    for _ in range(3):
        done = timed_cli.run(
            "say", "--device", "null", "--base-url", speech.url, "--format", kind, "hello"
        )
        assert done.exit_code == 0, done
    gaps = best_of(
        3,
        lambda: float(len(heard(timed_cli, sound_server, speech, kind)[1].gaps)),
        good_enough=0,
    )
    assert gaps == 0


@pytest.mark.parametrize("seed", range(PATTERNS))
def test_gaps_are_told_as_they_were_heard(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer, seed: int
) -> None:
    """Some hold their buffer fixed, for many gaps; lengths are told to 30 ms."""
    rng = random.Random(seed)
    kind = FORMATS[seed % len(FORMATS)]
    at_s, stalls = 0.2, []
    for _ in range(rng.randint(1, 4)):
        at_s += rng.uniform(0.2, 0.5)
        stalls.append((at_s, rng.uniform(0.1, 0.7)))
    speech.clips = clips_of(tone(2.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ, formats=[kind])
    chunk_bytes = max(64, round(len(speech.clips[kind].body) / 2.0 * CHUNK_S))
    speech.reply = Reply(pace=rng.uniform(1.1, 2.5), chunk_bytes=chunk_bytes, stalls=tuple(stalls))
    buffer = rng.choice(["auto", "60", "200"])
    done, sound = heard(timed_cli, sound_server, speech, kind, "--buffer-ms", buffer)
    check_told(done.json, sound)
    assert sound.audible_s == pytest.approx(2.0, abs=0.1)
