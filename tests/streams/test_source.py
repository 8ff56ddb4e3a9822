from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from tests.streams.loops import SkewedClock
from tests.streams.sources import RATE_HZ, null_sink, run_scene, silence
from voicecli.playback.null import NullSink
from voicecli.streams.frame import AudioFrame
from voicecli.streams.source import UNQUEUED_MS

# --- waiting


def test_capture_returns_at_once_while_there_is_room_and_then_in_real_time():
    async def main(clock, source_of):
        began, returned = clock.now(), []
        async with source_of(100) as source:
            for _ in range(100):
                await source.capture_frame(silence(10))
                returned.append(clock.now() - began)
                assert source.queued_duration <= 0.1
        return returned

    returned = run_scene(main)
    assert returned[:10] == [0.0] * 10
    due = [0.01 * n for n in range(1, 91)]
    # Never early, late by the shortest sleep at most, and no later at the end than before.
    assert all(-1e-4 <= at - want < 0.0012 for at, want in zip(returned[10:], due, strict=True))


@pytest.mark.parametrize("queue_size_ms", [100, 1000])
@pytest.mark.parametrize("frame_ms", [5, 20, 100, 1500])
def test_the_queue_is_never_exceeded_and_never_runs_empty(queue_size_ms, frame_ms):
    async def main(clock, source_of):
        began = clock.now()
        async with source_of(queue_size_ms) as source:
            most = 0.0
            while clock.now() < began + 6:
                await source.capture_frame(silence(frame_ms))
                most = max(most, source.queued_duration)
            assert source.underruns == 0
            assert source.drops == 0
        return most

    assert run_scene(main) <= queue_size_ms / 1000


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [-300, 300])
def test_the_pace_is_that_of_the_clock_of_the_device(ppm):
    async def main(clock, source_of):
        device = SkewedClock(clock, ppm)
        began = clock.now()
        async with source_of(200, sink=null_sink(device)) as source:
            for _ in range(1_200):
                await source.capture_frame(silence(100))
            await source.wait_for_playout()
            assert source.underruns == 0
        return clock.now() - began

    assert run_scene(main) == pytest.approx(120 / (1 + ppm / 1e6), abs=0.003)


def test_a_stalled_loop_causes_no_gap_and_no_delay():
    async def main(clock, source_of):
        began = clock.now()
        async with source_of(500) as source:
            for number in range(300):
                await source.capture_frame(silence(20))
                if number % 50 == 49:
                    clock.sleep(0.3)  # the whole loop stalls; the sound does not
            await source.wait_for_playout()
            assert source.underruns == 0
        return clock.now() - began

    assert run_scene(main) == pytest.approx(6.0, abs=0.003)


def realtime(minutes, *, start_s=0.0, skew_ppm=0, seed=1):
    """Simulate a producer in real time with ±15 ms of jitter; return the latency it meets."""

    async def main(clock, source_of):
        sink = null_sink(SkewedClock(clock, skew_ppm), start_s=start_s)
        jitter, began, latency = random.Random(seed), clock.now(), []
        async with source_of(1000, sink=sink) as source:
            frame = silence(20)
            for number in range(round(minutes * 60 * 50)):
                at = began + number * 0.02 + jitter.uniform(-0.015, 0.015)
                await asyncio.sleep(max(0.0, at - clock.now()))
                called = clock.now()
                latency.append((called - began, source.queued_duration))
                await source.capture_frame(frame)
                assert clock.now() == called
            await source.wait_for_playout()
            return np.array(latency), source.drops, source.underruns

    return main


@pytest.mark.slow
@pytest.mark.no_cover  # thousands of times the same lines
def test_four_minutes_in_real_time_keep_the_latency_flat():
    latency, drops, underruns = run_scene(realtime(4))
    slope_ms_per_min = np.polyfit(latency[:, 0], latency[:, 1], 1)[0] * 60_000
    assert abs(slope_ms_per_min) < 0.1
    assert latency[:, 1].max() <= 0.0301  # the jitter's whole width, and no more
    assert drops == 0
    assert underruns < 20  # while the source learns how late a frame may be


