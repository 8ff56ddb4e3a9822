from __future__ import annotations

import asyncio
import gc
import random
import subprocess
import sys

import numpy as np
import pytest

from tests.streams.frames import ForeignFrame
from tests.streams.loops import SkewedClock, virtual_time
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import DeviceError
from voicecli.playback.null import NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.streams import source as module
from voicecli.streams.base import StreamClosed
from voicecli.streams.frame import AudioFrame
from voicecli.streams.intake import DEVICE_LEAD_MS, LEAD_MS, STRAIGHT_MS
from voicecli.streams.source import AudioSource

RATE_HZ = 48_000


def silence(duration_ms, rate_hz=RATE_HZ, channels=1):
    return AudioFrame.create(rate_hz, channels, rate_hz * duration_ms // 1000)


def null_sink(clock, *, start_s=0.0, kind=NullSink):
    return kind(AudioFormat(RATE_HZ, 1), BufferPolicy.fixed(start_s), clock)


@pytest.fixture
def scene():
    """``scene.run(main)`` runs ``main(clock, source_of)`` in virtual time."""

    class Scene:
        def run(self, main):
            with virtual_time() as (clock, run):

                def source_of(*args, **settings):
                    settings = {"clock": clock, "spawn": clock.spawn, **settings}
                    return AudioSource(RATE_HZ, 1, *args, **settings)

                return run(main(clock, source_of))

    return Scene()


# --- waiting


def test_at_once_while_it_fits_then_as_long_as_needed(scene):
    async def main(clock, source_of):
        began, returned = clock.now(), []
        async with source_of(100) as source:
            for _ in range(100):
                await source.capture_frame(silence(10))
                returned.append(clock.now() - began)
                assert source.queued_duration <= 0.1
        return returned

    returned = scene.run(main)
    assert returned[:10] == [0.0] * 10
    due = [0.01 * n for n in range(1, 91)]
    # Never early; late by the floor of a sleep at most, and no later at the end than before.
    assert all(-1e-4 <= at - want < 0.0012 for at, want in zip(returned[10:], due, strict=True))


@pytest.mark.parametrize("queue_size_ms", [100, 1000])
@pytest.mark.parametrize("frame_ms", [5, 20, 100, 1500])
def test_never_more_than_the_queue_and_never_a_hole(scene, queue_size_ms, frame_ms):
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

    assert scene.run(main) <= queue_size_ms / 1000


@pytest.mark.parametrize("ppm", [-300, 300])
def test_by_the_devices_clock_and_not_the_computers(scene, ppm):
    async def main(clock, source_of):
        device = SkewedClock(clock, ppm)
        began = clock.now()
        async with source_of(200, sink=null_sink(device)) as source:
            for _ in range(1_200):
                await source.capture_frame(silence(100))
            await source.wait_for_playout()
            assert source.underruns == 0
        return clock.now() - began

    assert scene.run(main) == pytest.approx(120 / (1 + ppm / 1e6), abs=0.003)


def test_a_late_loop_is_not_made_up_for_by_waiting_longer_later(scene):
    async def main(clock, source_of):
        began = clock.now()
        async with source_of(500) as source:
            for number in range(300):
                await source.capture_frame(silence(20))
                if number % 50 == 49:
                    clock.sleep(0.3)  # the whole loop stands still; the sound does not
            await source.wait_for_playout()
            assert source.underruns == 0
        return clock.now() - began

    assert scene.run(main) == pytest.approx(6.0, abs=0.003)


# Done when: the added latency of a real-time producer rises by less than 1 ms a minute.


def realtime(minutes, *, start_s=0.0, skew_ppm=0, seed=1):
    """A producer in real time, jittered by ±15 ms; the latency that the source adds."""

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


def test_ten_minutes_in_real_time_keep_the_latency_flat(scene):
    latency, drops, underruns = scene.run(realtime(10))
    slope_ms_per_min = np.polyfit(latency[:, 0], latency[:, 1], 1)[0] * 60_000
    assert abs(slope_ms_per_min) < 0.1
    assert latency[:, 1].max() <= 0.0301  # the jitter's whole width, and no more
    assert drops == 0
    assert underruns < 20  # while the source learns how late a frame may be


def test_a_cushion_of_the_jitters_width_leaves_no_underrun(scene):
    latency, drops, underruns = scene.run(realtime(1, start_s=0.05, seed=2))
    assert (drops, underruns) == (0, 0)
    assert latency[:, 1].max() <= 0.09


def test_a_device_that_runs_slow_fills_the_queue_and_no_more(scene):
    latency, drops, _ = scene.run(realtime(1, skew_ppm=-300))
    assert drops == 0
    assert latency[:, 1].max() < 0.03 + 60 * 300e-6 + 0.001


# --- dropping


def capture_at_double_speed(on_full, queue_size_ms=200):
    async def main(clock, source_of):
        heard = []

        class Listening(NullSink):
            def write(self, samples):
                super().write(samples)
                heard.extend(samples[::240, 0])

        sink = null_sink(clock, kind=Listening)
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
def test_what_does_not_fit_is_dropped_and_counted(scene, on_full):
    drops, dropped_s, heard = scene.run(capture_at_double_speed(on_full))
    assert drops == 400 - len(set(heard))
    assert dropped_s == pytest.approx(4.0 - len(heard) * 0.005)
    assert drops == pytest.approx(400 - 200 - 20, abs=3)  # 2 s of sound, and a queue of 0.2 s
    assert heard == sorted(heard)


def test_the_oldest_gives_way_to_the_newest_and_the_other_way_round(scene):
    *_, heard = scene.run(capture_at_double_speed("drop_oldest"))
    assert heard[-1] == 399
    *_, heard = scene.run(capture_at_double_speed("drop_newest"))
    assert heard[:40:2] == list(range(20))


def test_where_all_is_with_the_sink_the_newest_is_dropped_after_all(scene):
    async def main(clock, source_of):
        async with source_of(100, on_full="drop_oldest") as source:
            await source.capture_frame(silence(50))
            await asyncio.sleep(0.001)
            await source.capture_frame(silence(100))
            assert source.drops == 1
            assert source.dropped_duration == pytest.approx(0.1)

    scene.run(main)


def test_a_frame_that_could_never_fit_is_refused(scene):
    async def main(clock, source_of):
        source = source_of(100, on_full="drop_newest")
        with pytest.raises(ValueError, match="longer than the queue"):
            await source.capture_frame(silence(110))
        await source.capture_frame(silence(100))
        await source.aclose()

    scene.run(main)


# --- straight through


def test_without_a_queue_frames_go_straight_through(scene):
    async def main(clock, source_of):
        arrived = []

        class Listening(NullSink):
            def write(self, samples):
                arrived.append((clock.now(), len(samples)))
                super().write(samples)

        sink = null_sink(clock, kind=Listening)
        async with source_of(0, sink=sink) as source:
            began = clock.now()
            for number in range(100):
                await source.capture_frame(silence(10))
                assert clock.now() == pytest.approx(began + number * 0.01)
                await asyncio.sleep(began + (number + 1) * 0.01 - clock.now())
            assert source.drops == 0
        return [(round(at - began, 6), frames) for at, frames in arrived]

    assert scene.run(main) == [(round(n * 0.01, 6), 480) for n in range(100)]


def test_without_a_queue_a_producer_that_is_too_fast_meets_a_bound(scene):
    async def main(clock, source_of):
        began = clock.now()
        async with source_of(0) as source:
            for _ in range(100):
                await source.capture_frame(silence(10))
                assert source.queued_duration <= STRAIGHT_MS / 1000
        return clock.now() - began

    assert scene.run(main) == pytest.approx(0.8, abs=0.002)


# --- playout, clearing, closing


def test_wait_for_playout_returns_when_the_last_frame_was_heard(scene):
    async def main(clock, source_of):
        async with source_of() as source:
            began = clock.now()
            await source.wait_for_playout()
            assert clock.now() == began
            for _ in range(5):
                await source.capture_frame(silence(100))
            await source.wait_for_playout()
            assert source.queued_duration == 0
            first = clock.now() - began
            await asyncio.sleep(2)
            await source.capture_frame(silence(30))
            await source.wait_for_playout()
            assert source.underruns == 0  # between utterances silence is meant
            return first, clock.now() - began

    first, second = scene.run(main)
    assert first == pytest.approx(0.5, abs=0.0015)
    assert second - first == pytest.approx(2.03, abs=0.003)


def test_a_pause_that_nobody_meant_is_an_underrun(scene):
    async def main(clock, source_of):
        async with source_of() as source:
            for _ in range(3):
                await source.capture_frame(silence(20))
                await asyncio.sleep(0.05)
            return source.underruns

    assert scene.run(main) == 2


def test_a_sink_with_a_threshold_is_heard_to_the_end_all_the_same(scene):
    async def main(clock, source_of):
        async with source_of(sink=null_sink(clock, start_s=0.2)) as source:
            began = clock.now()
            await source.capture_frame(silence(40))
            await source.wait_for_playout()
            return clock.now() - began

    assert 0.04 <= scene.run(main) < 0.5


def test_clearing_ends_the_waits(scene):
    async def main(clock, source_of):
        async with source_of(500) as source:
            began = clock.now()
            await source.capture_frame(silence(500))
            waiting = asyncio.create_task(source.capture_frame(silence(500)))
            playout = asyncio.create_task(source.wait_for_playout())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            source.clear_queue()
            assert source.queued_duration <= LEAD_MS / 1000
            await waiting  # its rest belongs to what was cleared
            await playout
            assert clock.now() - began <= 0.05 + LEAD_MS / 1000 + 0.002
            assert source.queued_duration == 0
            assert source.underruns == 0

    scene.run(main)


def test_calls_are_served_in_order(scene):
    async def main(clock, source_of):
        done = []

        async def capture(name):
            await source.capture_frame(silence(100))
            done.append(name)

        async with source_of(100) as source:
            await asyncio.gather(*(capture(name) for name in range(5)))
        return done

    assert scene.run(main) == [0, 1, 2, 3, 4]


def test_closing_turns_waiting_calls_away(scene):
    async def main(clock, source_of):
        source = source_of(100)
        await source.capture_frame(silence(100))
        waiting = asyncio.create_task(source.capture_frame(silence(100)))
        playout = asyncio.create_task(source.wait_for_playout())
        await asyncio.sleep(0.01)
        await source.aclose()
        await source.aclose()
        for task in (waiting, playout):
            with pytest.raises(StreamClosed):
                await task
        with pytest.raises(StreamClosed):
            await source.capture_frame(silence(10))
        with pytest.raises(StreamClosed):
            await source.wait_for_playout()

    scene.run(main)


def test_closing_what_was_never_used(scene):
    async def main(clock, source_of):
        closed = []

        class Sink(NullSink):
            def close(self):
                closed.append(True)

        async with source_of(sink=null_sink(clock, kind=Sink)) as source:
            assert source.queued_duration == 0
            assert source.underruns == 0
        return closed

    assert scene.run(main) == [True]


def test_an_abandoned_source_gives_its_device_back(scene):
    async def main(clock, source_of):
        closed = []

        class Sink(NullSink):
            def close(self):
                closed.append(True)

        source = source_of(sink=null_sink(clock, kind=Sink))
        await source.capture_frame(silence(10))
        del source
        gc.collect()
        await asyncio.sleep(0.1)
        return closed, clock.running()

    assert scene.run(main) == ([True], 0)


# --- faults


class Stopped(NullSink):
    """A device whose clock has stopped."""

    def position(self):
        return 0


def test_a_device_that_stopped_is_told_and_not_waited_for(scene):
    async def main(clock, source_of):
        began = clock.now()
        sink = null_sink(clock, kind=Stopped)
        async with source_of(100, sink=sink) as source:
            await source.capture_frame(silence(100))
            with pytest.raises(DeviceError, match="stopped playing"):
                await source.capture_frame(silence(10))
            with pytest.raises(DeviceError, match="stopped playing"):
                await source.wait_for_playout()
        return clock.now() - began

    assert scene.run(main) == pytest.approx(10, abs=0.5)


def test_a_fault_of_the_device_is_raised_from_the_next_call(scene):
    class Broken(NullSink):
        def write(self, samples):
            raise DeviceError("unplugged")

    async def main(clock, source_of):
        source = source_of(sink=null_sink(clock, kind=Broken))
        await source.capture_frame(silence(10))
        await asyncio.sleep(0.01)
        with pytest.raises(DeviceError, match="unplugged"):
            await source.capture_frame(silence(10))
        with pytest.raises(DeviceError, match="unplugged"):
            await source.wait_for_playout()
        await source.aclose()

    scene.run(main)


def test_a_device_that_hangs_does_not_hang_the_program(scene):
    async def main(clock, source_of):
        class Hanging(NullSink):
            def write(self, samples):
                clock.sleep(60)

        source = source_of(sink=null_sink(clock, kind=Hanging))
        await source.capture_frame(silence(10))
        await asyncio.sleep(0.01)
        began = clock.now()
        await source.aclose()
        return clock.now() - began

    assert scene.run(main) == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "settings"),
    [
        (0, 1, {}),
        (48_000, 0, {}),
        (48_000, 1, {"queue_size_ms": -1}),
        (48_000, 1, {"lead_ms": 0}),
        (48_000, 1, {"on_full": "explode"}),
    ],
)
def test_what_makes_no_sense_is_refused(rate_hz, channels, settings):
    with pytest.raises(ValueError):
        AudioSource(rate_hz, channels, **settings)


