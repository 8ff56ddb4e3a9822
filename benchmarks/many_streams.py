"""Many decoders on one event loop: what they cost, and whether the loop stays responsive.

    .venv/bin/python benchmarks/many_streams.py [--streams 200] [--seconds 60] [--json]

Every stream is Ogg Opus (mono, 48 kHz) that arrives in real time, page by page, each
with its own offset. A producer task pushes, a consumer task iterates, and all tasks
share one loop, as in a server. It measures

- the loop's lag: how late a 10 ms timer fires, as any other task would;
- threads of the process while all streams run;
- resident memory, sampled once a second: its slope from the second quarter on;
- latency: from the push of a page until the consumer has its first frame;
- CPU time of the process, as a share of one core;
- frames received, compared with frames sent.

The clip is repeated as chained Ogg (a new logical stream each time), so that a run may
be of any length. The exit status is 1 if a limit in `LIMITS` is exceeded.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import math
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from voicecli.streams import AudioStreamDecoder  # noqa: E402  needs the path above

RATE_HZ = 48_000
CLIP_S = 10.0
LAG_TIMER_S = 0.01

LIMITS = {"lag_p99_ms": 2.0, "memory_slope_kib_per_min": 1024.0}


def clip(page_ms: int) -> list[tuple[float, bytes]]:
    """Encode `CLIP_S` seconds to Ogg Opus; return each page with the time of its end."""
    t = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    voice = np.sin(2 * np.pi * 150 * t) * (0.3 + 0.2 * np.sin(2 * np.pi * 3 * t))
    noise = np.random.default_rng(0).standard_normal(len(t)) * 0.02
    samples = np.rint((voice + noise) * 20_000).astype(np.int16)
    file = io.BytesIO()
    options = {"page_duration": str(page_ms * 1000)}
    with av.open(file, "w", format="ogg", options=options) as out:
        stream = out.add_stream("libopus", rate=RATE_HZ, layout="mono")
        stream.bit_rate = 32_000
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        for part in (frame, None):
            for packet in stream.encode(part):
                out.mux(packet)
    return list(_pages(file.getvalue()))


def _pages(data: bytes):  # noqa: ANN202  a generator of (second, page)
    at = 0
    while at < len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        end = at + 27 + len(lacing) + sum(lacing)
        granule = int.from_bytes(data[at + 6 : at + 14], "little")
        yield granule / RATE_HZ, data[at:end]
        at = end


class Histogram:
    """Counts by size, in bins 2 % wide, in constant memory."""

    _LEAST, _STEP = 1e-3, math.log(1.02)

    def __init__(self) -> None:
        self.bins = [0] * 1_200
        self.count = 0
        self.most = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        index = int(math.log(max(value, self._LEAST) / self._LEAST) / self._STEP)
        self.bins[min(index, len(self.bins) - 1)] += 1
        self.count += 1
        self.most = max(self.most, value)

    def percentile(self, percent: float) -> float:
        """Return the upper edge of the percentile's bin."""
        left = self.count * percent / 100
        for index, count in enumerate(self.bins):
            left -= count
            if left <= 0:
                return self._LEAST * math.exp((index + 1) * self._STEP)
        return self.most


@dataclass
class Run:
    """What all streams share, and the counts."""

    pages: list[tuple[float, bytes]]
    ends_at: float
    latency_ms: Histogram = field(default_factory=Histogram)
    push_us: Histogram = field(default_factory=Histogram)
    lag_ms: Histogram = field(default_factory=Histogram)
    memory_kib: list[int] = field(default_factory=list)
    threads: int = 0
    sent: int = 0
    received: int = 0


async def produce(run: Run, decoder: AudioStreamDecoder, begins_at: float) -> None:
    """Push each page at the time of its end, clip after clip, until the run is over."""
    loop = asyncio.get_running_loop()
    pushed = run.push_us
    while begins_at < run.ends_at:
        for spoken_s, page in run.pages:
            delay = begins_at + spoken_s - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            began = time.perf_counter()
            decoder.push(page)
            ended = time.perf_counter()
            decoder.pushed_at = ended  # type: ignore[attr-defined]  for the consumer beside it
            pushed.add((ended - began) * 1e6)
        begins_at += CLIP_S
        run.sent += round(CLIP_S * RATE_HZ)
    decoder.end_input()


