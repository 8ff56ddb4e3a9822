"""Irregular arrivals at the real recorder: an early start, few clean pauses, true reports.

``benchmarks/jitter.py`` compares this with other players. A run in which the machine starved
the sound device, as the device itself reports, says nothing about arrivals and is repeated.
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
    from collections.abc import Sequence
    from typing import Any

    from tests.support.cli import Cli, Result
    from tests.support.sound_server import SoundServer

pytestmark = pytest.mark.sound

RATE_HZ = 24_000
TONE_S = 3.0
CHUNK_S = 0.0213
MIN_GAP_S = 0.01


def serve_tone(speech: SpeechServer, kind: str, duration_s: float, **reply: Any) -> None:
    """Serve a tone in chunks of about 21 ms."""
    speech.clips = clips_of(tone(duration_s, rate_hz=RATE_HZ), rate_hz=RATE_HZ, formats=[kind])
    chunk_bytes = max(64, round(len(speech.clips[kind].body) / duration_s * CHUNK_S))
    speech.reply = Reply(**{"chunk_bytes": chunk_bytes, **reply})


def serve_jitter(speech: SpeechServer, kind: str, *, seed: int) -> None:
    """Serve a tone slightly faster than real time, each chunk up to 200 ms late."""
    serve_tone(speech, kind, TONE_S, ttfb_s=0.2, pace=1.15, jitter_s=0.2, seed=seed)


def say(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str, *options: str
) -> tuple[Result, Sound]:
    """Run ``say``, up to three times if the machine starved the device."""
    for _ in range(3):
        with Recorder(sound_server) as recorder:
            done = cli.run(
                "say", "--json", "--base-url", speech.url, "--format", kind, *options, "hello"
            )
            assert done.exit_code == 0, done
            sound = recorder.finish().sound(min_gap_s=MIN_GAP_S)
        if not done.json["underruns"]["device"]["count"]:
            break
    return done, sound


def learn(cli: Cli, speech: SpeechServer, kind: str, seeds: Sequence[int]) -> None:
    """Run ``say`` without a device once for each seed, at the same time."""
    speech.queued.extend(replace(speech.reply, seed=seed) for seed in seeds)
    arguments = ("say", "--device", "null", "--base-url", speech.url, "--format", kind, "hello")
    with ThreadPoolExecutor(len(seeds)) as pool:
        runs = [pool.submit(cli.run, *arguments) for _ in seeds]
        assert [run.result().exit_code for run in runs] == [0] * len(seeds)


def check_report(report: dict[str, Any], sound: Sound) -> None:
    """Assert that exactly the gaps heard are reported, and that the waterfall adds up."""
    events = report["underruns"]["sink"]["events"]
    assert len(events) == len(sound.gaps), (events, sound.gaps)
    for event, gap in zip(events, sound.gaps, strict=True):
        assert event["ms"] / 1e3 == pytest.approx(gap.length_s, abs=0.030)
    parts = report["waterfall_ms"]
    assert sum(parts.values()) == pytest.approx(report["ttfa_audible_ms"], abs=1.0)


@pytest.mark.parametrize("kind", ["pcm", "wav", "opus"])
def test_without_history_jitter_causes_few_clean_pauses(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    serve_jitter(speech, kind, seed=FORMATS.index(kind))
    done, sound = say(cli, sound_server, speech, kind)
    assert len(sound.gaps) <= 2
    assert all(gap.length_s >= 0.1 for gap in sound.gaps)
    assert sound.audible_s == pytest.approx(TONE_S, abs=0.1)
    check_report(done.json, sound)


def test_after_five_runs_jitter_is_not_heard(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer
) -> None:
    """The five runs are simultaneous, which the history must cope with."""
    serve_jitter(speech, "opus", seed=40)
    learn(cli, speech, "opus", range(41, 46))
    gaps = 0
    for seed in range(50, 52):
        serve_jitter(speech, "opus", seed=seed)
        done, sound = say(cli, sound_server, speech, "opus")
        gaps += len(sound.gaps)
        assert done.json["ttfa_ms"] - done.json["ttfb_ms"] < 900  # mpv: about 1.2 s
    assert gaps <= 1


@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_a_steady_server_is_heard_as_early_as_with_60_ms(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    serve_tone(speech, kind, 0.4, pace=4, chunk_bytes=480)

    def wait_ms(*options: str) -> float:
        """Return the time from the first sample decoded to the first one heard."""
        done, _ = say(cli, sound_server, speech, kind, *options)
        return float(done.json["ttfa_ms"] - done.json["first_frame_ms"])

    learn(cli, speech, kind, range(2))
    assert best_of(4, lambda: wait_ms() - wait_ms("--buffer-ms", "60"), good_enough=20) <= 20


@pytest.mark.parametrize("kind", ["wav", "aac"])
def test_a_steady_server_barely_faster_than_real_time_causes_no_gap(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    """Even with a history that says that no buffer is needed beyond the device's own."""
    serve_tone(speech, kind, 1.0, pace=1.15)
    learn(cli, speech, kind, range(3))
    gaps = best_of(
        3,
        lambda: float(len(say(cli, sound_server, speech, kind)[1].gaps)),
        good_enough=0,
    )
    assert gaps == 0


@pytest.mark.parametrize("seed", [12, 19, 14, 9, 4, 5])
def test_gaps_are_reported_as_heard(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, seed: int
) -> None:
    """Every format once, two with a small fixed buffer, which causes more gaps."""
    rng = random.Random(seed)
    kind = FORMATS[seed % len(FORMATS)]
    at_s, stalls = 0.2, []
    for _ in range(rng.randint(1, 3)):
        at_s += rng.uniform(0.2, 0.4)
        stalls.append((at_s, rng.uniform(0.1, 0.6)))
    serve_tone(speech, kind, 1.5, pace=rng.uniform(1.1, 2.5), stalls=tuple(stalls))
    buffer = rng.choice(["auto", "60", "200"])
    done, sound = say(cli, sound_server, speech, kind, "--buffer-ms", buffer)
    check_report(done.json, sound)
    assert sound.audible_s == pytest.approx(1.5, abs=0.1)
