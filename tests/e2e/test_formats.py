"""Everything the server sends is heard: in every format, chunk size and framing."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.recorder import Recorder, Sound
from tests.support.sound_server import RATE_HZ
from tests.support.speech_server import Reply, SpeechServer, clips_of, sse
from tests.support.tones import (
    CODEC_FRAME_SIZE,
    FORMATS,
    LOSSLESS,
    encode,
    noise,
    read_wav,
    tone,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli
    from tests.support.sound_server import SoundServer
    from tests.support.speech_server import Clip

pytestmark = pytest.mark.sound

CLIP_S = 0.3
CHUNK_SIZES = [1, 7, 4096, None]

# Receiving 28,800 chunks of one byte takes a Python HTTP client longer than playing them.
# With a buffer longer than the clip, speed does not matter and content can be checked alone.
WHOLE_CLIP = ("--buffer-ms", "1000")


@functools.cache
def clips() -> dict[str, Clip]:
    """Noise in lossless formats, else a tone, in which every gap shows."""
    exact = clips_of(noise(CLIP_S), formats=LOSSLESS)
    return exact | clips_of(tone(CLIP_S), formats=[k for k in FORMATS if k not in LOSSLESS])


def check_complete(heard: Sound, kind: str) -> None:
    """Assert that the sound is the whole clip, in order and without gaps."""
    assert heard.gaps == ()
    if kind in LOSSLESS:
        assert np.array_equal(heard.samples, noise(CLIP_S))
        return
    sent = tone(CLIP_S)
    assert heard.frames == pytest.approx(len(sent), abs=CODEC_FRAME_SIZE[kind])
    # Both ends are about as loud as the middle; a lossy codec smears the very edge.
    edge = CODEC_FRAME_SIZE[kind]
    middle = rms(heard.samples[len(heard.samples) // 4 : -len(heard.samples) // 4])
    assert rms(heard.samples[:edge]) > 0.7 * middle
    assert rms(heard.samples[-edge:]) > 0.7 * middle


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def run(
    cli: Cli, sound_server: SoundServer, *arguments: str, stdin: bytes | None = None
) -> tuple[Sound, dict]:
    """Run a command; return the sound and the JSON report.

    Up to four times, if the device reports that the machine starved it.
    """
    for _ in range(4):
        with Recorder(sound_server) as recorder:
            done = cli.run(*arguments, "--json", stdin=stdin)
            assert done.exit_code == 0, done
            heard = recorder.finish().sound()
        if done.json["underruns"]["device"]["count"] == 0:
            break
    return heard, done.json


def say(cli: Cli, sound_server: SoundServer, *arguments: str) -> tuple[Sound, dict]:
    return run(cli, sound_server, "say", *arguments, "hello")


@pytest.mark.parametrize(
    ("kind", "chunk_bytes"),
    [
        *[("pcm", size) for size in CHUNK_SIZES],
        *[("opus", size) for size in CHUNK_SIZES],
        *[(kind, 7) for kind in ("wav", "mp3", "aac", "flac")],
    ],
)
def test_every_format_is_heard_whole(cli, sound_server, speech, kind, chunk_bytes) -> None:
    """Splitting is a matter for the decoders' own tests; here two formats show the way."""
    speech.clips = clips()
    headers = {"X-Sample-Rate": str(RATE_HZ), "X-Channels": "1"} if kind == "pcm" else {}
    speech.reply = Reply(chunk_bytes=chunk_bytes, headers=headers)
    heard, report = say(
        cli, sound_server, "--base-url", speech.url, "--format", kind, *WHOLE_CLIP
    )  # fmt: skip
    check_complete(heard, kind)
    assert report["underruns"]["sink"]["count"] == 0
    assert report["audio_s"] == pytest.approx(CLIP_S, abs=CODEC_FRAME_SIZE[kind] / RATE_HZ)
    assert report["bytes"] == len(speech.clips[kind].body)


@pytest.mark.parametrize(("kind", "framing"), [("pcm", "length"), ("opus", "close")])
def test_every_framing(cli, sound_server, speech, kind, framing) -> None:
    speech.clips = clips()
    speech.reply = Reply(chunk_bytes=777, framing=framing)
    rate = ("--sample-rate", str(RATE_HZ)) if kind == "pcm" else ()
    heard, _ = say(cli, sound_server, "--base-url", speech.url, "--format", kind, *rate)
    check_complete(heard, kind)


def test_event_streams_carry_the_same_sound(cli, sound_server, speech) -> None:
    speech.reply = sse(clips()["pcm"].body, chunk_bytes=1001)
    heard, _ = say(
        cli, sound_server, "--base-url", speech.url, "--format", "pcm",
        "--sample-rate", str(RATE_HZ), "--extra", 'stream_format="sse"',
    )  # fmt: skip
    check_complete(heard, "pcm")
    assert speech.speech_requests[0].json["stream_format"] == "sse"


def test_mp3_instead_of_pcm_is_played_as_mp3(cli, sound_server, speech) -> None:
    speech.reply = Reply(body=clips()["mp3"].body, content_type="audio/pcm")
    heard, report = say(cli, sound_server, "--base-url", speech.url, "--format", "pcm")
    check_complete(heard, "mp3")
    assert report["format"] == "mp3"


@pytest.mark.parametrize("kind", ["wav", "opus", "mp3", "flac"])
def test_concatenated_files_play_whole(cli, sound_server, speech, kind) -> None:
    speech.reply = Reply(body=2 * encode(tone(0.2), kind, sized=True))
    heard, _ = say(cli, sound_server, "--base-url", speech.url, "--format", kind)
    assert heard.frames == pytest.approx(0.4 * RATE_HZ, abs=2 * CODEC_FRAME_SIZE[kind])
    if kind == "wav":
        assert heard.frames == 0.4 * RATE_HZ


def test_a_clip_of_40_ms_is_heard_whole(cli, sound_server, speech) -> None:
    speech.reply = Reply(body=encode(noise(0.04), "pcm"))
    heard, _ = say(
        cli, sound_server, "--base-url", speech.url, "--format", "pcm", "--sample-rate", "48000",
        "--buffer-ms", "500",
    )  # fmt: skip
    assert np.array_equal(heard.samples, noise(0.04))


@pytest.mark.parametrize("kind", ["pcm", "wav", "opus", "mp3"])
def test_play_plays_a_file(cli, sound_server, home: Path, kind) -> None:
    (home / f"clip.{kind}").write_bytes(clips()[kind].body)
    rate = ("--sample-rate", str(RATE_HZ)) if kind == "pcm" else ()
    heard, _ = run(cli, sound_server, "play", *rate, f"clip.{kind}")
    check_complete(heard, kind)


def test_play_plays_a_pipe(cli, sound_server) -> None:
    heard, _ = run(cli, sound_server, "play", "-", stdin=clips()["flac"].body)
    check_complete(heard, "flac")


@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_the_saved_file_is_what_was_heard(cli, sound_server, speech: SpeechServer, home, kind):
    speech.clips = clips()
    rate = ("--sample-rate", str(RATE_HZ)) if kind == "pcm" else ()
    heard, report = say(
        cli, sound_server, "--base-url", speech.url, "--format", kind, *rate, "--save", "out.wav"
    )
    samples, rate_hz = read_wav((home / "out.wav").read_bytes())
    assert report["saved"] in (["out.wav"], [str(home / "out.wav")])
    assert len(samples) / rate_hz == pytest.approx(heard.length_s, abs=0.025)
    if kind in LOSSLESS:
        assert np.array_equal(samples[:, 0], heard.samples)
