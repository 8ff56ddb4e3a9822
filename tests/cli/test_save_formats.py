"""`say --save` in every format, complete or cut where it was interrupted."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.support.speech_server import FOREVER, Reply, clips_of
from tests.support.tones import tone
from voicecli.codecs.decoding.auto import AutoDecoder

SUFFIXES = ("opus", "mp3", "flac", "aac", "wav", "pcm")
RATE = {"X-Sample-Rate": "48000"}


@pytest.fixture
def handlers():
    """Restore the signal handlers that an interrupted run leaves."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


def length_s(path):
    decoder = AutoDecoder(path.suffix[1:], rate_hz=48_000, channels=1)
    blocks = [*decoder.feed(path.read_bytes()), *decoder.flush()]
    assert decoder.name == path.suffix[1:]
    return sum(block.duration_s for block in blocks)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_suffix_selects_the_format(say, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    done = say("--json", "--no-play", "--save", str(path), "Hello there.")
    assert done.exit_code == 0, done
    assert done.json["saved"] == [str(path)]
    # JSON values are rounded to milliseconds.
    assert length_s(path) == pytest.approx(done.json["audio_s"], abs=0.0006)


@pytest.mark.in_process
@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_recording_ends_with_the_last_frame_heard(
    say, server, tmp_path, handlers, suffix
):
    server.clips = clips_of(tone(3.0), formats=["pcm"])
    server.reply = Reply(headers=RATE, stall_at_s=2.9, stall_for_s=FOREVER)
    path, log = tmp_path / f"a.{suffix}", tmp_path / "events"
    ended = threading.Event()

    def interrupt():
        while not (log.exists() and "TTS_PLAYBACK_START" in log.read_text()):
            if ended.wait(0.005):
                return
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        done = say("--json", "--event-log", str(log), "--save", str(path), "Hello there.")
    finally:
        ended.set()
        thread.join()
    assert done.exit_code == 130, done
    spoken_s = done.json["spoken_s"]
    assert done.json["audio_s"] > spoken_s + 0.1
    assert length_s(path) == pytest.approx(spoken_s, abs=0.0006)


def test_an_unknown_suffix_is_a_usage_error(say, tmp_path):
    path = tmp_path / "a.m4a"
    done = say("--no-play", "--save", str(path), "Hello.")
    assert done.exit_code == 2
    assert ".opus" in done.stderr
    assert not path.exists()
