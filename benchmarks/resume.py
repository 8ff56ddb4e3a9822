"""Kill ``voicecli say`` with SIGKILL at a random moment, resume it, and compare what was heard.

Each run speaks a file of 60 numbered sentences on a sound server of its own, is killed at a random
moment after the first sound, and is spoken to its end by ``say --resume``. Each sentence is a tone
of its own pitch, so the recorder at the sound server shows which were heard, before and after.

    scripts/setup dev && .venv/bin/python benchmarks/resume.py [--runs 30] [--at-once 3] [--json]

The exit status is 1 if a sentence is lost, cut or out of order, or more than one is said again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGKILL

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.speech_server import SpeechServer  # noqa: E402
from tests.support.spoken_tones import STEP_HZ, SpokenTones, pitch_hz, pitches  # noqa: E402

SENTENCES = [f"This is number {n} of sixty." for n in range(60)]
SENTENCE_S, GAP_S = 0.3, 0.1
LONGEST_S = len(SENTENCES) * (SENTENCE_S + GAP_S)
FLAGS = ("--no-resident", "--no-keys", "--sentence-pause-ms", "100", "--paragraph-pause-ms", "100")
MIN_S, SLACK_S = 0.12, 0.1
"""A shorter piece of a tone has no certain pitch; how exact its length is."""


def heard(recorder: Recorder) -> list[tuple[int, float]]:
    """Return the numbers of the sentences in a recording, in order, and how long each is."""
    found = pitches(recorder.finish(tail_s=0.3).samples, min_s=MIN_S)
    return [
        (round((each.hz - pitch_hz("")) / STEP_HZ), each.ends_s - each.starts_s) for each in found
    ]


def speak_twice(number: int, url: str) -> tuple[float, list, list]:
    """Return when a run was killed, and what was heard before and after."""
    at_s = random.Random(number).uniform(0.0, LONGEST_S - 3)
    with tempfile.TemporaryDirectory() as folder, SoundServer() as sound:
        cli, file = Cli(Path(folder), sound), Path(folder) / "text.txt"
        file.write_text(" ".join(SENTENCES))
        with (
            Recorder(sound) as recorder,
            cli.start("say", "--base-url", url, *FLAGS, "--file", str(file)) as running,
        ):
            recorder.wait_for_sound(unless=running.exited)
            time.sleep(at_s)
            running.signal(SIGKILL)
            running.finish()
            before = heard(recorder)
        with Recorder(sound) as recorder:
            result = cli.run("say", "--resume", timeout_s=120)
            assert result.exit_code == 0, result
            return at_s, before, heard(recorder)


def faults(first: list[tuple[int, float]], second: list[tuple[int, float]]) -> list[str]:
    """Return what is wrong with a run."""
    whole = {number for number, length_s in (*first, *second) if length_s > SENTENCE_S - SLACK_S}
    before, after = ([number for number, _ in part] for part in (first, second))
    found = [f"cut: {number}" for number in sorted({*before, *after} - whole)]
    if lost := sorted(set(range(len(SENTENCES))) - {*before, *after}):
        found.append(f"lost: {lost}")
    for part in (before, after):
        found += [f"out of order: {part}"] if part != sorted(set(part)) else []
    if len(again := sorted({*before} & {*after})) > 1:
        found.append(f"said again: {again}")
    return found


def run(number: int, url: str) -> list[str]:
    """Speak, kill, resume; print and return what went wrong."""
    at_s, before, after = speak_twice(number, url)
    found = faults(before, after)
    print(
        f"{number:3d}  killed after {at_s:4.1f} s in sentence {before[-1][0]}, resumed at "
        f"{after[0][0] if after else None}: {'; '.join(found) or 'whole'}",
        file=sys.stderr,
    )
    return found


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with SpeechServer() as server, ThreadPoolExecutor(given.at_once) as pool:
        server.speak = SpokenTones(
            seconds_per_character=SENTENCE_S / len(SENTENCES[10]), gap_s=GAP_S
        )
        found = list(pool.map(lambda number: run(number, server.url), range(given.runs)))
    faulty = sum(map(bool, found))
    print(json.dumps({"runs": given.runs, "faulty": faulty}) if given.json else "", end="")
    print(f"{faulty} of {given.runs} runs with a fault", file=sys.stderr)
    return int(faulty > 0)


if __name__ == "__main__":
    os.environ.pop("OPENAI_API_KEY", None)
    raise SystemExit(main())
