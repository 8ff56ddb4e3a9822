"""An async stream decoder: push bytes, iterate frames, nothing in between to look after.

The consumer drives it. Bytes wait until ``__anext__`` asks for a frame, then a
small slice of them is decoded on the spot, on the event loop, or, where more
waits than takes a moment, on a thread shared by all streams, ahead of the
consumer as far as a bound. So a stream at the pace of speech never leaves the
loop, a file pushed whole does not stall it, and a producer that outruns the
consumer meets a bound. Of one that pushes in each pass of the loop, bytes gather
for a millisecond at most (`voicecli.streams.doorbell`).

Everything here belongs to the loop's thread. A task on the executor has the
`FrameDecoder` to itself while ``_is_away``, touches nothing else, and reports by
``call_soon_threadsafe``: there is no lock, and a stream's decoding is never
concurrent with itself.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

from voicecli.streams.backlog import JOINED_BYTES, Backlog, Turn
from voicecli.streams.base import Stage, State
from voicecli.streams.buffer import BufferFull, StreamClosed
from voicecli.streams.doorbell import Doorbell
from voicecli.streams.executor import pass_budget, shared_executor
from voicecli.streams.frame import AudioFrame
from voicecli.streams.framedecoder import FrameDecoder
from voicecli.streams.ration import MOST_TURN_BYTES, TASK_S, TURN_S, Ration

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from voicecli.streams.executor import PassBudget

# An enumeration's member takes longer to look up than a queue to add to.
_OPEN, _ENDED = State.OPEN, State.ENDED

MAX_QUEUED_BYTES = 8 << 20
MAX_AHEAD_S = 2.0


class AudioStreamDecoder(Stage[AudioFrame]):
    """Decodes a stream of any of the six formats as it arrives.

    ::

        async with AudioStreamDecoder(sample_rate=24_000, format="audio/ogg") as decoder:
            producer = asyncio.create_task(receive(decoder))  # push… end_input
            async for frame in decoder:
                await source.capture_frame(frame)

    A frame lasts a second at most. All methods belong to one event loop's thread;
    from another, use ``loop.call_soon_threadsafe(decoder.push, data)``.

    Iteration ends after the last frame, or raises, after every frame that was
    good: `CorruptStream` or `TruncatedStream` where the bytes are damaged or end
    too early, `UnsupportedFormat` or `BadResponse` where they are no such audio,
    or none. After a deliberate `aclose` it just ends. A fault is raised once.

    Args:
        sample_rate: of the frames, in Hz; None keeps the stream's own.
        num_channels: of the frames; None keeps the stream's own.
        format: a media type, a name, or None to go by the bytes alone; see
            `voicecli.streams.framedecoder.FrameDecoder`, which also tells about pcm.
        max_queued_bytes: bytes that may wait to be decoded. One chunk that is
            larger is taken when nothing else waits.
        max_ahead_s: seconds of audio decoded before they are asked for, where a
            backlog is decoded on another thread; one slice more may be.

    Raises:
        UnsupportedFormat: ``format`` is a name that is none of the six.
        ValueError: a rate or channels below 1.
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
        self._most_flood_bytes = max(1, max_queued_bytes // 2)
        self._max_ahead_s = max_ahead_s
        self._ration = Ration()
        self._budget: PassBudget | None = None
        with suppress(RuntimeError):  # made where no loop runs yet
            self._budget = pass_budget(asyncio.get_running_loop())
        self._backlog = Backlog()
        self._ahead_s = 0.0
        self._has_begun = False  # a frame has been made
        self._bell = Doorbell(self._backlog, self._news)

    @property
    def queued_bytes(self) -> int:
        """Bytes pushed and not decoded yet."""
        return self._backlog.size

    # The producer's end.

    def push(self, data: Buffer) -> None:
        """Queue bytes, cut anywhere; takes a microsecond whatever their number.

        What is pushed after a fault was found is dropped: the iteration tells it.

        Raises:
            BufferFull: more than ``max_queued_bytes`` would wait; nothing was queued.
            StreamClosed: after `end_input` or `aclose`.
            RuntimeError: on another thread than that of the loop on which it is iterated.
        """
        chunk = data if type(data) is bytes else bytes(data)
        if self._state is not _OPEN:
            if self._state is State.BROKEN:
                return
            raise StreamClosed("push() after end_input() or aclose()")
        backlog = self._backlog
        size = backlog.size + len(chunk)
        if size > self._max_queued_bytes and backlog.size:
            with suppress(RuntimeError):  # no loop runs yet, so nobody waits
                self._bell.ring()  # however little there is, no more can come
            raise BufferFull(
                f"{backlog.size} bytes wait to be decoded, and {len(chunk)} more would "
                f"pass {self._max_queued_bytes}: await push_async(), or iterate faster"
            )
        if size >= self._bell.rings_at:
            try:
                self._bell.ring()
            except RuntimeError:
                raise RuntimeError(
                    "push() on another thread than the event loop's: "
                    "use loop.call_soon_threadsafe(decoder.push, data)"
                ) from None
        if chunk:  # as `Backlog.add` does; a call more would cost a third of all this
            backlog.chunks.append(chunk)
            backlog.size = size

    async def push_async(self, data: Buffer) -> None:
        """Queue bytes as `push` does, waiting until there is room. One producer at a time.

        Raises:
            StreamClosed: after `end_input` or `aclose`, or when closed meanwhile.
        """
        size = memoryview(data).nbytes
        while self._state is State.OPEN and not self._has_room(size):
            self._bell.ring()
            await self._room.wait()
        self.push(data)

    def _has_room(self, size: int) -> bool:
        waiting = self._backlog.size
        return not waiting or waiting + size <= self._max_queued_bytes

    def end_input(self) -> None:
        """Say that all bytes were pushed. Idempotent."""
        if self._state is State.OPEN:
            self._turn_to(State.ENDED)

    def _drop(self) -> None:
        self._backlog.clear()

    # The consumer's end.

    async def __anext__(self) -> AudioFrame:
        while not self._made:
            if self._is_over:
                self._raise_end()
            elif self._is_away:
                await self._news.wait()
            elif self._backlog.size >= self._bell.wanted or self._state is _ENDED:
                if not self._decode_some():
                    await asyncio.sleep(0)
            else:
                # The first frame waits for no more than there is.
                much = min(self._ration.flood_bytes, self._most_flood_bytes)
                if self._backlog.is_fine and much > JOINED_BYTES:
                    much = JOINED_BYTES
                await self._bell.wait(much if self._has_begun else 1)
        frame = self._made.popleft()
        if not self._ration.is_threadless:
            self._ahead_s -= frame.duration
            self._decode_ahead()
        return frame

    def _decode_some(self) -> bool:
        """Decode a slice here if that is all, or has to be; else send one to the executor.

        False where this pass of the loop has no time left for it.
        """
        ration, backlog = self._ration, self._backlog
        if not ration.is_threadless and self._has_backlog():
            self._send_away()
            return True
        budget = self._budget
        if budget is None:
            budget = self._budget = pass_budget(asyncio.get_running_loop())
        if budget.left_s <= 0:
            # Of this loop: a stream made on one that was closed would wait for ever.
            self._budget = pass_budget(asyncio.get_running_loop())
            return False
        size = ration.turn_bytes
        if ration.codec is None and backlog.chunks and backlog.chunks[0].startswith(b"RIFF"):
            size = MOST_TURN_BYTES  # it is WAV or nothing
        turn = backlog.take(size, ration.piece_bytes, ended=self._state is _ENDED)
        # What costs something tells the ration how much. By the clock on the wall, whoever
        # was kept waiting by others once would pass for dear ever after, and be sent away.
        is_costly = ration.codec is not None and not ration.is_relaxed
        frames = turn.run(self._decoder, TURN_S, thread_time if is_costly else perf_counter)
        budget.spend(turn.spent_s)
        self._accept(turn, frames)
        return True

    def _has_backlog(self) -> bool:
        """Whether more waits than is decoded on the loop at a time.

        The very first frame is made on the spot whatever waits: a task that
        makes much tells of it at its end only.
        """
        ration = self._ration
        if ration.is_threadless or not self._has_begun:
            return False
        return self._backlog.size > ration.turn_bytes

    def _accept(self, turn: Turn, frames: list[AudioFrame]) -> None:
        """Take over what a turn made of its pieces; on the loop's thread."""
        ration, decoder = self._ration, self._decoder
        self._backlog.settle(turn)
        if decoder.codec is None or not decoder.is_plain or turn.spent_s > TURN_S:
            ration.learn(turn.size, turn.spent_s, decoder.codec)
        elif not ration.is_relaxed:
            ration.relax(turn.size, turn.spent_s, decoder.codec)
        if frames:
            self._made += frames
            self._has_begun = True
            if not ration.is_threadless:
                self._ahead_s += sum(frame.duration for frame in frames)
        if decoder.fault is not None:
            self._break(decoder.fault)
        elif turn.flushed:
            self._turn_to(State.FINISHED)
        elif self._room.waiting:
            self._room.wake()

    # Decoding on the executor.

    def _decode_ahead(self) -> None:
        if self._is_away or self._ahead_s >= self._max_ahead_s:
            return
        if not self._is_over and self._has_backlog():
            self._send_away()

    def _send_away(self) -> None:
        ration = self._ration
        ended = self._state is State.ENDED
        turn = self._backlog.take(ration.task_bytes, ration.piece_bytes, ended=ended)
        self._home = asyncio.get_running_loop()
        shared_executor().submit(self._decode_away, turn, self._home)
        self._is_away = True

    def _decode_away(self, turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
        """On an executor's thread, which has the `FrameDecoder` and the turn to itself."""
        frames = turn.run(self._decoder, TASK_S, thread_time)
        with suppress(RuntimeError):  # the loop was closed, and with it whoever waited
            loop.call_soon_threadsafe(self._back, turn, frames)

    def _back(self, turn: Turn, frames: list[AudioFrame]) -> None:
        self._is_away = False
        if self._state is not State.CLOSED:
            self._accept(turn, frames)
            self._decode_ahead()
        self._news.wake()
