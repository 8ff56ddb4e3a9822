"""An async stream encoder: push frames, iterate the bytes of a legal file.

`push` only queues, whatever the frame's length: encoding 60 ms of Opus takes
about a millisecond, which a loop with two hundred streams does not have. The
work is done a stretch at a time on the threads that all streams share, and its
chunks come back as they are made, so that the first page leaves at once.

Everything here belongs to the loop's thread. A task on the executor has the
pure encoder to itself while ``_is_away`` and reports by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.streams.buffer import BufferFull, StreamClosed
from voicecli.streams.executor import shared_executor

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from voicecli.audio import Samples
    from voicecli.streams.frame import AudioFrame

MAX_QUEUED_S = 10.0

_SLICE_S = 0.06
"""Audio encoded in one call: chunks are reported after each."""

_TASK_S = 0.24
"""Audio encoded before a thread looks for other streams' work: some milliseconds of it."""


class _State(Enum):
    """Where a stream stands; each can only become one further down."""

    OPEN = auto()  # frames may be pushed
    ENDED = auto()  # all frames were pushed
    FINISHED = auto()  # the whole file is among the chunks, or a fault is
    CLOSED = auto()  # closed on purpose


class AudioStreamEncoder:
    """Encodes a stream of frames to opus, mp3, pcm, wav, aac or flac.

    ::

        async with AudioStreamEncoder("opus", 24_000, 1) as encoder:
            producer = asyncio.create_task(listen(encoder))  # push… flush
            async for chunk in encoder:
                await socket.send(chunk.data)

    Iteration gives `voicecli.codecs.encoding.Encoded` chunks: ``data``, whose
    concatenation is one legal file with its headers in the first chunk, and
    ``frames``, how many samples per channel each stands for. It ends after
    `flush` with the last chunk, and silently after `aclose`.

    All methods belong to one event loop's thread.

    Args:
        codec: the name of one of the six formats.
        sample_rate: of the frames pushed, in Hz.
        num_channels: of the frames pushed.
        bitrate: in bit/s; None for a sensible one for speech.
        page_ms: length of an Ogg page after the first; None for 100.
        threaded: False encodes within `push`, on the loop.
        max_queued_s: seconds of audio that may wait to be encoded. One frame
            that is longer is taken when nothing else waits.

    Raises:
        UnsupportedFormat: no such codec, or not on this machine.
        ConfigError: a setting that the codec does not take.
    """

    def __init__(
        self,
        codec: str,
        sample_rate: int,
        num_channels: int,
        *,
        bitrate: int | None = None,
        page_ms: int | None = None,
        threaded: bool = True,
        max_queued_s: float = MAX_QUEUED_S,
    ) -> None:
        self._encoder = make_encoder(
            codec, sample_rate, num_channels, bitrate_bps=bitrate, page_ms=page_ms
        )
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._threaded = threaded
        self._max_queued = round(max_queued_s * sample_rate)
        self._slice = max(1, round(_SLICE_S * sample_rate))
        self._state = _State.OPEN
        self._queue: deque[Samples] = deque()
        self._queued = 0  # frames, those on the executor included
        self._is_away = False
        self._fault: Exception | None = None
        self._chunks: deque[Encoded] = deque()
        self._news = asyncio.Event()  # for the consumer
        self._room = asyncio.Event()  # for the producer

    @property
    def queued_duration(self) -> float:
        """Seconds of audio that wait to be encoded."""
        return self._queued / self._sample_rate

    # The producer's end.

    def push(self, frame: AudioFrame) -> None:
        """Queue a frame of any length; its memory must not be written to afterwards.

        Raises:
            ValueError: the frame has another rate or other channels.
            BufferFull: more than ``max_queued_s`` would wait; nothing was queued.
            StreamClosed: after `flush` or `aclose`.
        """
        self._check(frame)
        if not self._has_room(frame.samples_per_channel):
            raise BufferFull(
                f"{self.queued_duration:.1f} s of audio wait to be encoded: "
                "await push_async(), or iterate faster"
            )
        samples = frame.to_numpy()
        if not self._threaded:
            self._chunks.extend(self._encoder.feed(samples))
            self._news.set()
            return
        self._queue.append(samples)
        self._queued += samples.shape[0]
        if not self._is_away:
            self._send_away()

    async def push_async(self, frame: AudioFrame) -> None:
        """Queue a frame as `push` does, waiting until there is room. One producer at a time.

        Raises:
            ValueError: as `push`.
            StreamClosed: as `push`, or when closed meanwhile.
        """
        while self._state is _State.OPEN and not self._has_room(frame.samples_per_channel):
            self._room.clear()
            await self._room.wait()
        self.push(frame)

    def _check(self, frame: AudioFrame) -> None:
        if self._state is not _State.OPEN:
            raise StreamClosed("push() after flush() or aclose()")
        if (frame.sample_rate, frame.num_channels) != (self._sample_rate, self._num_channels):
            raise ValueError(
                f"the encoder takes {self._sample_rate} Hz, {self._num_channels} channels; "
                f"the frame has {frame.sample_rate} Hz, {frame.num_channels}"
            )

    def _has_room(self, frames: int) -> bool:
        return not self._queued or self._queued + frames <= self._max_queued

    def flush(self) -> None:
        """Say that all frames were pushed; the rest of the file follows. Idempotent."""
        if self._state is not _State.OPEN:
            return
        self._state = _State.ENDED
        if not self._threaded:
            self._chunks.extend(self._encoder.flush())
            self._finish()
        elif not self._is_away:
            self._send_away()

    end_input = flush

    # Encoding on the executor.

    def _send_away(self) -> None:
        """Give the next stretch, and after the last one the end, to a shared thread."""
        pieces: list[Samples] = []
        left = round(_TASK_S * self._sample_rate)
        while self._queue and left > 0:
            samples = self._queue.popleft()
            if samples.shape[0] > left:
                self._queue.appendleft(samples[left:])
                samples = samples[:left]
            pieces.append(samples)
            left -= samples.shape[0]
        is_last = self._state is _State.ENDED and not self._queue
        self._is_away = True
        loop = asyncio.get_running_loop()
        shared_executor().submit(self._encode_away, pieces, is_last, loop)

    def _encode_away(
        self,
        pieces: list[Samples],
        is_last: bool,  # noqa: FBT001  submit passes by position
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """On an executor's thread, which has the pure encoder to itself."""
        done, fault, chunks = 0, None, []
        try:
            for samples in pieces:
                for start in range(0, samples.shape[0], self._slice):
                    piece = samples[start : start + self._slice]
                    done += piece.shape[0]
                    if made := self._encoder.feed(piece):
                        with suppress(RuntimeError):  # the loop was closed
                            loop.call_soon_threadsafe(self._deliver, made)
            chunks = self._encoder.flush() if is_last else []
        except Exception as error:  # noqa: BLE001  told by the iteration
            fault = error
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._back, done, chunks, is_last, fault)

    def _deliver(self, chunks: list[Encoded]) -> None:
        if self._state is not _State.CLOSED:
            self._chunks.extend(chunks)
            self._news.set()

    def _back(
        self,
        done: int,
        chunks: list[Encoded],
        is_last: bool,  # noqa: FBT001  call_soon passes by position
        fault: Exception | None,
    ) -> None:
        self._is_away = False
        self._queued -= done
        self._room.set()
        if self._state is not _State.CLOSED:
            self._deliver(chunks)
            self._fault = fault
            if is_last or fault is not None:
                self._finish()
            elif self._queue or self._state is _State.ENDED:
                self._send_away()
        self._news.set()

    def _finish(self) -> None:
        self._state = _State.FINISHED
        self._queue.clear()
        self._queued = 0
        self._news.set()
        self._room.set()

    # The consumer's end.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Encoded:
        while not self._chunks:
            if self._state in (_State.FINISHED, _State.CLOSED):
                fault, self._fault = self._fault, None
                if fault is not None:
                    raise fault
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._chunks.popleft()

    async def aclose(self) -> None:
        """Drop everything and end the iteration, silently; waits for a stretch under way.

        Idempotent. Never needed for the interpreter to exit.
        """
        self._state = _State.CLOSED
        self._fault = None
        self._queue.clear()
        self._chunks.clear()
        self._news.set()
        self._room.set()
        while self._is_away:
            self._news.clear()
            await self._news.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
