"""No key, no server: the built-in voice says the demo's sentence so that a machine gets it."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np

from tests.support.tones import read_wav

DEMO = Path(__file__).parents[2] / "scripts" / "demo"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def recognised(samples: np.ndarray, rate_hz: int) -> str:
    """What pocketsphinx, with the model in its own package, makes of mono speech."""
    from pocketsphinx import Decoder

    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    pause = np.zeros(4800, np.int16)  # it wants a breath before and after
    speech = np.concatenate([pause, *(part.to_ndarray()[0] for part in parts), pause])
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(speech.tobytes(), full_utt=True)
    decoder.end_utt()
    return decoder.hyp().hypstr if decoder.hyp() else ""


def test_the_demo_sentence_is_saved_and_reads_back(silent_cli, home) -> None:
    (sentence,) = re.findall(r'set -- "([^"]+)"', DEMO.read_text())
    done = silent_cli.run("say", "--save", "hello.wav", "--", sentence)
    assert done.exit_code == 0, done
    samples, rate_hz = read_wav((home / "hello.wav").read_bytes())
    assert rate_hz == 24_000
    assert words(recognised(samples[:, 0], rate_hz)) == words(sentence)


def test_nothing_is_kept_for_a_report_to_the_maker_of_the_runtime(silent_cli, home) -> None:
    done = silent_cli.run("say", "--device", "null", "--", "Hello.")
    assert done.exit_code == 0, done
    kept = [path for path in (home / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["arrivals.jsonl"], kept
