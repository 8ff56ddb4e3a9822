"""An async stream decoder: push bytes from one task, iterate frames in another.

The consumer drives it. Bytes wait until ``__anext__`` needs a frame. Up to the first
frame they are decoded at once, on the event loop. From then on a batch at a time goes to
the thread pool that all streams share, until enough has been decoded ahead. Raw PCM and
WAV are so cheap that they stay on the loop.

Waking the consumer costs ten times as much as a push: if the producer pushes in every pass
of the loop, bytes gather for a millisecond, or until they are 256 KiB and a batch.

Everything here belongs to the loop's thread. While ``_is_away``, a task on the
executor has the `FrameDecoder` to itself; it reports by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, NamedTuple

from voicecli.streams.base import BufferFull, CodecStream, State, StreamClosed
from voicecli.streams.frame import AudioFrame
from voicecli.streams.framedecoder import VIEWS, FrameDecoder, slice_bytes
from voicecli.streams.scheduling import call_in, pass_budget, submit_batch, waiting_batches

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_QUEUED_BYTES = 8 << 20
MAX_AHEAD_S = 2.0
MAX_WAITING_BATCHES = 32  # of all streams; beyond that, streams decode on the loop

BATCH_SLICES, BATCH_S = 8, 0.004  # a batch ends with the slice that reaches either

SLOW_S, QUICK_S, MIN_SLICE_BYTES = 0.001, 0.000_25, 1 << 8
"""A slice slower than `SLOW_S` is halved, down to `MIN_SLICE_BYTES`; a quick one is doubled, up
to the codec's size. A few bytes can expand to 30,000 times as many samples."""

GATHER_S, GATHER_BYTES = 0.001, 1 << 18
_NEVER = 1 << 62


class _Decoded(NamedTuple):
    frames: list[AudioFrame]
    size: int  # bytes decoded
    undone: list[bytes]  # pieces left because time was up
    slice_s: float  # time that a piece took; if it costs much, CPU time
    is_last: bool  # the decoder was flushed as well


