"""What a push to `AudioStreamEncoder` costs, and when its pages arrive."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from voicecli.bench.case import Case
from voicecli.bench.components.sound import speech_like
from voicecli.bench.report import Column
from voicecli.streams import AudioFrame, AudioStreamEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.case import Readings

FRAMES_MS = (10, 20, 60, 500)
MODES = ("inline", "threaded")
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
    return [
        _case(codec, frame_ms, mode, settings)
        for codec in codecs
        for frame_ms in frames_ms
        for mode in modes
    ]


def _case(codec: str, frame_ms: int, mode: str, settings: EncodeSettings) -> Case:
    def measure() -> Readings:
        return asyncio.run(_measure(codec, frame_ms, mode, settings))

    return Case({"codec": codec, "frame_ms": frame_ms, "mode": mode}, measure)


async def _measure(codec: str, frame_ms: int, mode: str, settings: EncodeSettings) -> Readings:
    samples = speech_like(settings.duration_s, settings.rate_hz)
    size = settings.rate_hz * frame_ms // 1000
    frames = [
        AudioFrame.from_numpy(samples[at : at + size], settings.rate_hz)
        for at in range(0, len(samples), size)
    ]
    run = _Run()
    async with AudioStreamEncoder(
        *(codec, settings.rate_hz, 1),
        threaded=mode == "threaded",
        max_queued_s=settings.duration_s,  # whatever the pace, nothing is refused
    ) as encoder:
        consuming = asyncio.create_task(run.consume(encoder))
        await run.produce(encoder, frames, frame_ms / 1000 / settings.pace)
        await consuming
    return run.readings()


class _Run:
    """One stream: a paced producer, a consumer, and their measurements."""

    def __init__(self) -> None:
        self._push_us: list[float] = []
        self._loop_us: list[float] = []
        self._pages_at: list[float] = []
        self._bytes = 0
        self._began = 0.0

    async def produce(
        self, encoder: AudioStreamEncoder, frames: Sequence[AudioFrame], every_s: float
    ) -> None:
        """Push a frame ``every_s`` seconds, then flush."""
        self._began = time.perf_counter()
        for number, frame in enumerate(frames):
            due_s = self._began + number * every_s - time.perf_counter()
            if due_s > 0:
                await asyncio.sleep(due_s)
            before = time.perf_counter()
            encoder.push(frame)
            pushed = time.perf_counter()
            await asyncio.sleep(0)
            self._push_us.append((pushed - before) * 1e6)
            self._loop_us.append((time.perf_counter() - before) * 1e6)
        encoder.flush()

    async def consume(self, encoder: AudioStreamEncoder) -> None:
        """Take pages, and note when each arrived."""
        async for page in encoder:
            self._pages_at.append(time.perf_counter())
            self._bytes += len(page.data)

    def readings(self) -> Readings:
        """Return the measurements by metric."""
        pages = self._pages_at
        return {
            "push_us": self._push_us,
            "loop_us": self._loop_us,
            "first_page_ms": [(at - self._began) * 1e3 for at in pages[:1]],
            "between_ms": [(later - at) * 1e3 for at, later in pairwise(pages)],
            "pages": [len(pages)],
            "bytes": [self._bytes],
        }
