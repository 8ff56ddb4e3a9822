"""An async stream encoder: push frames, iterate the bytes of a legal file.

`push` only queues, whatever the frame's length: encoding 60 ms of Opus takes
half a millisecond, which a loop with two hundred streams does not have. When
the callback that pushed is over, what it left goes to the threads that all
streams share, a stretch at a time, and chunks come back as they are made, so
that the first page leaves at once. While a stretch is away nothing is handed
over, only queued.

Everything here belongs to the loop's thread. A task on the executor has the
pure encoder to itself while ``_is_away`` and reports by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.streams.base import Stage, State
from voicecli.streams.buffer import BufferFull, StreamClosed
from voicecli.streams.executor import shared_executor
from voicecli.streams.frame import as_frame
from voicecli.streams.framequeue import FrameQueue

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from voicecli.audio.pcm import Samples
    from voicecli.streams.frame import FrameLike

MAX_QUEUED_S = 10.0

_SLICE_S = 0.06
"""Audio encoded in one call: chunks are reported after each."""

_TASK_S = 0.24
"""Audio encoded before a thread looks for other streams' work: some milliseconds of it."""


class AudioStreamEncoder(Stage[Encoded]):
    """Encodes a stream of frames to opus, mp3, pcm, wav, aac or flac.

    ::

        async with AudioStreamEncoder("opus", 24_000, 1) as encoder:
            producer = asyncio.create_task(listen(encoder))  # push… flush
            async for chunk in encoder:
                await socket.send(chunk.data)

    Iteration gives `voicecli.codecs.encoding.Encoded` chunks: ``data``, whose
    concatenation is one legal file with its headers in the first chunk, and
    ``frames``, how many samples per channel each stands for. It ends after
    `flush` with the last chunk, and silently after `aclose`. What the codec
    itself fails with is raised after the chunks that were good, once.

    All methods belong to one event loop's thread.

    Args:
        codec: the name of one of the six formats.
        sample_rate: of the frames pushed, in Hz.
        num_channels: of the frames pushed.
        bitrate: in bit/s; None for a sensible one for speech.
        page_ms: length of an Ogg page after the first; None for 100.
        threaded: False encodes within `push`, on the loop.
        max_queued_s: seconds of audio that may wait, to be encoded or, as
            chunks, to be iterated. A frame of any length is taken when nothing
            else waits.

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
        super().__init__()
        self._encoder = make_encoder(
            codec, sample_rate, num_channels, bitrate_bps=bitrate, page_ms=page_ms
        )
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._threaded = threaded
        self._max_waiting = round(max_queued_s * sample_rate)
        self._slice = max(1, round(_SLICE_S * sample_rate))
        stretch = max(1, round(_TASK_S * sample_rate)) if threaded else sys.maxsize
        self._queue = FrameQueue(stretch)
        self._unread = 0  # frames that the chunks made stand for

    @property
    def queued_duration(self) -> float:
        """Seconds of audio that wait to be encoded."""
        return self._queue.size / self._sample_rate

    # The producer's end.

    def push(self, frame: FrameLike) -> None:
        """Queue a frame of any length; its memory must not be written to afterwards.

        What is pushed after a fault was found is dropped: the iteration tells it.

        Raises:
            ValueError: the frame has another rate or other channels.
            BufferFull: more than ``max_queued_s`` would wait; nothing was queued.
            StreamClosed: after `flush` or `aclose`.
            RuntimeError: no event loop runs on this thread, and ``threaded``; nothing
                was queued.
        """
        if (frame.sample_rate, frame.num_channels) != (self._sample_rate, self._num_channels):
            raise ValueError(
                f"the encoder takes {self._sample_rate} Hz, {self._num_channels} channels; "
                f"the frame has {frame.sample_rate} Hz, {frame.num_channels}"
            )
        if self._state is not State.OPEN:
            if self._state is State.BROKEN:
                return
            raise StreamClosed("push() after flush() or aclose()")
        if not self._has_room(frame.samples_per_channel):
            raise BufferFull(
                f"{self._waiting / self._sample_rate:.1f} s of audio wait to be encoded or "
                "iterated: await push_async(), or iterate faster"
            )
        own = as_frame(frame)
        if self._threaded:
            self._send_away_soon()
        self._queue.add(own)
        if not self._threaded:
            self._encode(*self._take(), _call)

    async def push_async(self, frame: FrameLike) -> None:
        """Queue a frame as `push` does, waiting until there is room. One producer at a time.

        Raises:
            ValueError: as `push`.
            StreamClosed: as `push`, or when closed meanwhile.
        """
        while self._state is State.OPEN and not self._has_room(frame.samples_per_channel):
            await self._room.wait()
        self.push(frame)

    @property
    def _waiting(self) -> int:
        return self._queue.size + self._unread

    def _has_room(self, frames: int) -> bool:
        waiting = self._waiting
        return not waiting or waiting + frames <= self._max_waiting

    def flush(self) -> None:
        """Say that all frames were pushed; the rest of the file follows. Idempotent.

        Raises:
            RuntimeError: no event loop runs, and ``threaded``.
        """
        if self._state is not State.OPEN:
            return
        if self._threaded:
            self._send_away_soon()
        self._state = State.ENDED
        if not self._threaded:
            self._encode(*self._take(), _call)

    end_input = flush

    def _drop(self) -> None:
        self._queue.clear()

    # The consumer's end.

    async def __anext__(self) -> Encoded:
        while not self._made:
            if self._is_over:
                self._raise_end()
            await self._news.wait()
        chunk = self._made.popleft()
        self._unread -= chunk.frames
        self._room.wake()
        return chunk

    # Encoding, on the executor or here.

    def _send_away_soon(self) -> None:
        """When this callback is over: waking a thread takes longer than all else in `push`."""
        loop = asyncio.get_running_loop()  # asked for always: from another thread it raises
        if not self._is_away:
            loop.call_soon(self._send_away)
            self._is_away, self._home = True, loop

    def _send_away(self) -> None:
        if self._state is State.CLOSED:
            self._is_away = False
            self._news.wake()
            return
        tell = partial(_call_in, asyncio.get_running_loop())
        try:
            shared_executor().submit(self._encode, *self._take(), tell)
        except RuntimeError as fault:  # no thread is to be had; this is nobody's call to raise from
            self._is_away = False
            self._break(fault)

    def _take(self) -> tuple[list[Samples], bool]:
        """The next stretch, and whether the end follows it."""
        return self._queue.take(), self._state is State.ENDED and self._queue.is_empty

    def _encode(self, pieces: list[Samples], is_last: bool, tell: _Tell) -> None:  # noqa: FBT001  submit passes by position
        """Encode a stretch; on any thread, which has the pure encoder to itself.

        What a slice made is told when the next one begins, and what the last one
        made together with the end: the loop is woken as seldom as can be.
        """
        made: list[Encoded] = []
        done, fault = 0, None
        try:
            for samples in pieces:
                for start in range(0, samples.shape[0], self._slice):
                    if made:
                        tell(self._accept, done, made)
                        done = 0
                    piece = samples[start : start + self._slice]
                    made = self._encoder.feed(piece)
                    done += piece.shape[0]
            if is_last:
                made = made + self._encoder.flush()
        except Exception as error:  # noqa: BLE001  raised by the iteration
            fault = error
        tell(self._back, done, made, is_last, fault)

    def _accept(self, frames: int, chunks: list[Encoded]) -> None:
        """Take over what ``frames`` more, fed to the codec, became."""
        if self._state is not State.CLOSED:
            self._queue.settle(frames)
            self._made.extend(chunks)
            self._unread += sum(chunk.frames for chunk in chunks)
            self._room.wake()
        self._news.wake()

    def _back(
        self,
        frames: int,
        chunks: list[Encoded],
        is_last: bool,  # noqa: FBT001  call_soon passes by position
        fault: Exception | None,
    ) -> None:
        """Take over the last of a stretch, and go on with the next."""
        self._is_away = False
        self._accept(frames, chunks)
        if self._state is State.CLOSED:
            return
        if fault is not None:
            self._break(fault)
        elif is_last:
            self._turn_to(State.FINISHED)
        elif not self._queue.is_empty or self._state is State.ENDED:
            self._is_away = True
            self._send_away()


_Tell: TypeAlias = "Callable[..., None]"


def _call(callback: Callable[..., None], *args: object) -> None:
    callback(*args)


def _call_in(loop: AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    with suppress(RuntimeError):  # the loop was closed, and with it whoever waited
        loop.call_soon_threadsafe(callback, *args)
