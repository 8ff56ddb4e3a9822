"""The built-in voice, with no key and no server, speaks intelligibly."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np

from tests.support.tones import read_wav

DEMO = Path(__file__).parents[2] / "scripts" / "demo"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def transcribe(samples: np.ndarray, rate_hz: int) -> str:
    """Transcribe mono speech with pocketsphinx and the model in its package."""
    from pocketsphinx import Decoder

    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    pause = np.zeros(4800, np.int16)  # it needs silence before and after
    speech = np.concatenate([pause, *(part.to_ndarray()[0] for part in parts), pause])
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(speech.tobytes(), full_utt=True)
    decoder.end_utt()
    return decoder.hyp().hypstr if decoder.hyp() else ""


def test_the_demo_sentence_is_recognised(silent_cli, home) -> None:
    (sentence,) = re.findall(r'set -- "([^"]+)"', DEMO.read_text())
    done = silent_cli.run("say", "--save", "hello.wav", "--", sentence)
    assert done.exit_code == 0, done
    samples, rate_hz = read_wav((home / "hello.wav").read_bytes())
    assert rate_hz == 24_000
    assert words(transcribe(samples[:, 0], rate_hz)) == words(sentence)


def test_the_runtime_stores_no_telemetry(silent_cli, home) -> None:
    done = silent_cli.run("say", "--device", "null", "--", "Hello.")
    assert done.exit_code == 0, done
    kept = [path for path in (home / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["arrivals.jsonl"], kept
