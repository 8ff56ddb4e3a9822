"""How fast `AudioStreamDecoder` decodes, what a push costs, when the first frame arrives."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.bench.case import combinations
from voicecli.bench.components.sound import clip
from voicecli.bench.report import Column
from voicecli.streams import AudioStreamDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.case import Case, Readings

COLUMNS = (
    Column("", "codec", "codec"),
    Column("", "chunk bytes", "chunk_bytes"),
    Column("× real time", "p50", "speed_x", "p50"),
    Column("push µs", "mean", "push_us", "mean"),
    Column("push µs", "p95", "push_us", "p95"),
    Column("push µs", "max", "push_us", "max"),
    Column("first frame ms", "p50", "first_frame_ms", "p50"),
    Column("first frame ms", "p95", "first_frame_ms", "p95"),
    Column("", "frames", "frames", "mean"),
)
LEGEND = (
    "first frame: from the first push to the consumer's first frame, set-up included\n"
    "chunks are pushed one after another, with one pass of the loop between them"
)


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """What all cases share: the clip's length and rate, and the output rate.

    ``to_rate_hz`` None keeps the stream's own.
    """

    duration_s: float = 10.0
    rate_hz: int = 24_000
    to_rate_hz: int | None = None


def cases(
    codecs: Sequence[str], chunks_bytes: Sequence[int], settings: DecodeSettings
) -> list[Case]:
    """Return the cases: all combinations."""

    def measure(**labels: Any) -> Readings:
        return asyncio.run(_measure(settings, **labels))

    return combinations(measure, codec=codecs, chunk_bytes=chunks_bytes)


async def _measure(settings: DecodeSettings, codec: str, chunk_bytes: int) -> Readings:
    data = clip(codec, settings.duration_s, settings.rate_hz)
    chunks = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)]
    name = f"audio/pcm;rate={settings.rate_hz}" if codec == "pcm" else codec
    push_us: list[float] = []
    first_at: float | None = None
    frames, duration_s = 0, 0.0

    async def produce() -> None:
        for chunk in chunks:
            before = time.perf_counter()
            decoder.push(chunk)
            push_us.append((time.perf_counter() - before) * 1e6)
            await asyncio.sleep(0)
        decoder.end_input()

    decoder = AudioStreamDecoder(
        sample_rate=settings.to_rate_hz,
        num_channels=None,
        format=name,
        max_queued_bytes=sum(map(len, chunks)),
    )
    began = time.perf_counter()
    producing = asyncio.create_task(produce())
    async for frame in decoder:
        if first_at is None:
            first_at = time.perf_counter()
        frames += 1
        duration_s += frame.duration
    elapsed_s = time.perf_counter() - began
    await producing
    return {
        "speed_x": [duration_s / elapsed_s],
        "push_us": push_us,
        "first_frame_ms": [] if first_at is None else [(first_at - began) * 1e3],
        "frames": [frames],
    }
