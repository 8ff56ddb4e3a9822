"""What a push to `AudioStreamEncoder` costs, and when its pages arrive."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from voicecli.bench.case import combinations
from voicecli.bench.components.sound import speech_like
from voicecli.bench.report import Column
from voicecli.streams import AudioFrame, AudioStreamEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.case import Case, Readings

COLUMNS = (
    Column("", "codec", "codec"),
    Column("", "ms", "frame_ms"),
    Column("", "mode", "mode"),
    Column("push µs", "mean", "push_us", "mean"),
    Column("push µs", "p95", "push_us", "p95"),
    Column("push µs", "max", "push_us", "max"),
    Column("loop µs", "p95", "loop_us", "p95"),
    Column("1st ms", "p50", "first_page_ms", "p50"),
    Column("between ms", "mean", "between_ms", "mean"),
    Column("between ms", "p50", "between_ms", "p50"),
    Column("", "pages", "pages", "mean"),
    Column("", "bytes", "bytes", "mean"),
)
LEGEND = (
    "push: the call itself; loop: until the loop went on to what was ready next\n"
    "1st: from the first push to the first page; between: one page to the next"
)


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """What all cases share: the sound's length, its rate, and the producer's pace.

    ``pace`` is in multiples of real time.
    """

    duration_s: float = 2.0
    rate_hz: int = 24_000
    pace: float = 10.0


def cases(
    codecs: Sequence[str],
    frames_ms: Sequence[int],
    modes: Sequence[str],
    settings: EncodeSettings,
) -> list[Case]:
    """Return the cases: all combinations, those to be compared side by side."""

    def measure(**labels: Any) -> Readings:
        return asyncio.run(_measure(settings, **labels))

    return combinations(measure, codec=codecs, frame_ms=frames_ms, mode=modes)


async def _measure(settings: EncodeSettings, codec: str, frame_ms: int, mode: str) -> Readings:
    samples = speech_like(settings.duration_s, settings.rate_hz)
    size = settings.rate_hz * frame_ms // 1000
    frames = [
        AudioFrame.from_numpy(samples[at : at + size], settings.rate_hz)
        for at in range(0, len(samples), size)
    ]
    push_us: list[float] = []
    loop_us: list[float] = []

    async def produce() -> None:
        for number, frame in enumerate(frames):
            due_at = began + number * frame_ms / 1000 / settings.pace
            if (early_s := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            before = time.perf_counter()
            encoder.push(frame)
            pushed = time.perf_counter()
            await asyncio.sleep(0)
            push_us.append((pushed - before) * 1e6)
            loop_us.append((time.perf_counter() - before) * 1e6)
        encoder.flush()

    async with AudioStreamEncoder(
        *(codec, settings.rate_hz, 1),
        threaded=mode == "threaded",
        max_queued_s=settings.duration_s,  # whatever the pace, nothing is refused
    ) as encoder:
        began = time.perf_counter()
        producing = asyncio.create_task(produce())
        pages = [(time.perf_counter(), len(page.data)) async for page in encoder]
        await producing
    arrivals = [at for at, _ in pages]
    return {
        "push_us": push_us,
        "loop_us": loop_us,
        "first_page_ms": [(at - began) * 1e3 for at in arrivals[:1]],
        "between_ms": [(later - at) * 1e3 for at, later in pairwise(arrivals)],
        "pages": [len(pages)],
        "bytes": [sum(size for _, size in pages)],
    }
