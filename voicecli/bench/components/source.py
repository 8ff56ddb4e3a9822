"""How long producers wait in `AudioSource`, and whether it plays in real time."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.bench.case import combinations
from voicecli.bench.components.sound import speech_like
from voicecli.bench.report import Column
from voicecli.streams import AudioFrame, AudioSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.case import Case, Readings

COLUMNS = (
    Column("ms", "queue", "queue_ms"),
    Column("ms", "frame", "frame_ms"),
    Column("", "producer", "producer"),
    Column("wait ms", "mean", "wait_ms", "mean"),
    Column("wait ms", "p50", "wait_ms", "p50"),
    Column("wait ms", "p95", "wait_ms", "p95"),
    Column("wait ms", "max", "wait_ms", "max"),
    Column("queued ms", "p50", "queued_ms", "p50"),
    Column("queued ms", "max", "queued_ms", "max"),
    Column("late ms", "p50", "late_ms", "p50"),
    Column("under-", "runs", "underruns", "mean"),
)
LEGEND = (
    "wait: in capture_frame; queued: after it; late: the end, against the sound\n"
    "real-time: each frame when it is due, up to 15 ms early or late"
)

_JITTER_S = 0.015


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What all cases share: the sound's length and rate, and the device.

    ``device`` is a device's index or part of its name, or "default"; "null" plays
    nothing, in real time.
    """

    duration_s: float = 2.0
    rate_hz: int = 24_000
    device: str = "null"


def cases(
    queues_ms: Sequence[int],
    frames_ms: Sequence[int],
    producers: Sequence[str],
    settings: SourceSettings,
) -> list[Case]:
    """Return the cases: all combinations."""

    def measure(**labels: Any) -> Readings:
        return asyncio.run(_measure(settings, **labels))

    return combinations(measure, queue_ms=queues_ms, frame_ms=frames_ms, producer=producers)


async def _measure(
    settings: SourceSettings, queue_ms: int, frame_ms: int, producer: str
) -> Readings:
    samples = speech_like(settings.duration_s, settings.rate_hz)
    size = settings.rate_hz * frame_ms // 1000
    lateness = random.Random(0)  # noqa: S311  the same jitter every time
    wait_ms: list[float] = []
    queued_ms: list[float] = []
    async with await _open(queue_ms, settings) as source:
        began = time.perf_counter()
        for at in range(0, len(samples), size):
            if producer == "real-time":
                jitter_s = lateness.uniform(-_JITTER_S, _JITTER_S)
                due_s = began + at / settings.rate_hz + jitter_s - time.perf_counter()
                await asyncio.sleep(max(0.0, due_s))
            frame = AudioFrame.from_numpy(samples[at : at + size], settings.rate_hz)
            before = time.perf_counter()
            await source.capture_frame(frame)
            wait_ms.append((time.perf_counter() - before) * 1e3)
            queued_ms.append(source.queued_duration * 1e3)
        await source.wait_for_playout()
        late_s = time.perf_counter() - began - len(samples) / settings.rate_hz
        return {
            "wait_ms": wait_ms,
            "queued_ms": queued_ms,
            "late_ms": [late_s * 1e3],
            "drops": [source.drops],
            "underruns": [source.underruns],
        }


async def _open(queue_ms: int, settings: SourceSettings) -> AudioSource:
    if settings.device == "null":
        return AudioSource(settings.rate_hz, 1, queue_ms)
    device = None if settings.device == "default" else settings.device
    return await AudioSource.open(settings.rate_hz, 1, queue_ms, device=device)
