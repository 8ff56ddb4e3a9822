"""Interrupt a text of several requests at random moments, and listen to what is left.

Each of eight sentences is a tone of its own, from a server in a process of its own. Ctrl-C comes
at a random moment after the first sound, in each format in turn. Measured at the recorder: the
time to silence, and the length of the saved file beside what was heard. Checked besides: no
request is left at the server, and "spoken 3 of 8 sentences" counts what was heard whole.

    scripts/setup dev && .venv/bin/python benchmarks/interrupt.py [--runs 30] [--seed 1] [--json]

The exit status is 1 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.speech_server import Reply, SpeechServer  # noqa: E402
from tests.support.spoken_tones import SECONDS_PER_CHARACTER, SpokenTones  # noqa: E402
from tests.support.tones import read_wav  # noqa: E402

if TYPE_CHECKING:
    from tests.support.recorder import Sound

SENTENCES = [f"Line {n} of the text is this one." for n in range(1, 9)]
FORMATS = ("pcm", "opus", "mp3")
SILENT_S = 0.050
SAVED_S = 0.060
"""A block of what the device held when it was silenced may be in one and not in the other."""
EDGE_S = 0.060
"""A sentence of which all but 50 ms was heard counts as spoken; codecs blur its end besides."""


@dataclass
class Run:
    """One interruption. Times in seconds; ``reported`` and ``heard`` are whole sentences."""

    format: str
    after_s: float
    silent_after_s: float
    heard_s: float
    saved_s: float
    reported: int
    heard: int
    left: int
    problems: list[str]


def interrupt(cli: Cli, sound: SoundServer, speech: SpeechServer, kind: str, after_s: float) -> Run:
    """Speak, interrupt after ``after_s`` of sound, and compare."""
    speech.requests.clear()
    saved = cli.home / "out.wav"
    saved.unlink(missing_ok=True)
    argv = ("say", "--save", "out.wav", "--segment", "sentence", "--no-state")
    with (
        Recorder(sound) as recorder,
        cli.start(*argv, "--base-url", speech.url, "--format", kind, " ".join(SENTENCES)) as player,
    ):
        recorder.wait_for_sound(unless=player.exited)
        time.sleep(after_s)
        sent = player.signal(signal.SIGINT)
        done = player.finish(10.0)
        heard = recorder.finish(tail_s=0.3).sound(min_gap_s=0.005)
    left = sum(not request.finished.wait(1.0) for request in speech.requests)
    samples, rate_hz = read_wav(saved.read_bytes())
    reported = re.search(r"spoken (\d+) of", done.stderr)
    run = Run(
        kind,
        after_s,
        heard.end - sent,
        heard.audible_s,
        len(samples) / rate_hz,
        int(reported[1]) if reported else -1,
        whole(heard),
        left,
        [],
    )
    run.problems = problems(run, heard, done.exit_code)
    return run


def whole(heard: Sound) -> int:
    """Return how many sentences were heard to their end."""
    ends_s = [SECONDS_PER_CHARACTER * sum(map(len, SENTENCES[: n + 1])) for n in range(8)]
    return sum(heard.audible_s > end_s - EDGE_S for end_s in ends_s)


def problems(run: Run, heard: Sound, exit_code: int) -> list[str]:
    """Return what exceeds its limit."""
    end_s = [SECONDS_PER_CHARACTER * sum(map(len, SENTENCES[: n + 1])) for n in range(8)]
    is_edge = any(abs(heard.audible_s - end) <= EDGE_S for end in end_s)
    found = {
        f"exit {exit_code}": exit_code != 130,
        "late silence": run.silent_after_s > SILENT_S,
        "another length": abs(run.saved_s - run.heard_s) > SAVED_S,
        "another count": abs(run.reported - run.heard) > (1 if is_edge else 0),
        "requests left": run.left > 0,
        "gaps": bool(heard.gaps),
    }
    return [name for name, is_found in found.items() if is_found]


def main() -> int:
    """Run and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    draw, runs = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as home, SoundServer() as sound, SpeechServer() as speech:
        speech.speak = SpokenTones()
        speech.reply = Reply(ttfb_s=0.1, pace=2, chunk_bytes=2048)
        cli = Cli(Path(home), sound)
        for number in range(options.runs):
            run = interrupt(cli, sound, speech, FORMATS[number % 3], draw.uniform(0.0, 12.0))
            runs.append(run)
            if not options.json:
                print(
                    f"{run.format:<5} after {run.after_s:5.2f} s: silent after "
                    f"{run.silent_after_s * 1e3:4.0f} ms, heard {run.heard_s:6.3f} s, saved "
                    f"{run.saved_s:6.3f} s, spoken {run.reported} (heard {run.heard}) "
                    f"{', '.join(run.problems)}",
                    flush=True,
                )
    if options.json:
        print(json.dumps([asdict(run) for run in runs], indent=2))
    return int(any(run.problems for run in runs))


if __name__ == "__main__":
    sys.exit(main())
