"""Record ``voicecli`` and three other players with a server whose chunks are late.

Every player gets the same answer: a tone of 6 s at 1.15 times real time, each chunk up to
200 ms late. First all players once, voicecli without history. Then voicecli learns from five
runs, and ten more are recorded. Then steady servers, compared with ``--buffer-ms 60``. Last,
random patterns of stalls, whose reported gaps are compared with the recorded ones.

    scripts/setup dev && .venv/bin/python benchmarks/jitter.py [--patterns 50] [--json]

Needs curl, mpv, ffplay and pacat as well.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder, Sound  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.speech_server import Reply, SpeechServer, clips_of  # noqa: E402
from tests.support.tones import FORMATS, tone  # noqa: E402

RATE_HZ = 24_000
SECONDS = 6.0
CHUNK_S = 0.0213
MIN_GAP_S = 0.01
LEARNING_RUNS, RECORDED_RUNS = 5, 10
FAST_PACE = 1.5
"""Above this pace no audio needs to be buffered, see `AdaptivePolicy`."""

MPV = "mpv --no-config --no-video --really-quiet --ao=pulse -"
RIVALS = {
    "pacat": ("pcm", f"pacat --latency-msec=50 --rate={RATE_HZ} --channels=1 --format=s16le --raw"),
    "mpv": ("mp3", MPV),
    "mpv, flac": ("flac", MPV),
    "ffplay": ("mp3", "ffplay -nodisp -autoexit -loglevel quiet -"),
}


class Bench:
    """A speech server, a sound server and the commands to run on them."""

    def __init__(self, server: SpeechServer, sound: SoundServer, home: Path) -> None:
        self.server = server
        self.sound = sound
        self.cli = Cli(home, sound)

    def serve_tone(self, kind: str, seconds: float = SECONDS, **reply: Any) -> None:
        """Make the server answer with a tone, in chunks of `CHUNK_S`."""
        samples = tone(seconds, rate_hz=RATE_HZ)
        self.server.clips = clips_of(samples, rate_hz=RATE_HZ, formats=[kind])
        chunk = max(64, round(len(self.server.clips[kind].body) / seconds * CHUNK_S))
        self.server.reply = Reply(chunk_bytes=chunk, **reply)

    def serve_jitter(self, kind: str, seed: int) -> None:
        """Make the server answer with the jitter that all players are measured with."""
        self.serve_tone(kind, ttfb_s=0.2, pace=1.15, jitter_s=0.2, seed=seed)

    def record(self, command: list[str]) -> tuple[float, Sound, str]:
        """Run a player; return its first sound in ms, the sound, and its output."""
        with Recorder(self.sound) as recorder:
            started = time.monotonic()
            done = subprocess.run(
                command, env=self.cli.environment(), cwd=self.cli.home, check=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60,
            )  # fmt: skip
            sound = recorder.finish().sound(min_gap_s=MIN_GAP_S)
        return 1000 * (sound.onset - started), sound, done.stdout

    def ours(self, kind: str, *options: str) -> list[str]:
        """Return the command of voicecli."""
        return [
            sys.executable, "-m", "voicecli", "say", "--json", "--base-url", self.server.url,
            "--format", kind, *options, "hello",
        ]  # fmt: skip

    def theirs(self, kind: str, player: str) -> list[str]:
        """Return the command of ``curl`` piped into a player."""
        body = json.dumps({"model": "m", "voice": "v", "input": "hi", "response_format": kind})
        url = f"{self.server.url}/audio/speech"
        curl = f"curl -sN -H 'Content-Type: application/json' -d '{body}' {url}"
        return ["sh", "-c", f"{curl} | {player}"]


def row(name: str, first_ms: float, sound: Sound, **more: Any) -> dict[str, Any]:
    """Return a line of the report."""
    gaps_ms = [round(gap.length_s * 1e3) for gap in sound.gaps]
    return {"player": name, "first_sound_ms": round(first_ms), "gaps_ms": gaps_ms, **more}


def compare(bench: Bench) -> list[dict[str, Any]]:
    """Record all players once, voicecli in all formats and without history."""
    rows = []
    for name, (kind, player) in RIVALS.items():
        bench.serve_jitter(kind, seed=1)
        first_ms, sound, _ = bench.record(bench.theirs(kind, player))
        rows.append(row(f"curl | {name} ({kind})", first_ms, sound))
    for kind in FORMATS:
        bench.serve_jitter(kind, seed=1)
        first_ms, sound, out = bench.record(bench.ours(kind))
        underflows = json.loads(out)["underruns"]["device"]["count"]
        rows.append(row(f"voicecli, first run ({kind})", first_ms, sound, device=underflows))
    return rows


def learned(bench: Bench, kind: str) -> list[dict[str, Any]]:
    """Record ten runs after five that voicecli learned from."""
    for seed in range(LEARNING_RUNS):
        bench.serve_jitter(kind, seed=100 + seed)
        subprocess.run(
            bench.ours(kind, "--device", "null"), env=bench.cli.environment(), check=True,
            cwd=bench.cli.home, capture_output=True, timeout=60,
        )  # fmt: skip
    rows = []
    for seed in range(RECORDED_RUNS):
        bench.serve_jitter(kind, seed=200 + seed)
        first_ms, sound, out = bench.record(bench.ours(kind))
        underflows = json.loads(out)["underruns"]["device"]["count"]
        rows.append(row(f"voicecli, learned ({kind}) {seed}", first_ms, sound, device=underflows))
    return rows


def steady(bench: Bench, kind: str, pace: float) -> dict[str, Any]:
    """Compare medians with those of ``--buffer-ms 60``, with a steady server and history."""
    # Long enough to be still arriving at the first sound; its model has a history of its own.
    bench.serve_tone(kind, 1.5, ttfb_s=0.2, pace=pace)
    model = ("--model", f"steady-{pace:g}")
    for _ in range(LEARNING_RUNS):
        subprocess.run(
            bench.ours(kind, *model, "--device", "null"), env=bench.cli.environment(), check=True,
            cwd=bench.cli.home, capture_output=True, timeout=60,
        )  # fmt: skip
    firsts: dict[str, list[float]] = {"auto": [], "60": []}
    gaps_ms: dict[str, list[int]] = {"auto": [], "60": []}
    for _ in range(LEARNING_RUNS):
        for buffer, times_ms in firsts.items():
            first_ms, sound, out = bench.record(bench.ours(kind, *model, "--buffer-ms", buffer))
            times_ms.append(first_ms - json.loads(out)["launch_to_request_ms"])
            gaps_ms[buffer] += [round(gap.length_s * 1e3) for gap in sound.gaps]
    auto_ms, fixed_ms = (round(median(times_ms), 1) for times_ms in firsts.values())
    return {
        "player": f"voicecli, steady ({kind})",
        "pace": pace,
        "auto_ms": auto_ms,
        "fixed_ms": fixed_ms,
        "auto_gaps_ms": gaps_ms["auto"],
        "fixed_gaps_ms": gaps_ms["60"],
    }


def pattern(bench: Bench, seed: int) -> dict[str, Any]:
    """Compare the reported and the recorded gaps of a random pattern of stalls."""
    rng = random.Random(seed)
    kind = FORMATS[seed % len(FORMATS)]
    at_s, stalls = 0.2, []
    for _ in range(rng.randint(1, 4)):
        at_s += rng.uniform(0.2, 0.5)
        stalls.append((at_s, rng.uniform(0.1, 0.7)))
    bench.serve_tone(kind, 2.0, pace=rng.uniform(1.1, 2.5), stalls=tuple(stalls))
    buffer = rng.choice(["auto", "60", "200"])
    _, sound, out = bench.record(bench.ours(kind, "--buffer-ms", buffer))
    metrics = json.loads(out)
    reported_ms = [event["ms"] for event in metrics["underruns"]["sink"]["events"]]
    recorded_ms = [round(gap.length_s * 1e3, 1) for gap in sound.gaps]
    off_ms = abs(sum(metrics["waterfall_ms"].values()) - metrics["ttfa_audible_ms"])
    return {
        "seed": seed,
        "format": kind,
        "buffer": buffer,
        "reported_ms": reported_ms,
        "recorded_ms": recorded_ms,
        "device": metrics["underruns"]["device"]["count"],
        "same_count": len(reported_ms) == len(recorded_ms),
        "worst_ms": max(
            (abs(a - b) for a, b in zip(reported_ms, recorded_ms, strict=False)), default=0.0
        ),
        "waterfall_off_ms": round(off_ms, 2),
    }


def main() -> None:
    """Measure and print; exit with 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description="First sound and gaps under jitter.")
    parser.add_argument("--patterns", type=int, default=50)
    parser.add_argument("--learned", nargs="*", default=FORMATS, help="formats to learn with")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    with (
        tempfile.TemporaryDirectory() as home,
        SoundServer() as sound,
        SpeechServer() as server,
    ):
        bench = Bench(server, sound, Path(home))
        rows = compare(bench)
        for each in rows:
            print(each, file=out, flush=True)
        after: list[dict[str, Any]] = []
        for kind in options.learned:
            after += learned(bench, kind)
        for each in after:
            print(each, file=out, flush=True)
        even = [steady(bench, kind, pace) for kind in options.learned for pace in (4.0, 1.15)]
        for each in even:
            print(each, file=out, flush=True)
        patterns = []
        for seed in range(options.patterns):
            patterns.append(pattern(bench, seed))
            print(patterns[-1], file=out, flush=True)
    mpv_ms = {
        kind: next(each["first_sound_ms"] for each in rows if each["player"].startswith(name))
        for kind, name in (("flac", "curl | mpv, flac"), ("", "curl | mpv ("))
    }
    ours = [each for each in rows if "voicecli" in each["player"]]
    met = {
        "first run: at most 3 gaps": all(len(each["gaps_ms"]) <= 3 for each in ours),
        "first run: none under 100 ms": all(ms >= 100 for e in ours for ms in e["gaps_ms"]),
        "learned: at most 1 gap in 10 runs": all(
            sum(len(e["gaps_ms"]) for e in after if f"({kind})" in e["player"]) <= 1
            for kind in options.learned
        ),
        "learned: no later than mpv": all(
            e["first_sound_ms"] <= mpv_ms["flac" if "(flac)" in e["player"] else ""] for e in after
        ),
        "steady: within 20 ms of --buffer-ms 60": all(
            each["auto_ms"] <= each["fixed_ms"] + 20 for each in even if each["pace"] > FAST_PACE
        ),
        "steady: no gap": not any(each["auto_gaps_ms"] for each in even),
        "patterns: counts equal": all(each["same_count"] for each in patterns),
        "patterns: within 30 ms": all(each["worst_ms"] <= 30 for each in patterns),
        "waterfall: within 1 ms": all(each["waterfall_off_ms"] <= 1 for each in patterns),
    }
    for limit, is_met in met.items():
        print(f"{'met' if is_met else 'NOT MET':<8} {limit}", file=out)
    if options.json:
        measured = {"compared": rows, "learned": after, "steady": even, "patterns": patterns}
        print(json.dumps(measured | {"met": met}))
    raise SystemExit(not all(met.values()))


if __name__ == "__main__":
    main()
