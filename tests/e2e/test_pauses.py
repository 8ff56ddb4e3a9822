"""Pauses at the real recorder: silent at once, no sample lost, none repeated, no underrun."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.recorder import Recorder
from tests.support.sound_server import RATE_HZ
from tests.support.tones import encode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sound_server import SoundServer

pytestmark = pytest.mark.sound

CLIP_S = 2.0
PAUSES = 5
SILENT_WITHIN_S = 0.06
ATTEMPTS = 4
"""Other processes may take the machine for 50 ms, which no player survives without a gap."""

PLAY = """
import json, random, sys, threading, time
from voicecli import FileSource, Output, OutputSettings, Session

path, format, pauses = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = Session(Output(OutputSettings(latency_s=0.04)))  # as on a machine that is not busy
done = []
source = FileSource(path, format=format, rate_hz=48_000)
thread = threading.Thread(target=lambda: done.append(session.run([source])))
thread.start()
chance, marks = random.Random(7), []
while session.heard_s() == 0:
    time.sleep(0.01)
for _ in range(pauses):
    time.sleep(chance.uniform(0.05, 0.25))
    marks.append(time.monotonic())
    session.control.pause()
    time.sleep(chance.uniform(0.1, 0.3))
    session.control.resume()
thread.join()
report = done[0].report
print(json.dumps([marks, len(report.pauses), len(report.underruns), done[0].spoken_s]))
"""


def clip() -> np.ndarray:
    """Return noise in which no sample is quiet, so that each can be told from silence."""
    chance = np.random.default_rng(1)
    frames = round(CLIP_S * RATE_HZ)
    return (chance.integers(2000, 9000, frames) * chance.choice([-1, 1], frames)).astype(np.int16)


@pytest.mark.parametrize("kind", ["pcm", "wav"])
def test_random_pauses_lose_and_repeat_no_sample(
    home: Path, sound_server: SoundServer, kind: str
) -> None:
    samples, path = clip(), home / f"clip.{kind}"
    path.write_bytes(encode(samples, kind))
    for _ in range(ATTEMPTS):
        with Recorder(sound_server) as recorder:
            done = subprocess.run(
                [sys.executable, "-c", PLAY, str(path), kind, str(PAUSES)],
                env=sound_server.environment(), capture_output=True, timeout=30, check=True,
            )  # fmt: skip
            recording = recorder.finish()
        # Whatever else happens, no sample is lost or repeated.
        assert np.array_equal(recording.samples[recording.samples != 0], samples)
        marks, pauses, underruns, spoken_s = json.loads(done.stdout)
        assert spoken_s == CLIP_S
        sound = recording.sound()
        silent_at = [sound.onset + gap.at_s for gap in sound.gaps]
        late_s = [at - mark for at, mark in zip(silent_at, marks, strict=False)]
        counts = (len(sound.gaps), pauses, underruns)
        if counts == (PAUSES, PAUSES, 0) and max(late_s) <= SILENT_WITHIN_S:
            break
    assert counts == (PAUSES, PAUSES, 0)
    assert max(late_s) <= SILENT_WITHIN_S
