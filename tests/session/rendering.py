"""A renderer that is fed beforehand."""

from __future__ import annotations

from tests.session.fakes import FORMAT, FakeClock, Watcher
from tests.session.outputs import WatchedSink
from voicecli.audio.pcm import Pcm
from voicecli.playback.policy import BufferPolicy
from voicecli.session.channel import Channel
from voicecli.session.items import StreamStart
from voicecli.session.renderer import Renderer
from voicecli.sources.base import SourceInfo
from voicecli.telemetry.observers import Observers

START = StreamStart(SourceInfo("pcm", None, FORMAT.rate_hz, 1))


class Chunks(Channel):
    """Items put beforehand; nothing that broke can be asked for again."""

    def recover(self, failure):
        return False


class Rig:
    """A renderer fed beforehand, so that its `run` can be called without a thread."""

    def __init__(self, *, sink_format=FORMAT, volume=1.0, **sink):
        self.clock = FakeClock()
        self.watcher = Watcher()
        self.chunks = Chunks(1 << 30)
        self.events = []
        self.kept = []
        self.is_pcm = None
        self.sink = WatchedSink(sink_format, BufferPolicy.fixed(0.0), self.clock, **sink)
        self.open_fault = None
        self.renderer = Renderer(
            self.chunks,
            self._open,
            self.clock,
            Observers([self.watcher]),
            volume=volume,
            on_pcm=self.kept.append,
            fail=self.events.append,
        )

    def _open(self, format, *, is_pcm):
        self.opened = format
        self.is_pcm = is_pcm
        if self.open_fault:
            raise self.open_fault
        return self.sink

    def run(self, *items, ends=True):
        for item in items:
            self.chunks.put(item)
        if ends:
            self.chunks.end()
        self.renderer.run()
        if self.renderer.sink is not None:
            self.events.append("draining")
        self.renderer.drain()
        return self


def block(frames, value=0, rate_hz=FORMAT.rate_hz):
    import numpy as np

    return Pcm(np.full((frames, 1), value, np.int16), rate_hz)