async def consume(run: Run, decoder: AudioStreamDecoder) -> None:
    """Take frames, and note how long after its page each arrived."""
    async for frame in decoder:
        run.latency_ms.add((time.perf_counter() - decoder.pushed_at) * 1e3)  # type: ignore[attr-defined]
        run.received += frame.samples_per_channel


async def stream(run: Run, begins_at: float) -> None:
    """Run one producer and one consumer from ``begins_at`` on."""
    async with AudioStreamDecoder(format="audio/ogg") as decoder:
        producing = asyncio.create_task(produce(run, decoder, begins_at))
        await consume(run, decoder)
        await producing


async def watch_lag(run: Run) -> None:
    """Measure how late a timer fires, over and over."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_TIMER_S
        await asyncio.sleep(LAG_TIMER_S)
        run.lag_ms.add((loop.time() - due) * 1e3)


def resident_pages() -> int:
    """Return the process's pages in RAM (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1])


async def watch_memory(run: Run) -> None:
    """Note resident memory and threads once a second."""
    page_kib = os.sysconf("SC_PAGE_SIZE") // 1024
    while True:
        await asyncio.sleep(1.0)
        run.memory_kib.append(resident_pages() * page_kib)
        run.threads = max(run.threads, threading.active_count())


async def measure(streams: int, seconds: float, page_ms: int) -> dict[str, float]:
    """Run all streams; return the figures by name."""
    loop = asyncio.get_running_loop()
    pages = clip(page_ms)
    began = loop.time() + 0.5
    run = Run(pages, began + seconds)
    watchers = [asyncio.create_task(watch_lag(run)), asyncio.create_task(watch_memory(run))]
    offsets = random.Random(1)
    cpu = time.process_time()
    await asyncio.gather(
        *(stream(run, began + offsets.uniform(0, CLIP_S / 10)) for _ in range(streams))
    )
    cpu = time.process_time() - cpu
    elapsed = loop.time() - began
    for watcher in watchers:
        watcher.cancel()
    return figures(run, streams, elapsed, cpu)


def figures(run: Run, streams: int, elapsed_s: float, cpu_s: float) -> dict[str, float]:
    """Return percentiles and slopes of the counts."""
    memory = run.memory_kib[len(run.memory_kib) // 4 :]
    slope = float(np.polyfit(np.arange(len(memory)), memory, 1)[0] * 60) if memory[1:] else 0.0
    result: dict[str, float] = {
        "streams": streams,
        "seconds": elapsed_s,
        "cpu_share": cpu_s / elapsed_s,
        "threads": run.threads,
        "lag_p50_ms": run.lag_ms.percentile(50),
        "lag_p99_ms": run.lag_ms.percentile(99),
        "lag_max_ms": run.lag_ms.most,
        "latency_p50_ms": run.latency_ms.percentile(50),
        "latency_p99_ms": run.latency_ms.percentile(99),
        "push_p95_us": run.push_us.percentile(95),
        "pages": run.push_us.count,
        "memory_mib": run.memory_kib[-1] / 1024 if run.memory_kib else 0.0,
        "memory_slope_kib_per_min": slope,
        "missing_frames": run.sent - run.received,
    }
    return {name: round(value, 3) for name, value in result.items()}


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--page-ms", type=int, default=100, help="ms of audio in an Ogg page")
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    gc.freeze()
    result = asyncio.run(measure(settings.streams, settings.seconds, settings.page_ms))
    failed = [name for name, limit in LIMITS.items() if result[name] > limit]
    failed += ["missing_frames"] if result["missing_frames"] else []
    if settings.json:
        print(json.dumps(result | {"failed": failed}))
    else:
        for name, value in result.items():
            mark = f"  beyond {LIMITS.get(name, 0)}" if name in failed else ""
            print(f"{name:26} {value:12,.3f}{mark}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
