"""The decoder thread's work: bytes to samples, samples to the sink, to the last one heard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from voicecli.clock import Deadline
from voicecli.errors import DecodeError, DeviceError, VoiceError
from voicecli.session.fetcher import StreamEnd, StreamStart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.audio import AudioFormat, Pcm
    from voicecli.clock import Clock
    from voicecli.codecs.registry import AutoDecoder
    from voicecli.handoff import Handoff
    from voicecli.observers import Observers
    from voicecli.playback.base import Sink
    from voicecli.playback.conform import Conformer
    from voicecli.session.fetcher import Item
    from voicecli.sources.base import SourceInfo

_DRAIN_SLACK_S = 5.0
"""How much longer than the buffered audio a device may take to play it."""

OpenSink = "Callable[[AudioFormat, bool], Sink]"


class Renderer:
    """Takes from a `Handoff`, decodes, conforms, writes, drains.

    `run` is the decoder thread's; the attributes may be read from any. The sink
    is opened with the first samples, as only they tell the format.
    """

    def __init__(
        self,
        chunks: Handoff[Item],
        open_sink: Callable[[AudioFormat, bool], Sink],
        clock: Clock,
        observers: Observers,
        *,
        volume: float,
        on_pcm: Callable[[Pcm], None],
    ) -> None:
        self._chunks = chunks
        self._open_sink = open_sink
        self._clock = clock
        self._observers = observers
        self._volume = volume
        self._on_pcm = on_pcm
        self._decoder: AutoDecoder | None = None
        self._conformer: Conformer | None = None
        self.name: str | None = None
        self.sink: Sink | None = None
        self.first_format: AudioFormat | None = None

    def run(self, fail: Callable[[VoiceError], None]) -> None:
        """Render everything; what was decoded before a fault is heard to its end.

        ``fail`` is told of a decoding fault at once, so that the source can be
        stopped while the rest still sounds.

        Raises:
            DeviceError: the device failed; there is nothing left to hear with.
        """
        try:
            self._render_all()
        except DeviceError:
            raise
        except VoiceError as error:
            fail(error)
            self._chunks.close()
        if self.sink is None:
            return
        assert self._conformer is not None
        for samples in self._conformer.flush():
            self.sink.write(samples)
        self.sink.end_input()
        left_s = self.sink.snapshot().buffered_s
        if not self.sink.drain(Deadline(self._clock, left_s + _DRAIN_SLACK_S)):
            raise DeviceError("the sound device did not play to the end")

    def _render_all(self) -> None:
        # The request has left: now is the time for what is slow to load.
        from voicecli.codecs.registry import AutoDecoder  # noqa: PLC0415  numpy comes with it

        while items := self._chunks.take():
            for item in _coalesced(items):
                if isinstance(item, StreamStart):
                    self._decoder = _decoder_for(AutoDecoder, item.info)
                elif isinstance(item, StreamEnd):
                    self._finish_stream(broken=item.broken)
                else:
                    self._decode(item)

    def _decode(self, data: bytes) -> None:
        assert self._decoder is not None, "bytes before the start of a stream"
        started_s = time.thread_time()
        blocks = self._decoder.feed(data)
        self._play(blocks, time.thread_time() - started_s)

    def _finish_stream(self, *, broken: bool) -> None:
        """Flush the decoder; after a break the source's fault is the one to tell."""
        assert self._decoder is not None, "an end before the start of a stream"
        try:
            started_s = time.thread_time()
            blocks = self._decoder.flush()
            self._play(blocks, time.thread_time() - started_s)
            self._decoder.flush()
        except (DecodeError, VoiceError) as error:
            if isinstance(error, DeviceError) or not broken:
                raise

    def _play(self, blocks: list[Pcm], cpu_s: float) -> None:
        for block in blocks:
            self._observers.tell("decoded", self._clock.now(), block, cpu_s)
            cpu_s = 0.0
            self._on_pcm(block)
            if self.sink is None:
                self._open(block.format)
            assert self.sink is not None
            assert self._conformer is not None
            for samples in self._conformer.convert(block):
                self.sink.write(samples)

    def _open(self, format: AudioFormat) -> None:
        from voicecli.playback.conform import Conformer  # noqa: PLC0415  numpy comes with it

        assert self._decoder is not None
        self.first_format = format
        self.name = self._decoder.name or "pcm"
        self._observers.tell("recognised", self._clock.now(), self.name, format)
        sink = self._open_sink(format, self.name == "pcm")
        self._conformer = Conformer(sink.format, self._volume)
        self.sink = sink
        sink.start()


def _decoder_for(make: type[AutoDecoder], info: SourceInfo) -> AutoDecoder:
    return make(
        declared=info.requested,
        content_type=info.content_type,
        rate_hz=info.rate_hz,
        channels=info.channels,
    )


def _coalesced(items: list[Item]) -> Iterator[Item]:
    """The same items with neighbouring chunks joined: crumbs cost as much to decode as loaves."""
    crumbs: list[bytes] = []
    for item in items:
        if isinstance(item, bytes):
            crumbs.append(item)
            continue
        if crumbs:
            yield b"".join(crumbs)
            crumbs = []
        yield item
    if crumbs:
        yield b"".join(crumbs)
