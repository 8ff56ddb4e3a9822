"""What the server sent is what is heard: every format, every way to cut it up."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.recorder import Recorder, Sound
from tests.support.sound_server import RATE_HZ
from tests.support.speech_server import Reply, SpeechServer, clips_of, sse
from tests.support.tones import CODEC_FRAME_SIZE, FORMATS, LOSSLESS, encode, noise, tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli
    from tests.support.sound_server import SoundServer
    from tests.support.speech_server import Clip

pytestmark = pytest.mark.sound

CLIP_S = 0.5

# 48,000 chunks of one byte take an HTTP client in Python longer than they sound;
# a start threshold beyond the clip's length lets content be judged apart from speed.
PATIENT = ("--buffer-ms", "1000")


@functools.cache
def clips() -> dict[str, Clip]:
    """Noise where the codec keeps every sample, else a tone that shows every gap."""
    exact = clips_of(noise(CLIP_S), formats=LOSSLESS)
    return exact | clips_of(tone(CLIP_S), formats=[k for k in FORMATS if k not in LOSSLESS])


def whole(heard: Sound, kind: str) -> None:
    """Assert that a sound is the clip: all of it, in order, nothing between."""
    assert heard.gaps == ()
    if kind in LOSSLESS:
        assert np.array_equal(heard.samples, noise(CLIP_S))
        return
    sent = tone(CLIP_S)
    assert heard.frames == pytest.approx(len(sent), abs=CODEC_FRAME_SIZE[kind])
    # Head and tail are as loud as the middle, to within the codec's own smear at an edge.
    edge = CODEC_FRAME_SIZE[kind]
    middle = rms(heard.samples[len(heard.samples) // 4 : -len(heard.samples) // 4])
    assert rms(heard.samples[:edge]) > 0.7 * middle
    assert rms(heard.samples[-edge:]) > 0.7 * middle


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def spoken(cli: Cli, sound_server: SoundServer, *arguments: str) -> tuple[Sound, dict]:
    """Run ``say`` and return what was heard and what it reported."""
    with Recorder(sound_server) as recorder:
        done = cli.run("say", "--json", *arguments, "hello")
        assert done.exit_code == 0, done
        return recorder.finish().sound(), done.json


@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096, None], ids=["1", "7", "4096", "whole"])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_in_every_chunk_size(cli, sound_server, speech, kind, chunk_bytes) -> None:
    speech.clips = clips()
    headers = {"X-Sample-Rate": str(RATE_HZ), "X-Channels": "1"} if kind == "pcm" else {}
    speech.reply = Reply(chunk_bytes=chunk_bytes, headers=headers)
    heard, told = spoken(
        cli, sound_server, "--base-url", speech.url, "--format", kind, *PATIENT
    )  # fmt: skip
    whole(heard, kind)
    assert told["underruns"]["sink"]["count"] == 0
    assert told["audio_s"] == pytest.approx(CLIP_S, abs=CODEC_FRAME_SIZE[kind] / RATE_HZ)
    assert told["bytes"] == len(speech.clips[kind].body)


@pytest.mark.parametrize("framing", ["length", "close"])
@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_every_framing(cli, sound_server, speech, kind, framing) -> None:
    speech.clips = clips()
    speech.reply = Reply(chunk_bytes=777, framing=framing)
    rate = ("--sample-rate", str(RATE_HZ)) if kind == "pcm" else ()
    heard, _ = spoken(cli, sound_server, "--base-url", speech.url, "--format", kind, *rate)
    whole(heard, kind)


def test_events_carry_the_same_sound(cli, sound_server, speech) -> None:
    speech.reply = sse(clips()["pcm"].body, chunk_bytes=1001)
    heard, _ = spoken(
        cli, sound_server, "--base-url", speech.url, "--format", "pcm",
        "--sample-rate", str(RATE_HZ), "--extra", 'stream_format="sse"',
    )  # fmt: skip
    whole(heard, "pcm")
    assert speech.speech_requests[0].json["stream_format"] == "sse"


def test_mp3_where_pcm_was_asked_is_played_as_mp3(cli, sound_server, speech) -> None:
    speech.reply = Reply(body=clips()["mp3"].body, content_type="audio/pcm")
    heard, told = spoken(cli, sound_server, "--base-url", speech.url, "--format", "pcm")
    whole(heard, "mp3")
    assert told["format"] == "mp3"


@pytest.mark.parametrize("kind", ["wav", "opus", "mp3", "flac"])
def test_files_laid_end_to_end_play_whole(cli, sound_server, speech, kind) -> None:
    both = encode(tone(0.3), kind) + encode(tone(0.3), kind)
    if kind == "wav":
        both = encode(tone(0.3), kind, sized=True) + encode(tone(0.3), kind, sized=True)
    speech.reply = Reply(body=both)
    heard, _ = spoken(cli, sound_server, "--base-url", speech.url, "--format", kind)
    assert heard.frames == pytest.approx(0.6 * RATE_HZ, abs=2 * CODEC_FRAME_SIZE[kind])
    if kind == "wav":
        assert heard.frames == 0.6 * RATE_HZ


def test_a_clip_of_40_ms_is_heard_whole(cli, sound_server, speech) -> None:
    speech.reply = Reply(body=encode(noise(0.04), "pcm"))
    heard, _ = spoken(
        cli, sound_server, "--base-url", speech.url, "--format", "pcm", "--sample-rate", "48000",
        "--buffer-ms", "500",
    )  # fmt: skip
    assert np.array_equal(heard.samples, noise(0.04))


@pytest.mark.parametrize("kind", FORMATS)
def test_play_hears_a_file(cli, sound_server, home: Path, kind) -> None:
    (home / f"clip.{kind}").write_bytes(clips()[kind].body)
    rate = ("--sample-rate", str(RATE_HZ)) if kind == "pcm" else ()
    with Recorder(sound_server) as recorder:
        done = cli.run("play", *rate, f"clip.{kind}")
        assert done.exit_code == 0, done
        whole(recorder.finish().sound(), kind)


def test_play_hears_a_pipe(cli, sound_server) -> None:
    with Recorder(sound_server) as recorder:
        done = cli.run("play", "-", stdin=clips()["flac"].body)
        assert done.exit_code == 0, done
        whole(recorder.finish().sound(), "flac")


@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_what_is_saved_is_what_was_heard(cli, sound_server, speech: SpeechServer, home, kind):
    from tests.support.tones import read_wav

    speech.clips = clips()
    rate = ("--sample-rate", str(RATE_HZ)) if kind == "pcm" else ()
    heard, told = spoken(
        cli, sound_server, "--base-url", speech.url, "--format", kind, *rate, "--save", "out.wav"
    )
    samples, rate_hz = read_wav((home / "out.wav").read_bytes())
    assert told["saved"] == ["out.wav"] or told["saved"] == [str(home / "out.wav")]
    assert len(samples) / rate_hz == pytest.approx(heard.length_s, abs=0.025)
    if kind in LOSSLESS:
        assert np.array_equal(samples[:, 0], heard.samples)