class AudioStreamDecoder(CodecStream[AudioFrame]):
    """Decodes a stream of any of the six formats as it arrives.

    ::

        async with AudioStreamDecoder(sample_rate=24_000, format="audio/ogg") as decoder:
            producer = asyncio.create_task(receive(decoder))  # push… end_input
            async for frame in decoder:
                await source.capture_frame(frame)

    A frame lasts a second at most. All methods belong to one event loop's thread;
    from another, use ``loop.call_soon_threadsafe(decoder.push, data)``.

    Iteration raises faults after every good frame, once: `CorruptStream` or
    `TruncatedStream` for damaged or incomplete audio, `UnsupportedFormat` or
    `BadResponse` for anything else. After `aclose` it just ends.

    Args:
        sample_rate: of the frames, in Hz; None keeps the stream's own.
        num_channels: of the frames; None keeps the stream's own.
        format: a media type, a name, or None to go by the bytes alone; see
            `voicecli.streams.framedecoder.FrameDecoder`, also for raw PCM.
        max_queued_bytes: bytes that may wait. A larger chunk is taken if none do.
        max_ahead_s: seconds of audio decoded ahead of the consumer, if a backlog is
            decoded on another thread; one batch more may be.

    Raises:
        UnsupportedFormat: ``format`` is a name, but not one of the six.
        ValueError: a rate or channel count below 1.
    """

    def __init__(
        self,
        *,
        sample_rate: int | None = 48_000,
        num_channels: int | None = 1,
        format: str | None = None,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        max_ahead_s: float = MAX_AHEAD_S,
    ) -> None:
        super().__init__()
        self._decoder = FrameDecoder(
            sample_rate=sample_rate, num_channels=num_channels, format=format
        )
        self._max_queued_bytes = max_queued_bytes
        self._max_ahead_s = max_ahead_s
        self._chunks: deque[bytes | memoryview] = deque()
        self.queued_bytes = 0
        """Bytes pushed and not decoded yet."""
        self._slice = slice_bytes(None)
        self._has_begun = False  # a frame has been made; the first is urgent
        self._wakes_at = _NEVER  # queued bytes at which a push wakes the consumer

    # The producer's end.

    def push(self, data: Buffer) -> None:
        """Queue bytes, cut anywhere; takes about a microsecond.

        After a fault was found, bytes are dropped: the iteration raises the fault.

        Raises:
            BufferFull: more than ``max_queued_bytes`` would wait; nothing was queued.
            StreamClosed: after `end_input` or `aclose`.
            RuntimeError: called outside the thread of the loop that iterates.
        """
        chunk = bytes(data)
        if self._state is not State.OPEN:
            if self._state is State.BROKEN:
                return
            raise StreamClosed("push() after end_input() or aclose()")
        queued = self.queued_bytes + len(chunk)
        if queued > self._max_queued_bytes and self.queued_bytes:
            raise BufferFull(
                f"{self.queued_bytes} bytes wait to be decoded, and {len(chunk)} more would "
                f"exceed {self._max_queued_bytes}: await push_async(), or iterate faster"
            )
        if queued >= self._wakes_at:
            self._wake_consumer()
        if chunk:
            self._chunks.append(chunk)
            self.queued_bytes = queued

    async def push_async(self, data: Buffer) -> None:
        """Queue bytes as `push` does, but wait for room. One producer at a time.

        Raises:
            StreamClosed: after `end_input` or `aclose`, or when closed meanwhile.
        """
        room = self._max_queued_bytes - memoryview(data).nbytes
        while self._state is State.OPEN and self.queued_bytes > max(0, room):
            await self._room.wait()
        self.push(data)

    def end_input(self) -> None:
        """Declare that all bytes were pushed. Idempotent."""
        if self._state is State.OPEN:
            self._turn_to(State.ENDED)

    def _drop(self) -> None:
        self._chunks.clear()
        self.queued_bytes = 0

    def _wake_consumer(self) -> None:
        """Wake the consumer; raise RuntimeError if it waits on another loop than this."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if self._news and loop is not self._loop:
            raise RuntimeError(
                "push() outside the thread of the event loop: "
                "use loop.call_soon_threadsafe(decoder.push, data)"
            )
        self._wakes_at = _NEVER
        self._news.wake()

    # The consumer's end.

    async def __anext__(self) -> AudioFrame:
        while not self._made:
            if self._state not in (State.OPEN, State.ENDED):
                self._raise_end()
            elif self._is_away:
                await self._news.wait()
            elif self._state is State.OPEN and not (self.queued_bytes or self._decoder.pending):
                await self._wait_for_bytes()
            elif not (self._is_movable() and self._decode_away()) and not self._decode_here():
                await asyncio.sleep(0)
        frame = self._made.popleft()
        self._decode_ahead()
        return frame

    async def _wait_for_bytes(self) -> None:
        """Wait for the next push; for a batch if the producer pushes in every pass."""
        self._loop = asyncio.get_running_loop()
        if self._has_begun:
            await asyncio.sleep(0)
        if self._state is not State.OPEN:
            return
        if not self.queued_bytes:
            self._wakes_at = 1
            await self._news.wait()
        elif self.queued_bytes < (enough_bytes := max(GATHER_BYTES, self._slice * BATCH_SLICES)):
            self._wakes_at = enough_bytes
            timer = self._loop.call_later(GATHER_S, self._news.wake)
            try:
                await self._news.wait()
            finally:
                timer.cancel()

    def _is_movable(self) -> bool:
        is_costly = self._has_begun and self._decoder.codec not in VIEWS
        return is_costly and len(waiting_batches) < MAX_WAITING_BATCHES

    def _decode_ahead(self) -> None:
        """Decode a backlog on another thread, but not too far ahead of the consumer."""
        has_backlog = self.queued_bytes > self._slice or self._decoder.pending
        if self._is_away or not has_backlog or not self._is_movable():
            return
        if sum(frame.duration for frame in self._made) < self._max_ahead_s:
            self._decode_away()

    # Decoding.

    def _decode_here(self) -> bool:
        """Decode a slice on the loop; return False if this pass has no time left."""
        if pass_budget.is_spent():
            return False
        if self._decoder.codec is None and self._chunks and self._chunks[0][:4] == b"RIFF":
            self._slice = slice_bytes("wav")  # WAV or nothing
        decoded = self._decode(*self._take(1))
        pass_budget.spend(decoded.slice_s)
        self._accept(decoded)
        return True

    def _decode_away(self) -> bool:
        """Have a batch decoded on another thread; return False if none can be started."""
        loop = self._loop = asyncio.get_running_loop()
        pieces, is_last = self._take(BATCH_SLICES)
        self._is_away = submit_batch(
            lambda: call_in(loop, self._come_back, self._decode(pieces, is_last))
        )
        while pieces and not self._is_away:  # emptied, as the executor keeps what failed
            self._chunks.appendleft(pieces.pop())
        return self._is_away

    def _come_back(self, decoded: _Decoded) -> None:
        self._is_away = False
        if self._state is not State.CLOSED:
            self._accept(decoded)
            self._decode_ahead()
        self._news.wake()

    def _take(self, slices: int) -> tuple[list[bytes], bool]:
        """Remove up to ``slices`` from the queue; also return whether they are the last."""
        pieces: list[bytes] = []
        while self._chunks and len(pieces) < slices:
            parts: list[bytes | memoryview] = []
            room = self._slice
            while self._chunks and room:
                chunk = self._chunks.popleft()
                if len(chunk) > room:
                    view = memoryview(chunk)
                    chunk = view[:room]
                    self._chunks.appendleft(view[room:])
                parts.append(chunk)
                room -= len(chunk)
            pieces.append(b"".join(parts))
        return pieces, self._state is State.ENDED and not self._chunks

    def _decode(self, pieces: list[bytes], is_last: bool) -> _Decoded:  # noqa: FBT001  as `_take` returns it
        """Decode pieces until all are done or `BATCH_S` has passed; on any thread."""
        decoder, waiting = self._decoder, deque(pieces)
        clock = perf_counter if decoder.codec in (None, *VIEWS) else thread_time
        began, spent_s = clock(), 0.0
        frames: list[AudioFrame] = []
        while (waiting or decoder.pending) and spent_s < BATCH_S:
            frames += decoder.feed(b"" if decoder.pending else waiting.popleft())
            spent_s = clock() - began
        is_last = is_last and not (waiting or decoder.pending)
        if is_last:
            frames += decoder.flush()
            spent_s = clock() - began
        done = len(pieces) - len(waiting)
        size = sum(map(len, pieces[:done]))
        return _Decoded(frames, size, pieces[done:], spent_s / max(1, done), is_last)

    def _accept(self, decoded: _Decoded) -> None:
        """Take over what was decoded; on the loop's thread."""
        self._chunks.extendleft(reversed(decoded.undone))
        self.queued_bytes -= decoded.size
        self._made += decoded.frames
        if not self._has_begun:  # the time includes the set-up of the decoder
            self._has_begun = bool(decoded.frames)
            self._slice = slice_bytes(self._decoder.codec)
        elif decoded.slice_s > SLOW_S:
            self._slice = max(self._slice // 2, MIN_SLICE_BYTES)
        elif decoded.slice_s < QUICK_S:
            self._slice = min(self._slice * 2, slice_bytes(self._decoder.codec))
        if self._decoder.fault is not None:
            self._break(self._decoder.fault)
        elif decoded.is_last:
            self._turn_to(State.FINISHED)
        else:
            self._room.wake()
