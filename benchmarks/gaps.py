"""Stop the process, the sound server and the network at random; compare the report with the ear.

In each run one to three disturbances, mixed at random, hit a tone in one of the six formats:
the process or the sound server stands still (SIGSTOP, SIGCONT), or the server sends nothing.
The device's buffer is that of `--latency-ms auto`, or 100 or 200 ms. A recorder at the sound
server hears the gaps. The JSON must have exactly these, each within 30 ms in place and length,
and the closing line may not say "no gaps" if there was one. Gaps that a busy machine adds must
be reported as well. Speech that the device dropped is a miss of its own ("lost 50 ms"); the gaps
behind it are heard that much earlier in the speech. With `--link-ms N` the sound server is far
away: N ms in either direction.

    scripts/setup dev && .venv/bin/python benchmarks/gaps.py [--runs 30] [--seed 1] [--link-ms 30]

Each run has a seed, counted from the first one's: `--runs 1 --seed N` repeats a run.
The exit status is 1 if a run missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.far_link import far_link  # noqa: E402
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.speech_server import Reply, SpeechServer, clips_of  # noqa: E402
from tests.support.tones import FORMATS, tone  # noqa: E402

if TYPE_CHECKING:
    from tests.support.cli import Running
    from tests.support.recorder import Sound

CLIP_S = 4.0
RATE_HZ = 48_000
TOLERANCE_S = 0.030
MIN_GAP_S = 0.010
"""Shorter silences are no gap to either side: the edges of a codec's tone take as long."""

MIN_LOST_S = 0.010


@dataclass
class Disturbance:
    """What stops, how long after the first sound (the network: at which audio), and how long."""

    what: str
    at_s: float
    for_s: float


