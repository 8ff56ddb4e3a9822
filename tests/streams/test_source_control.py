"""`AudioSource`: clearing for barge-in, and pausing."""

from __future__ import annotations

import asyncio

import pytest

from tests.streams.sources import run_scene, silence


def test_clearing_drops_what_the_sink_has_too():
    async def main(clock, source_of):
        async with source_of(1000) as source:
            await source.capture_frame(silence(500))
            await asyncio.sleep(0.1)
            source.clear_queue()
            cleared_at = clock.now()
            assert source.queued_duration == pytest.approx(0, abs=0.001)
            await source.wait_for_playout()
            assert clock.now() - cleared_at <= 0.06
            await source.capture_frame(silence(100))
            await source.wait_for_playout()
            assert source.underruns == 0

    run_scene(main)


@pytest.mark.slow
def test_a_pause_keeps_everything_and_is_no_underrun():
    async def main(clock, source_of):
        async with source_of(1000) as source:
            began = clock.now()
            await source.capture_frame(silence(500))
            await asyncio.sleep(0.2)
            source.pause()
            left_s = source.queued_duration
            await asyncio.sleep(3600)
            assert source.queued_duration == left_s == pytest.approx(0.3, abs=0.001)
            source.resume()
            await source.wait_for_playout()
            assert clock.now() - began == pytest.approx(3600.5, abs=0.01)
            assert source.underruns == 0

    run_scene(main)


def test_a_paused_source_fills_its_queue_and_then_waits():
    async def main(clock, source_of):
        async with source_of(400) as source:
            source.pause()
            waiting = asyncio.ensure_future(source.capture_frame(silence(1000)))
            await asyncio.sleep(60)  # longer than a device may take to show progress
            assert not waiting.done()
            assert source.queued_duration == pytest.approx(0.4)
            source.resume()
            await waiting
            await source.wait_for_playout()
            assert source.underruns == 0

    run_scene(main)
