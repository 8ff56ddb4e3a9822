"""An async stream encoder: push frames, iterate the bytes of a valid file.

`push` only queues: encoding 60 ms of Opus takes half a millisecond, more than a
loop with two hundred streams can spare. After the callback that pushed, the queue
goes to the threads that all streams share, a batch at a time. Chunks come back as
they are made, so the first page leaves at once.

Everything here belongs to the loop's thread. While ``_is_away``, a task on the
executor has the pure encoder to itself; it reports by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import TYPE_CHECKING

from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.streams.base import BufferFull, CodecStream, State, StreamClosed
from voicecli.streams.frame import as_frame, take
from voicecli.streams.scheduling import call_in, shared_executor

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio.pcm import Samples
    from voicecli.streams.frame import FrameLike

MAX_QUEUED_S = 10.0

_SLICE_S = 0.06
"""Audio encoded in one call; its chunks are reported after it."""

_BATCH_S = 0.24
"""Audio encoded before a thread turns to other streams: a few milliseconds of work."""


class AudioStreamEncoder(CodecStream[Encoded]):
    """Encodes a stream of frames to opus, mp3, pcm, wav, aac or flac.

    ::

        async with AudioStreamEncoder("opus", 24_000, 1) as encoder:
            producer = asyncio.create_task(listen(encoder))  # push… flush
            async for chunk in encoder:
                await socket.send(chunk.data)

    Iteration gives `voicecli.codecs.encoding.Encoded` chunks: ``data``, together one
    valid file with its headers in the first chunk, and ``frames``, the samples per
    channel that it encodes. It ends after `flush` or `aclose`. A failure of the codec
    is raised after the good chunks, once. All methods belong to one event loop's thread.

    Args:
        format: the name of one of the six formats.
        sample_rate: of the frames pushed, in Hz.
        num_channels: of the frames pushed.
        bitrate: in bit/s; None for a sensible one for speech.
        page_ms: length of an Ogg page after the first; None for 100.
        threaded: False encodes within `push`, on the loop.
        max_queued_s: seconds of audio that may wait to be encoded or, as chunks, to
            be iterated. A frame of any length is taken if nothing else waits.

    Raises:
        UnsupportedFormat: no such format, or not on this machine.
        ConfigError: a setting that the format does not have.
    """

    def __init__(
        self,
        format: str,
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
            format, sample_rate, num_channels, bitrate_bps=bitrate, page_ms=page_ms
        )
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._threaded = threaded
        self._max_waiting = round(max_queued_s * sample_rate)
        self._slice = max(1, round(_SLICE_S * sample_rate))
        self._batch = max(1, round(_BATCH_S * sample_rate)) if threaded else sys.maxsize
        self._queue: deque[Samples] = deque()
        self._queued = 0  # samples per channel to be encoded, those of a batch away included
        self._is_flushed = False
        self._unread = 0  # samples per channel in the chunks made

    @property
    def queued_duration(self) -> float:
        """Seconds of audio that wait to be encoded."""
        return self._queued / self._sample_rate

    # The producer's end.

    def push(self, frame: FrameLike) -> None:
        """Queue a frame of any length; its memory must not be written to afterwards.

        After a fault was found, frames are dropped: the iteration raises the fault.

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
            waiting_s = (self._queued + self._unread) / self._sample_rate
            raise BufferFull(
                f"{waiting_s:.1f} s of audio wait to be encoded or iterated: "
                "await push_async(), or iterate faster"
            )
        samples = as_frame(frame).to_numpy()
        if self._threaded:
            self._encode_away_soon()
        self._queue.append(samples)
        self._queued += len(samples)
        if not self._threaded:
            self._encode(*self._take())

    async def push_async(self, frame: FrameLike) -> None:
        """Queue a frame as `push` does, but wait for room. One producer at a time.

        Raises as `push`, and `StreamClosed` also when closed meanwhile.
        """
        while self._state is State.OPEN and not self._has_room(frame.samples_per_channel):
            await self._room.wait()
        self.push(frame)

    def _has_room(self, frames: int) -> bool:
        waiting = self._queued + self._unread
        return not waiting or waiting + frames <= self._max_waiting

    def flush(self) -> None:
        """Declare that all frames were pushed; the rest of the file follows. Idempotent.

        Raises:
            RuntimeError: no event loop runs, and ``threaded``.
        """
        if self._state is not State.OPEN:
            return
        if self._threaded:
            self._encode_away_soon()
        self._state = State.ENDED
        if not self._threaded:
            self._encode(*self._take())

    end_input = flush

    def _drop(self) -> None:
        self._queue.clear()
        self._queued = 0

    # The consumer's end.

    async def __anext__(self) -> Encoded:
        while not self._made:
            if self._state not in (State.OPEN, State.ENDED):
                self._raise_end()
            await self._news.wait()
        chunk = self._made.popleft()
        self._unread -= chunk.frames
        self._room.wake()
        return chunk

    # Encoding, on the executor or here.

    def _encode_away_soon(self) -> None:
        """Encode after this callback: waking a thread costs more than the rest of `push`."""
        loop = asyncio.get_running_loop()  # raises on another thread, also while away
        if not self._is_away:
            loop.call_soon(self._encode_away)
            self._is_away, self._loop = True, loop

    def _encode_away(self) -> None:
        if self._state is State.CLOSED:
            self._is_away = False
            self._news.wake()
            return
        try:
            shared_executor().submit(self._encode, *self._take())
        except RuntimeError as fault:  # the system has no more threads
            self._is_away = False
            self._break(fault)

    def _take(self) -> tuple[list[Samples], bool]:
        """Remove the next batch from the queue; also return whether the end follows it."""
        pieces = take(self._queue, self._batch)
        return pieces, self._state is State.ENDED and not self._queue

    def _encode(self, pieces: list[Samples], is_last: bool) -> None:  # noqa: FBT001  submit passes by position
        """Encode a batch, on any thread, which has the pure encoder to itself.

        The chunks of a slice are reported when the next slice begins, and the last
        ones together with the end, to wake the loop as seldom as possible.
        """
        made: list[Encoded] = []
        done, fault = 0, None
        try:
            for samples in pieces:
                for start in range(0, samples.shape[0], self._slice):
                    if made:
                        self._report(self._accept, done, made)
                        done = 0
                    piece = samples[start : start + self._slice]
                    made = self._encoder.feed(piece)
                    done += piece.shape[0]
            if is_last:
                made = made + self._encoder.flush()
                self._is_flushed = True
        except Exception as error:  # noqa: BLE001  raised by the iteration
            fault = error
        self._report(self._come_back, done, made, fault)

    def _report(self, callback: Callable[..., None], *args: object) -> None:
        if self._threaded:
            assert self._loop is not None, "a task is away"
            call_in(self._loop, callback, *args)
        else:
            callback(*args)

    def _accept(self, frames: int, chunks: list[Encoded]) -> None:
        """Take over the chunks made of ``frames`` samples per channel."""
        if self._state is not State.CLOSED:
            self._queued -= frames
            self._made.extend(chunks)
            self._unread += sum(chunk.frames for chunk in chunks)
            self._room.wake()
        self._news.wake()

    def _come_back(self, frames: int, chunks: list[Encoded], fault: Exception | None) -> None:
        """Take over the last chunks of a batch, and continue with the next batch."""
        self._is_away = False
        self._accept(frames, chunks)
        if self._state is State.CLOSED:
            return
        if fault is not None:
            self._break(fault)
        elif self._is_flushed:
            self._turn_to(State.FINISHED)
        elif self._queue or self._state is State.ENDED:
            self._is_away = True
            self._encode_away()
