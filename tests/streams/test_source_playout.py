from __future__ import annotations

import asyncio
import gc

import pytest

from tests.streams.sources import null_sink, run_scene, silence
from voicecli.playback.null import NullSink
from voicecli.streams.base import StreamClosed
from voicecli.streams.source import LEAD_MS

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
