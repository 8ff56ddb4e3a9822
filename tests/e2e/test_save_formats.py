"""`say --save` in every format, complete or cut where it was interrupted."""

from __future__ import annotations

import json
import signal
import time

import pytest

from voicecli.codecs.decoding.auto import AutoDecoder

LONG = "This is one sentence of a great many of a text that is interrupted. " * 8
SUFFIXES = ("opus", "mp3", "flac", "aac", "wav", "pcm")


def length_s(path) -> float:
    decoder = AutoDecoder(path.suffix[1:], rate_hz=24_000, channels=1)
    blocks = [*decoder.feed(path.read_bytes()), *decoder.flush()]
    assert decoder.name == path.suffix[1:]
    return sum(block.duration_s for block in blocks)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_suffix_selects_the_format(silent_cli, home, suffix) -> None:
    done = silent_cli.run("say", "--json", "--no-play", "--save", f"a.{suffix}", "Hello there.")
    assert done.exit_code == 0, done
    assert done.json["saved"] == [f"a.{suffix}"]
    # JSON values are rounded to milliseconds.
    assert length_s(home / f"a.{suffix}") == pytest.approx(done.json["audio_s"], abs=0.0006)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_recording_ends_with_the_last_frame_heard(silent_cli, home, suffix) -> None:
    log = home / "events"
    with silent_cli.start(
        "say", "--json", "--device", "null", "--event-log", str(log), "--save", f"a.{suffix}", LONG
    ) as running:
        wait_for(log, "TTS_PLAYBACK_START", running)
        running.signal(signal.SIGINT)
        done = running.finish()
    assert done.exit_code == 130, done
    spoken_s = json.loads(done.stdout)["spoken_s"]
    assert json.loads(done.stdout)["audio_s"] > 2 * spoken_s
    assert length_s(home / f"a.{suffix}") == pytest.approx(spoken_s, abs=0.0006)


def wait_for(log, event, running) -> None:
    while not (log.exists() and event in log.read_text()):
        assert not running.exited()
        time.sleep(0.005)


def test_an_unknown_suffix_is_a_usage_error(silent_cli, home) -> None:
    done = silent_cli.run("say", "--no-play", "--save", "a.m4a", "Hello.")
    assert done.exit_code == 2
    assert ".opus" in done.stderr
    assert not (home / "a.m4a").exists()
