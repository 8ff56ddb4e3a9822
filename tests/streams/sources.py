"""Helpers for tests of `AudioSource`."""

from __future__ import annotations

from tests.streams.loops import virtual_time
from voicecli.audio.pcm import AudioFormat
from voicecli.playback.null import NullSink
from voicecli.playback.policy import BufferPolicy
from voicecli.streams.frame import AudioFrame
from voicecli.streams.source import AudioSource

RATE_HZ = 48_000


def silence(duration_ms, rate_hz=RATE_HZ, channels=1):
    return AudioFrame.create(rate_hz, channels, rate_hz * duration_ms // 1000)


def null_sink(clock, *, start_s=0.0, kind=NullSink):
    return kind(AudioFormat(RATE_HZ, 1), BufferPolicy.fixed(start_s), clock)


def run_scene(main):
    """Run ``main(clock, source_of)`` in virtual time; return its result."""
    with virtual_time() as (clock, run):

        def source_of(*args, **settings):
            settings = {"clock": clock, "spawn": clock.spawn, **settings}
            return AudioSource(RATE_HZ, 1, *args, **settings)

        return run(main(clock, source_of))
