"""The decoder thread's work: bytes to samples, samples to the sink, to the last one heard."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from voicecli.clock import Deadline
from voicecli.errors import DecodeError, DeviceError, SourceError, VoiceError
from voicecli.session.fetcher import StreamEnd, StreamStart
from voicecli.telemetry.events import Decoded, Recognised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.audio.convert import SampleConverter
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.clock import Clock
    from voicecli.codecs.decoding.auto import AutoDecoder
    from voicecli.playback.base import Sink
    from voicecli.session.fetcher import Item
    from voicecli.sources.base import SourceInfo
    from voicecli.telemetry.observers import Observers

_DRAIN_SLACK_S = 5.0
"""How much longer than the buffered audio a device may take to play it."""

_PORTION_BYTES = 16 * 1024
"""Crumbs are joined up to this. A backlog decoded in one go would delay the first sound."""


class Items(Protocol):
    """Where what was fetched comes from: a `Channel`, or whatever fetches when it is asked."""

    def take(self) -> list[Item]:
        """Everything there is, waiting for at least one item; empty once it is over."""

    def close(self) -> None:
        """Say that no more is wanted."""


class Renderer:
    """Takes from a `Channel`, decodes, conforms, writes, drains.

    `run` is the decoder thread's, `abort` any thread's, and the attributes may
    be read from any. The sink is opened with the first samples, as only they
    tell the format. ``fail`` is told of a decoding fault at once, so that the
    source can be stopped while the rest still sounds; ``on_draining`` is called
    when the sink has all it will get.
    """

    def __init__(
        self,
        chunks: Items,
        open_sink: Callable[[AudioFormat, bool], Sink],
        clock: Clock,
        observers: Observers,
        *,
        volume: float,
        on_pcm: Callable[[Pcm], None],
        on_draining: Callable[[], None],
        fail: Callable[[VoiceError], None],
    ) -> None:
        self._chunks = chunks
        self._open_sink = open_sink
        self._clock = clock
        self._observers = observers
        self._volume = volume
        self._on_pcm = on_pcm
        self._on_draining = on_draining
        self._fail = fail
        self._decoder: AutoDecoder | None = None
        self._converter: SampleConverter | None = None
        self._cpu_s = 0.0
        self._aborted = False
        self.name: str | None = None
        self.sink: Sink | None = None
        self.first_format: AudioFormat | None = None

    def run(self) -> None:
        """Render everything; what was decoded before a fault is heard to its end.

        Raises:
            DeviceError: the device failed; there is nothing left to hear with.
        """
        try:
            self._render_all()
        except DeviceError:
            raise
        except VoiceError as error:
            self._fail(error)
            self._chunks.close()
        if self.sink is None:
            return
        assert self._converter is not None
        for samples in self._converter.flush():
            self.sink.write(samples)
        self.sink.end_input()
        self._on_draining()
        left_s = self.sink.snapshot().buffered_s
        if not self.sink.drain(Deadline(self._clock, left_s + _DRAIN_SLACK_S)):
            raise DeviceError("the sound device did not play to the end")

    def abort(self) -> None:
        """Silence at once, also of a sink that is only being opened; any thread, idempotent."""
        self._aborted = True
        if self.sink is not None:
            self.sink.abort()

    def _render_all(self) -> None:
        # The request has left: now is the time for what is slow to load.
        from voicecli.codecs.decoding.auto import AutoDecoder  # noqa: PLC0415  numpy comes with it

        while items := self._chunks.take():
            for item in _portions(items):
                if self._aborted:
                    return
                if isinstance(item, StreamStart):
                    self._decoder = _decoder_for(AutoDecoder, item.info)
                elif isinstance(item, StreamEnd):
                    self._finish_stream()
                else:
                    assert self._decoder is not None, "bytes before the start of a stream"
                    self._play(partial(self._decoder.feed, item))
        if self._decoder is not None and not self._aborted:
            # Broken off: the source's fault is the one to tell, and is told already.
            with suppress(DecodeError, SourceError):
                self._finish_stream()

    def _finish_stream(self) -> None:
        assert self._decoder is not None, "an end before the start of a stream"
        self._play(self._decoder.flush)
        self._play(self._decoder.flush)  # raises what the first kept back in favour of its blocks
        self._decoder = None

    def _play(self, decode: Callable[[], list[Pcm]]) -> None:
        started_s = time.thread_time()
        blocks = decode()
        self._cpu_s += time.thread_time() - started_s
        for block in blocks:
            self._observers.notify(Decoded(self._clock.now(), block, self._cpu_s))
            self._cpu_s = 0.0
            self._on_pcm(block)
            if self.sink is None:
                self._open(block.format)
            assert self.sink is not None
            assert self._converter is not None
            for samples in self._converter.convert(block):
                self.sink.write(samples)

    def _open(self, format: AudioFormat) -> None:
        from voicecli.audio.convert import SampleConverter  # noqa: PLC0415  numpy comes with it

        assert self._decoder is not None
        self.first_format = format
        self.name = self._decoder.name or "pcm"
        self._observers.notify(Recognised(self._clock.now(), self.name, format))
        sink = self._open_sink(format, self.name == "pcm")
        self._converter = SampleConverter(sink.format, self._volume)
        # Set before the flag is read, as `abort` sets the flag before it reads the sink.
        self.sink = sink
        if self._aborted:
            sink.abort()
        else:
            sink.start()


def _decoder_for(make: type[AutoDecoder], info: SourceInfo) -> AutoDecoder:
    return make(
        declared=info.requested,
        content_type=info.content_type,
        rate_hz=info.rate_hz,
        channels=info.channels,
    )


def _portions(items: list[Item]) -> Iterator[Item]:
    """The same items with small chunks joined: crumbs cost as much to decode as loaves."""
    crumbs: list[bytes] = []
    size = 0
    for item in items:
        if crumbs and not (isinstance(item, bytes) and size + len(item) <= _PORTION_BYTES):
            yield b"".join(crumbs)
            crumbs, size = [], 0
        if isinstance(item, bytes):
            crumbs.append(item)
            size += len(item)
        else:
            yield item
    if crumbs:
        yield b"".join(crumbs)