def test_a_cushion_as_wide_as_the_jitter_prevents_underruns():
    latency, drops, underruns = run_scene(realtime(1, start_s=0.05, seed=2))
    assert (drops, underruns) == (0, 0)
    assert latency[:, 1].max() <= 0.09


def test_a_slow_device_clock_only_fills_the_queue():
    latency, drops, _ = run_scene(realtime(1, skew_ppm=-300))
    assert drops == 0
    assert latency[:, 1].max() < 0.03 + 60 * 300e-6 + 0.001


# --- dropping


def capture_at_double_speed(on_full, queue_size_ms=200):
    async def main(clock, source_of):
        heard = []

        class RecordingSink(NullSink):
            def write(self, samples):
                super().write(samples)
                heard.extend(samples[::240, 0])

        sink = null_sink(clock, kind=RecordingSink)
        async with source_of(queue_size_ms, on_full=on_full, sink=sink) as source:
            began, most = clock.now(), 0.0
            for number in range(400):
                data = np.full(480, number, np.int16)
                before = clock.now()
                await source.capture_frame(AudioFrame.from_numpy(data, RATE_HZ))
                assert clock.now() == before
                most = max(most, source.queued_duration)
                await asyncio.sleep(began + (number + 1) * 0.005 - clock.now())
            await source.wait_for_playout()
            assert most <= queue_size_ms / 1000
            assert source.underruns == 0
            return source.drops, source.dropped_duration, heard

    return main


@pytest.mark.parametrize("on_full", ["drop_oldest", "drop_newest"])
def test_frames_that_do_not_fit_are_dropped_and_counted(on_full):
    drops, dropped_s, heard = run_scene(capture_at_double_speed(on_full))
    assert drops == 400 - len(set(heard))
    assert dropped_s == pytest.approx(4.0 - len(heard) * 0.005)
    assert drops == pytest.approx(400 - 200 - 20, abs=3)  # 2 s of sound, and a queue of 0.2 s
    assert heard == sorted(heard)


def test_either_the_oldest_or_the_newest_frames_are_dropped():
    *_, heard = run_scene(capture_at_double_speed("drop_oldest"))
    assert heard[-1] == 399
    *_, heard = run_scene(capture_at_double_speed("drop_newest"))
    assert heard[:40:2] == list(range(20))


def test_the_newest_is_dropped_if_the_sink_has_everything_older():
    async def main(clock, source_of):
        async with source_of(100, on_full="drop_oldest") as source:
            await source.capture_frame(silence(50))
            await asyncio.sleep(0.001)
            await source.capture_frame(silence(100))
            assert source.drops == 1
            assert source.dropped_duration == pytest.approx(0.1)

    run_scene(main)


def test_a_frame_that_could_never_fit_is_rejected():
    async def main(clock, source_of):
        source = source_of(100, on_full="drop_newest")
        with pytest.raises(ValueError, match="longer than the queue"):
            await source.capture_frame(silence(110))
        await source.capture_frame(silence(100))
        await source.aclose()

    run_scene(main)


# --- without a queue


def test_without_a_queue_frames_go_straight_through():
    async def main(clock, source_of):
        arrived = []

        class RecordingSink(NullSink):
            def write(self, samples):
                arrived.append((clock.now(), len(samples)))
                super().write(samples)

        sink = null_sink(clock, kind=RecordingSink)
        async with source_of(0, sink=sink) as source:
            began = clock.now()
            for number in range(100):
                await source.capture_frame(silence(10))
                assert clock.now() == pytest.approx(began + number * 0.01)
                await asyncio.sleep(began + (number + 1) * 0.01 - clock.now())
            assert source.drops == 0
        return [(round(at - began, 6), frames) for at, frames in arrived]

    assert run_scene(main) == [(round(n * 0.01, 6), 480) for n in range(100)]


def test_without_a_queue_a_fast_producer_is_bounded():
    async def main(clock, source_of):
        began = clock.now()
        async with source_of(0) as source:
            for _ in range(100):
                await source.capture_frame(silence(10))
                assert source.queued_duration <= UNQUEUED_MS / 1000
        return clock.now() - began

    assert run_scene(main) == pytest.approx(0.8, abs=0.002)
