"""Ten minutes of an `AudioSource` in real time: does its latency drift?

    .venv/bin/python benchmarks/source_drift.py [--minutes 10] [--device NAME] [--json]
    .venv/bin/python benchmarks/source_drift.py --minutes 0.2        # for CI

Three sources run at once. One waits when it is full; it has the default cushion of
`AudioSource.open`, and gets frames of 20 ms in real time, each up to 15 ms early or late.
The two others drop frames when they are full, and get twice as much as can be played.
By the clock of the sink (a null sink, or a sound device with ``--device``) it measures

- the latency: from a frame's place in the producer's schedule until its first sample is
  heard; its slope over the run, by least squares, in ms per minute;
- the excess: that latency minus the initial one, or minus the lateness of the latest
  frame so far if that is more, because no player can make up for it without dropping
  sound. It separates a drift of the source from a machine that held up the producer;
  its slope and its maximum;
- how long `capture_frame` blocked the producer: p50, p99, max;
- drops and underruns, and whether played and dropped frames of the dropping sources add
  up to the captured ones.

The exit status is 1 if the excess exceeds 5 ms; if, in a run of five minutes or more,
latency or excess rises by 1 ms per minute or more; if the waiting source dropped
anything; or if the counts of the others do not add up.

A thread that only sleeps measures how long the machine stood still. A player that drops
nothing stays late after that. If it was longer than the jitter, the run says more about
the machine than about the source, and the exit status is 2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from array import array
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from voicecli.audio.pcm import AudioFormat  # noqa: E402  needs the path above
from voicecli.clock import SystemClock  # noqa: E402
from voicecli.playback.null import NullSink  # noqa: E402
from voicecli.playback.policy import BufferPolicy  # noqa: E402
from voicecli.streams import AudioFrame, AudioSource  # noqa: E402
from voicecli.streams.source import CUSHION_MS  # noqa: E402

RATE_HZ = 48_000
FRAME_S = 0.02
JITTER_S = 0.015
QUEUE_MS = 1_000
MAX_SLOPE_MS_PER_MIN = 1.0
MAX_EXCESS_MS = 5.0
NAP_S = 0.002
LONG_S = 300.0
SETTLED_S = 2.0
TOLERANCE_S = 0.02  # how late the last wait may end


class Watchdog:
    """A thread that only sleeps; it oversleeps when the machine stands still."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        threading.Thread(target=self._sleep, daemon=True).start()

    def _sleep(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(NAP_S)
            now = time.monotonic()
            self.worst_ms = max(self.worst_ms, (now - before - NAP_S) * 1e3)
            before = now


def frame() -> AudioFrame:
    """Return one frame of silence."""
    return AudioFrame.create(RATE_HZ, 1, round(FRAME_S * RATE_HZ))


async def in_real_time(source: AudioSource, seconds: float) -> dict[str, float]:
    """Produce frames in real time with jitter; return the latency of the frames."""
    loop = asyncio.get_running_loop()
    jitter, piece = random.Random(1), frame()
    at_s, latency_ms, excess_ms, waited_ms = array("d"), array("d"), array("d"), array("d")
    began, latest_s, floor_s = loop.time() + JITTER_S, 0.0, 0.0
    for number in range(round(seconds / FRAME_S)):
        slot = began + number * FRAME_S
        await asyncio.sleep(slot + jitter.uniform(-JITTER_S, JITTER_S) - loop.time())
        called = loop.time()
        latest_s = max(latest_s, called - slot)
        latency_s = called - slot + source.queued_duration
        if number * FRAME_S < SETTLED_S:
            floor_s = max(floor_s, latency_s)
        await source.capture_frame(piece)
        waited_ms.append((loop.time() - called) * 1e3)
        at_s.append(slot - began)
        latency_ms.append(latency_s * 1e3)
        excess_ms.append((latency_s - max(latest_s, floor_s)) * 1e3)
    await source.wait_for_playout()
    return {
        "frames": len(at_s),
        "slope_ms_per_min": slope_per_min(at_s, latency_ms),
        "latency_first_ms": float(np.mean(latency_ms[: len(latency_ms) // 10])),
        "latency_last_ms": float(np.mean(latency_ms[-(len(latency_ms) // 10) :])),
        "latency_max_ms": max(latency_ms),
        "excess_slope_ms_per_min": slope_per_min(at_s, excess_ms),
        "excess_max_ms": max(excess_ms),
        "capture_p50_ms": float(np.percentile(waited_ms, 50)),
        "capture_p99_ms": float(np.percentile(waited_ms, 99)),
        "capture_max_ms": max(waited_ms),
        "drops": source.drops,
        "underruns": source.underruns,
    }


def slope_per_min(at_s: array[float], values: array[float]) -> float:
    """Fit the rise per minute by least squares, after the first `SETTLED_S` seconds."""
    settled = round(SETTLED_S / FRAME_S)
    return float(np.polyfit(at_s[settled:], values[settled:], 1)[0]) * 60


async def at_double_speed(source: AudioSource, seconds: float) -> dict[str, float]:
    """Produce frames at twice real time; return the counts, which must add up."""
    loop = asyncio.get_running_loop()
    began, piece = loop.time(), frame()
    captured = round(2 * seconds / FRAME_S)
    for number in range(captured):
        await source.capture_frame(piece)
        await asyncio.sleep(began + (number + 1) * FRAME_S / 2 - loop.time())
    await source.wait_for_playout()
    heard_s = loop.time() - began
    return {
        "captured_s": captured * FRAME_S,
        "heard_s": heard_s,
        "dropped_s": source.dropped_duration,
        "drops": source.drops,
        "underruns": source.underruns,
        "unaccounted_s": captured * FRAME_S - heard_s - source.dropped_duration,
    }


async def measure(seconds: float, device: str | None) -> dict[str, dict[str, float]]:
    """Run all three sources at once; the dropping ones on null sinks, without latency."""
    clock = SystemClock()
    paced = NullSink(AudioFormat(RATE_HZ, 1), BufferPolicy.fixed(CUSHION_MS / 1e3), clock)
    waiting = (
        AudioSource(RATE_HZ, 1, QUEUE_MS, sink=paced, clock=clock)
        if device is None
        else await AudioSource.open(RATE_HZ, 1, QUEUE_MS, device=device)
    )
    async with (
        waiting,
        AudioSource(RATE_HZ, 1, QUEUE_MS, on_full="drop_oldest") as oldest,
        AudioSource(RATE_HZ, 1, QUEUE_MS, on_full="drop_newest") as newest,
    ):
        results = await asyncio.gather(
            in_real_time(waiting, seconds),
            at_double_speed(oldest, seconds),
            at_double_speed(newest, seconds),
        )
    return dict(zip(("wait", "drop_oldest", "drop_newest"), results, strict=True))


def miscounts(results: dict[str, dict[str, float]]) -> list[str]:
    """Describe drops and counts that are wrong, whatever the machine did."""
    found = []
    if results["wait"]["drops"]:
        found.append(f"{results['wait']['drops']:.0f} frames were dropped while waiting")
    for name in ("drop_oldest", "drop_newest"):
        # Underruns were heard as silence that was never captured.
        loose_s = abs(results[name]["unaccounted_s"])
        if not results[name]["underruns"] and loose_s > TOLERANCE_S:
            found.append(f"{name}: {loose_s * 1e3:.0f} ms neither heard nor counted as dropped")
    return found


def creeps(wait: dict[str, float], seconds: float) -> list[str]:
    """Describe latencies beyond their limits."""
    found = []
    if wait["excess_max_ms"] >= MAX_EXCESS_MS:
        found.append(f"{wait['excess_max_ms']:.1f} ms of latency that no late frame explains")
    if seconds >= LONG_S:
        found += [
            f"{name} is {wait[name]:.2f}"
            for name in ("slope_ms_per_min", "excess_slope_ms_per_min")
            if abs(wait[name]) >= MAX_SLOPE_MS_PER_MIN
        ]
    return found


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--device", help="a sound device; a null sink by default")
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    seconds = settings.minutes * 60
    watchdog = Watchdog()
    results = asyncio.run(measure(seconds, settings.device))
    results["machine"] = {"stood_still_max_ms": watchdog.worst_ms}
    wrong, late = miscounts(results), creeps(results["wait"], seconds)
    was_away = bool(late) and watchdog.worst_ms > JITTER_S * 1e3
    if settings.json:
        print(json.dumps(results | {"failed": wrong + late, "inconclusive": was_away}))
    else:
        for name, figures in results.items():
            print(name)
            for key, value in figures.items():
                print(f"  {key:20} {value:12,.3f}")
        print("\n".join(wrong + late) or "within its limits")
        if was_away:
            print("but the machine stood still for longer than the jitter: run it on a quiet one")
    if wrong:
        return 1
    return 2 if was_away else int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