@dataclass
class Run:
    """One run: gaps as (position in the audio that was heard, length), in seconds."""

    format: str
    disturbances: list[Disturbance]
    latency_ms: str = "auto"
    heard: list[tuple[float, float]] = field(default_factory=list)
    lost_s: float = 0.0
    reported: list[tuple[float, float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def plan(rng: random.Random) -> Run:
    """Draw a format and what is to go wrong."""
    disturbances, at_s = [], 0.3
    for _ in range(rng.randint(1, 3)):
        at_s += rng.uniform(0.0, 0.5)
        what = rng.choice(["process", "sound server", "network"])
        for_s = rng.uniform(0.2, 1.2)
        disturbances.append(Disturbance(what, round(at_s, 3), round(for_s, 3)))
        at_s += 0.5 if what == "network" else for_s + 0.5
    run = Run(rng.choice(FORMATS), disturbances)
    if rng.random() < 0.3:  # the first one soon after the start
        run.disturbances[0].at_s = round(rng.uniform(0.0, 0.3), 3)
    run.latency_ms = rng.choice(["auto", "auto", "100", "200"])
    return run


def disturb(running: Running, sound: SoundServer, disturbances: list[Disturbance]) -> None:
    """Stop and continue what is to be stopped, counting from the first sound."""
    began = time.monotonic()
    for one in disturbances:
        if one.what == "network":
            continue  # the speech server does that
        time.sleep(max(0.0, began + one.at_s - time.monotonic()))
        if running.exited():
            return
        pid = running.pid if one.what == "process" else sound.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(one.for_s)
        os.kill(pid, signal.SIGCONT)


def gaps_of(sound: Sound) -> list[tuple[float, float]]:
    """Return the gaps, their positions counted in audio."""
    silent_s, gaps = 0.0, []
    for gap in sound.gaps:
        gaps.append((round(gap.at_s - silent_s, 4), round(gap.length_s, 4)))
        silent_s += gap.length_s
    return gaps


def compare(run: Run, metrics: dict[str, Any], closing: str) -> None:
    """Note how the report differs from what was heard."""
    sink = metrics["underruns"]["sink"]
    run.reported = [(e["at_s"], e["ms"] / 1e3, e["cause"]) for e in sink["events"]]
    left = list(run.heard)
    for at_s, length_s, cause in run.reported:
        near = [
            gap
            for gap in left
            if -TOLERANCE_S <= at_s - gap[0] <= run.lost_s + TOLERANCE_S
            and abs(gap[1] - length_s) <= TOLERANCE_S
        ]
        if near:
            left.remove(near[0])
        elif length_s >= MIN_GAP_S:
            run.problems.append(f"not heard: {length_s * 1e3:.0f} ms at {at_s:.3f} s ({cause})")
    run.problems += [f"not reported: {ms * 1e3:.0f} ms at {at_s:.3f} s" for at_s, ms in left]
    if run.lost_s:
        run.problems.append(f"lost {run.lost_s * 1e3:.0f} ms")
    if run.heard and "no gaps" in closing:
        run.problems.append("the closing line says: no gaps")
    if not (sink["count"] == len(sink["events"]) == len(run.reported)):
        run.problems.append(f"the count is {sink['count']}, of {len(run.reported)} events")
    if abs(metrics["spoken_s"] - CLIP_S) > 0.1:
        run.problems.append(f"spoke {metrics['spoken_s']} of {CLIP_S} s")


def measure(home: Path, run: Run, seed: int, link_s: float) -> None:
    """Make a run on a sound server of its own."""
    stalls = tuple((d.at_s, d.for_s) for d in run.disturbances if d.what == "network")
    clips = clips_of(tone(CLIP_S, rate_hz=RATE_HZ), rate_hz=RATE_HZ, formats=[run.format])
    reply = Reply(
        headers={"X-Sample-Rate": str(RATE_HZ)} if run.format == "pcm" else {},
        chunk_bytes=max(64, round(len(clips[run.format].body) / CLIP_S * 0.02)),
        pace=random.Random(seed).uniform(1.2, 2.5) if stalls else None,
        stalls=stalls,
    )
    argv = ("say", "--json", "--no-state", "--latency-ms", run.latency_ms)
    argv += ("--format", run.format, "--base-url")
    with (
        SpeechServer(clips, reply=reply) as speech,
        SoundServer() as sound,
        Recorder(sound) as recorder,
        far_link(sound, link_s) if link_s else nullcontext() as far,
        Cli(home, sound).start(
            *argv, speech.url, "hello", env={"PULSE_SERVER": far} if far else None
        ) as running,
    ):
        recorder.wait_for_sound(unless=running.exited)
        disturb(running, sound, run.disturbances)
        done = running.finish(30.0)
        heard = recorder.finish(tail_s=0.3).sound(min_gap_s=MIN_GAP_S)
    run.heard = gaps_of(heard)
    lost_s = round(CLIP_S - heard.audible_s, 4)
    run.lost_s = lost_s if lost_s > MIN_LOST_S else 0.0
    if done.exit_code != 0:
        run.problems.append(f"exit {done.exit_code}: {done.stderr[-200:]}")
        return
    compare(run, done.json, done.stderr)


def main() -> int:
    """Make the runs and print each; return 1 if one missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--link-ms", type=float, default=0.0, help="to the sound server, one way")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each run")
    options = parser.parse_args()
    missed = gaps = 0
    for number in range(options.seed, options.seed + options.runs):
        run = plan(random.Random(number))
        with tempfile.TemporaryDirectory() as home:
            measure(Path(home), run, number, options.link_ms / 1e3)
        missed += bool(run.problems)
        gaps += len(run.heard)
        if options.json:
            print(json.dumps({"seed": number} | asdict(run)), flush=True)
            continue
        did = ", ".join(f"{d.what} {d.for_s:.2f} s at {d.at_s:.2f}" for d in run.disturbances)
        causes = " ".join(f"{length_s * 1e3:.0f} ({why})" for _, length_s, why in run.reported)
        heard = " ".join(f"{length_s * 1e3:.0f}" for _, length_s in run.heard)
        drawn = f"{number:3} {run.format:4} {run.latency_ms:4} {did}"
        print(f"{drawn}; heard {heard} ms, reported {causes}", flush=True)
        for problem in run.problems:
            print(f"    MISS {problem}", flush=True)
    print(f"{options.runs} runs, {gaps} gaps heard, {missed} runs missed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
