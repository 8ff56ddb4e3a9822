"""The decoder thread's work: decode, convert and write to the sink, until all is heard."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from voicecli.errors import DecodeError, DeviceError, SourceError, VoiceError
from voicecli.session.items import (
    AwaitText,
    StreamBroken,
    StreamEnd,
    StreamStart,
    UtteranceStart,
)
from voicecli.session.seams import Seams
from voicecli.session.stream_decoder import load_decoder
from voicecli.session.turn import NoTurn, SoundTurn
from voicecli.session.utterance import Failure
from voicecli.telemetry.events import Decoded, Recognised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.audio.convert import SampleConverter
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.session.items import Item
    from voicecli.session.stream_decoder import Decode, MakeDecoder, StreamDecoder
    from voicecli.telemetry.observers import Observers


class Items(Protocol):
    """What was fetched: a `Prefetcher`, or something that fetches on demand."""

    def take(self) -> list[Item]:
        """Return all that is there, waiting for at least one item; empty at the end."""

    def recover(self, failure: Failure) -> bool:
        """Ask for the rest of the utterance that broke; False if that is not possible."""

    def close(self) -> None:
        """Stop: nothing more is wanted."""


class OpenSink(Protocol):
    """Opens the sink once the format is known; see `Output.open`."""

    def __call__(self, wanted: AudioFormat, /, *, is_pcm: bool) -> Sink:
        """Open a sink for samples of the ``wanted`` format."""


class Renderer:
    """Takes items, decodes, joins segments, converts and writes to the sink.

    `run` and `drain` belong to the decoder thread, `abort` to any, and the attributes may be
    read from any. ``fail`` gets a decoding error at once, so that the source can be stopped
    while the rest plays. ``on_pcm`` gets each block as it is played, ``turn`` says when.
    """

    def __init__(  # noqa: PLR0913  everything around the decoder thread
        self,
        items: Items,
        open_sink: OpenSink,
        clock: Clock,
        observers: Observers,
        *,
        fail: Callable[[VoiceError], None],
        volume: float = 1.0,
        on_pcm: Callable[[Pcm], None] | None = None,
        seams: Seams | None = None,
        make_decoder: MakeDecoder | None = None,
        turn: SoundTurn | None = None,
    ) -> None:
        self._items = items
        self._open_sink = open_sink
        self._clock = clock
        self._observers = observers
        self._volume = volume
        self._on_pcm = on_pcm
        self._fail = fail
        self._make_decoder = make_decoder
        self._turn = turn or NoTurn()
        self._decoder: StreamDecoder | None = None
        self._converter: SampleConverter | None = None
        self._seams = seams or Seams(observers, clock)
        self._cpu_s = 0.0
        self._aborted = False
        self._control = threading.Lock()  # held while pausing, and while the sink is set
        self._skipped = -1  # the number of the latest segment whose rest is dropped
        self._gain = 1.0
        self.before_write: Callable[[], None] = lambda: None  # once a block's sentences are known
        self.is_paused = False
        self.name: str | None = None
        self.sink: Sink | None = None
        self.first_format: AudioFormat | None = None

    def run(self) -> None:
        """Render everything until the sink has all samples, those before an error included.

        Raises:
            DeviceError: the device failed, so that nothing more can be heard.
        """
        try:
            self._render_all()
        except DeviceError:
            raise
        except VoiceError as error:
            self._seams.break_off()
            self._fail(error)
            self._items.close()
        if not self._aborted:
            self._write(self._seams.flush())
        if self.sink is None:
            return
        assert self._converter is not None
        for samples in self._converter.flush():
            self.sink.write(samples)
        self.sink.end_input()

    def drain(self) -> None:
        """Wait until everything was heard.

        Raises:
            DeviceError: the device failed, or stood still.
        """
        if self.sink is not None:
            self.sink.drain()

    def abort(self) -> None:
        """Stop the sound at once, also of a sink that is being opened; any thread, idempotent."""
        self._aborted = True
        if self.sink is not None:
            self.sink.abort()

    def pause(self) -> None:
        """Pause the sound, also of a sink that is not open yet; any thread, idempotent."""
        with self._control:
            self.is_paused = True
            if self.sink is not None:
                self.sink.pause()

    def resume(self) -> None:
        """End the pause; any thread, idempotent."""
        with self._control:
            self.is_paused = False
            if self.sink is not None:
                self.sink.resume()

    def set_gain(self, factor: float) -> None:
        """Multiply what is heard from now on; any thread."""
        with self._control:
            self._gain = factor
            if self.sink is not None:
                self.sink.set_gain(factor)

    def skip(self, segment: int | None) -> int | None:
        """Drop what follows of this segment, or of any if None; any thread.

        Returns the number of its utterance, None if it has been rendered. The caller
        cancels it, and flushes the sink.
        """
        number = self._seams.number
        if self._decoder is None or segment not in {None, number}:
            return None
        self._skipped = number
        return number

    @property
    def _is_skipped(self) -> bool:
        return self._seams.number <= self._skipped

    def _render_all(self) -> None:
        while items := self._items.take():
            for item in items:
                if self._aborted:
                    return
                try:
                    self._render(item)
                except (DecodeError, SourceError) as error:
                    self._decoder = None  # it cannot be used again
                    if not self._recover(error):
                        raise
                    break  # items taken with it belong to the broken stream
        if not self._aborted:
            self._finish_broken_stream()

    def _render(self, item: Item) -> None:
        match item:
            case bytes():
                assert self._decoder is not None, "bytes before the start of a stream"
                feed = self._decoder.feed
                self._play_steps(partial(feed, item), partial(feed, b""))
            case StreamStart(info):
                self._make_decoder = self._make_decoder or load_decoder(
                    self._observers, self._clock
                )
                self._decoder = self._make_decoder(info)
            case StreamEnd():
                self._finish_stream()
            case UtteranceStart(utterance):
                self._turn.ask()
                self._finish_broken_stream()
                if utterance.segment is not None:
                    self._write(self._seams.begin(utterance.segment))
            case StreamBroken(error):
                self._recover(error)
            case AwaitText():
                self._write(self._seams.end())
                self._turn.await_text()
                if self.sink is not None:
                    self.sink.await_input()

    def _recover(self, error: VoiceError) -> bool:
        """Play what there is of a broken utterance, and ask for the sentences after it."""
        self._finish_broken_stream()
        sentences = self._seams.whole_sentences()
        is_recovered = self._items.recover(Failure(error, sentences))
        if is_recovered:
            self._seams.cut_to(sentences or 0)
        return is_recovered

    def _finish_broken_stream(self) -> None:
        """Play what a stream without an end still holds; its source has reported the error."""
        if self._decoder is not None:
            self._seams.break_off()
            with suppress(DecodeError, SourceError):
                self._finish_stream()
            self._decoder = None

    def _finish_stream(self) -> None:
        assert self._decoder is not None, "an end before the start of a stream"
        self._play_steps(self._decoder.flush, self._decoder.flush)
        self._decoder = None

    def _play_steps(self, first: Decode, more: Decode) -> None:
        """Play what the decoder returns, which takes several calls if it is much."""
        self._play(first)
        while self._decoder is not None and self._decoder.pending and not self._aborted:
            self._play(more)

    def _play(self, decode: Decode) -> None:
        if self._is_skipped:
            self._seams.break_off()
            return
        started_s = time.thread_time()
        blocks = decode()
        self._cpu_s += time.thread_time() - started_s
        if blocks and self.sink is None:  # its sound may be held back beyond its stream
            assert self._decoder is not None
            self.name = self._decoder.name or "pcm"
        for block in blocks:
            self._write(self._seams.add(block))

    def _write(self, blocks: Iterable[Pcm]) -> None:
        for block in blocks:
            number = self._seams.number
            self._observers.notify(Decoded(self._clock.now(), block, self._cpu_s, number))
            self._cpu_s = 0.0
            if self._on_pcm:
                self._on_pcm(block)
            self._turn.wait()
            if self._aborted:
                return
            if self.sink is None:
                self._open(block.format)
            assert self.sink is not None
            assert self._converter is not None
            self.before_write()
            was_skipped = self._is_skipped
            for samples in self._converter.convert(block):
                self.sink.write(samples)
            if self._is_skipped and not was_skipped:
                self.sink.flush()  # drops what was written after the first flush
        self.before_write()

    def _open(self, format: AudioFormat) -> None:
        from voicecli.audio.convert import SampleConverter  # noqa: PLC0415  numpy comes with it

        assert self.name is not None
        self.first_format = format
        self._observers.notify(Recognised(self._clock.now(), self.name, format))
        sink = self._open_sink(format, is_pcm=self.name == "pcm")
        self._converter = SampleConverter(sink.format, self._volume)
        with self._control:
            if self._gain != 1.0:
                sink.set_gain(self._gain)
            if self.is_paused:
                sink.pause()
            # Set before the flag is read, as `abort` sets the flag before it reads the sink.
            self.sink = sink
        if self._aborted:
            sink.abort()
        else:
            sink.start()