@pytest.mark.parametrize("frame", [silence(10, 24_000), silence(10, channels=2)])
def test_a_frame_of_another_shape_is_refused(scene, frame):
    async def main(clock, source_of):
        source = source_of()
        assert (source.sample_rate, source.num_channels) == (RATE_HZ, 1)
        with pytest.raises(ValueError, match="does not fit"):
            await source.capture_frame(frame)

    scene.run(main)


def test_frames_of_another_library_are_played_as_they_are(scene):
    async def main(clock, source_of):
        async with source_of() as source:
            await source.capture_frame(
                ForeignFrame(bytearray(2 * RATE_HZ), RATE_HZ, 1, RATE_HZ // 2)
            )
            return source.queued_duration

    assert scene.run(main) == 0.5


def test_the_callers_memory_may_be_reused(scene):
    async def main(clock, source_of):
        heard = []

        class Listening(NullSink):
            def write(self, samples):
                heard.append(samples.copy())
                super().write(samples)

        sink = null_sink(clock, kind=Listening)
        async with source_of(sink=sink) as source:
            memory = bytearray(np.full(480, 7, np.int16).tobytes())
            await source.capture_frame(AudioFrame(memory, RATE_HZ, 1))
            memory[:] = bytes(len(memory))
            await source.wait_for_playout()
        return np.concatenate(heard)

    assert (scene.run(main) == 7).all()


# --- on real time and real devices


def test_on_a_thread_of_its_own_in_real_time():
    async def main():
        async with AudioSource(48_000, 1) as source:
            await source.capture_frame(silence(30))
            await source.wait_for_playout()
            assert source.queued_duration == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("queue_size_ms", "on_full", "room_ms"),
    [
        (1000, "wait", 1000),
        (50, "drop_oldest", 2 * DEVICE_LEAD_MS),
        (0, "wait", STRAIGHT_MS),
    ],
)
def test_a_queue_on_a_device_holds_what_the_device_takes_ahead(
    monkeypatch, queue_size_ms, on_full, room_ms
):
    def opened(format, device, policy, clock):
        return NullSink(format, policy, clock)

    monkeypatch.setattr(module, "open_device", opened)

    async def main():
        source = await AudioSource.open(48_000, 1, queue_size_ms, on_full=on_full)
        async with source:
            assert source._intake._limit == 48 * room_ms
            assert source._pump._lead >= 48 * DEVICE_LEAD_MS

    asyncio.run(main())


def test_opening_a_device_that_is_not_there():
    async def main():
        await AudioSource.open(48_000, 1, device="no such device, I hope")

    with pytest.raises(DeviceError):
        asyncio.run(main())


def test_the_interpreter_exits_though_a_source_was_abandoned():
    code = """
import asyncio
from voicecli.streams import AudioFrame, AudioSource

async def main():
    source = AudioSource(48_000, 1, 60_000)
    await source.capture_frame(AudioFrame.create(48_000, 1, 48_000 * 30))
    keep.append(source)

keep = []
asyncio.run(main())
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
