from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import numpy as np
import pytest

from tests.streams.frames import ForeignFrame
from tests.streams.sources import RATE_HZ, null_sink, run_scene, silence
from voicecli.errors import DeviceError
from voicecli.playback.null import NullSink
from voicecli.streams import source as module
from voicecli.streams.base import StreamClosed
from voicecli.streams.frame import AudioFrame
from voicecli.streams.source import DEVICE_LEAD_MS, LEAD_MS, UNQUEUED_MS, AudioSource

# --- playout, clearing, closing


def test_wait_for_playout_returns_when_the_last_frame_was_heard():
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
            assert source.underruns == 0  # silence between utterances is intended
            return first, clock.now() - began

    first, second = run_scene(main)
    assert first == pytest.approx(0.5, abs=0.0015)
    assert second - first == pytest.approx(2.03, abs=0.003)


def test_an_unintended_silence_is_an_underrun():
    async def main(clock, source_of):
        async with source_of() as source:
            for _ in range(3):
                await source.capture_frame(silence(20))
                await asyncio.sleep(0.05)
            return source.underruns

    assert run_scene(main) == 2


def test_a_sink_with_a_threshold_is_heard_to_the_end():
    async def main(clock, source_of):
        async with source_of(sink=null_sink(clock, start_s=0.2)) as source:
            began = clock.now()
            await source.capture_frame(silence(40))
            await source.wait_for_playout()
            return clock.now() - began

    assert 0.04 <= run_scene(main) < 0.5


def test_clearing_ends_waiting_calls():
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
            await waiting  # its rest was cleared too
            await playout
            assert clock.now() - began <= 0.05 + LEAD_MS / 1000 + 0.002
            assert source.queued_duration == 0
            assert source.underruns == 0

    run_scene(main)


def test_calls_are_served_in_order():
    async def main(clock, source_of):
        done = []

        async def capture(name):
            await source.capture_frame(silence(100))
            done.append(name)

        async with source_of(100) as source:
            await asyncio.gather(*(capture(name) for name in range(5)))
        return done

    assert run_scene(main) == [0, 1, 2, 3, 4]


def test_closing_ends_waiting_calls_with_stream_closed():
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

    run_scene(main)


def test_a_source_that_was_never_used_closes_its_sink():
    async def main(clock, source_of):
        closed = []

        class Sink(NullSink):
            def close(self):
                closed.append(True)

        async with source_of(sink=null_sink(clock, kind=Sink)) as source:
            assert source.queued_duration == 0
            assert source.underruns == 0
        return closed

    assert run_scene(main) == [True]


def test_an_abandoned_source_gives_its_device_back():
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

    assert run_scene(main) == ([True], 0)


# --- faults


class Stopped(NullSink):
    """A device whose clock has stopped."""

    def position(self):
        return 0


def test_a_stuck_device_is_reported():
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

    assert run_scene(main) == pytest.approx(10, abs=0.5)


def test_a_fault_of_the_device_is_raised_from_the_next_call():
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

    run_scene(main)


def test_a_device_that_hangs_does_not_hang_the_program():
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

    assert run_scene(main) == pytest.approx(5, abs=0.1)


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
def test_impossible_settings_are_rejected(rate_hz, channels, settings):
    with pytest.raises(ValueError):
        AudioSource(rate_hz, channels, **settings)


@pytest.mark.parametrize("frame", [silence(10, 24_000), silence(10, channels=2)])
def test_a_frame_of_another_shape_is_rejected(frame):
    async def main(clock, source_of):
        source = source_of()
        assert (source.sample_rate, source.num_channels) == (RATE_HZ, 1)
        with pytest.raises(ValueError, match="does not fit"):
            await source.capture_frame(frame)

    run_scene(main)


def test_frames_of_another_library_are_played():
    async def main(clock, source_of):
        async with source_of() as source:
            await source.capture_frame(
                ForeignFrame(bytearray(2 * RATE_HZ), RATE_HZ, 1, RATE_HZ // 2)
            )
            return source.queued_duration

    assert run_scene(main) == 0.5


def test_the_callers_memory_may_be_reused():
    async def main(clock, source_of):
        heard = []

        class RecordingSink(NullSink):
            def write(self, samples):
                heard.append(samples.copy())
                super().write(samples)

        sink = null_sink(clock, kind=RecordingSink)
        async with source_of(sink=sink) as source:
            memory = bytearray(np.full(480, 7, np.int16).tobytes())
            await source.capture_frame(AudioFrame(memory, RATE_HZ, 1))
            memory[:] = bytes(len(memory))
            await source.wait_for_playout()
        return np.concatenate(heard)

    assert (run_scene(main) == 7).all()


# --- on real time and real devices


def test_a_source_plays_in_real_time():
    async def main():
        async with AudioSource(48_000, 1) as source:
            await source.capture_frame(silence(30))
            await source.wait_for_playout()
            assert source.queued_duration == 0

    asyncio.run(main())


async def loop_until(condition):
    while not condition():  # noqa: ASYNC110  of another thread
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("queue_size_ms", "on_full", "room_ms"),
    [
        (1000, "drop_newest", 1000),
        (50, "drop_newest", DEVICE_LEAD_MS),
        (50, "drop_oldest", 2 * DEVICE_LEAD_MS),
        (0, "drop_newest", UNQUEUED_MS),
    ],
)
def test_a_queue_on_a_device_holds_the_lead_of_the_device(
    monkeypatch, queue_size_ms, on_full, room_ms
):
    written = []

    class RecordingSink(NullSink):
        def write(self, samples):
            written.append(len(samples))
            super().write(samples)

    monkeypatch.setattr(
        module,
        "open_device_sink",
        lambda format, device, policy, clock: RecordingSink(format, policy, clock),
    )

    async def main():
        source = await AudioSource.open(RATE_HZ, 1, queue_size_ms, on_full=on_full)
        async with source:
            with pytest.raises(ValueError, match="longer than the queue"):
                await source.capture_frame(silence(room_ms + 1))
            await source.capture_frame(silence(room_ms))
            await asyncio.wait_for(loop_until(lambda: written), 10)
            assert written[0] >= RATE_HZ * DEVICE_LEAD_MS // 1000

    asyncio.run(main())


def test_opening_a_missing_device_raises():
    async def main():
        await AudioSource.open(48_000, 1, device="no such device, I hope")

    with pytest.raises(DeviceError):
        asyncio.run(main())


def test_the_interpreter_exits_if_a_source_was_abandoned():
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
