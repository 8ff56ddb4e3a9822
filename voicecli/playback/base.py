"""The sink contract: what plays samples, can be controlled, and reports what was heard when.

A sink is used once, in this order::

    sink.start()                 # frames of sink.format follow
    sink.write(samples) ...      # blocks while full: backpressure reaches the socket
    sink.await_input()           # only between writes: more will come, but not yet
    sink.end_input()             # nothing follows: play what there is
    sink.drain()                 # returns when the last frame has been heard
    sink.close()                 # releases the device; the report stays readable

- ``start``, ``write``, ``await_input`` and ``end_input`` belong to one thread, the producer.
- ``drain`` and ``close`` belong to one thread at a time; ``close`` without
  ``end_input`` aborts.
- ``pause``, ``resume``, ``flush``, ``seek``, ``abort``, ``position``, ``snapshot`` and
  ``report`` may be called from any thread.
- ``abort`` is idempotent, silences the device within one block, and lets blocked
  calls of ``write`` and ``drain`` return.
- ``pause`` silences the sink within one block; what the device has taken by then, 50 ms, is
  still heard. No frame is lost and none repeated, however long it lasts. A pause is not an
  underrun, and its time does not count against the device. A sink may be paused before its
  first frame.
- ``flush`` and ``seek`` continue at another position without a pause. Frames that they leave
  out are not heard, and silence until the next ``write`` is not an underrun.
- Sound starts when the policy's thresholds allow it, or when the input ends.
- Frames before the first sound and after the end of input are never underruns. Silence that
  begins between ``await_input`` and the next ``write`` is a text wait, not an underrun.
- If the device fails, ``start``, ``write``, ``end_input`` or ``drain`` raises `DeviceError`.

A frame is one sample of every channel. Positions and lengths are in frames of
``format``, which is what the device takes; times are seconds on the injected clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.audio.pcm import AudioFormat, Samples
    from voicecli.playback.gate import Gate
    from voicecli.playback.levels import BufferLevels


@dataclass(frozen=True, slots=True)
class Underrun:
    """One silence in the sound: its position in the audio, its length, and when it began.

    ``is_device``: the audio was there, but the device or the process did not run.
    """

    at_s: float
    silence_s: float
    began_at: float | None = field(default=None, compare=False)
    is_device: bool = field(default=False, compare=False)


class SinkSnapshot(NamedTuple):
    """The state of a sink at one moment.

    ``buffered_s`` is all that has still to be heard, including the device's own
    buffer and a preroll that has not been played yet. ``heard_s`` is the position in what
    was written. A sink that is ``paused`` may be so before its first sound. ``next_s`` is
    where a `Sink.seek` or `Sink.flush` goes on that is not heard yet; sound before ``kept_s``
    cannot be heard again.
    """

    playing: bool
    rebuffering: bool
    buffered_s: float
    heard_s: float
    paused: bool = False
    next_s: float | None = None
    kept_s: float = 0.0


class SinkReport(NamedTuple):
    """What a sink did; final once it was drained or aborted.

    ``first_sound_at`` and ``last_sound_at`` are clock seconds at which the
    first and the last frame left the device, None if none did. The buffer
    figures are taken between the first sound and the end of input, in seconds of
    audio that is not yet in the device's own buffer. ``arrived_at`` is when the
    first frame was written to the sink, ``released_at`` when it was handed to the
    device. ``needed_s`` is the least delay of the start, after ``arrived_at``, that
    would have played without a gap; negative if all came early. ``text_waits`` and
    ``pauses`` are silences that are not underruns. ``heard_frames`` counts a frame that was
    heard twice as two.
    """

    first_sound_at: float | None = None
    last_sound_at: float | None = None
    heard_frames: int = 0
    underruns: tuple[Underrun, ...] = ()
    text_waits: tuple[Underrun, ...] = ()
    start_buffered_s: float | None = None
    min_buffered_s: float | None = None
    mean_buffered_s: float | None = None
    arrived_at: float | None = None
    released_at: float | None = None
    needed_s: float | None = None
    pauses: tuple[Underrun, ...] = ()

    @classmethod
    def until(  # noqa: PLR0913  one report
        cls,
        now: float,
        *,
        heard_frames: int,
        first_sound_at: float | None,
        ends_at: float | None,
        underruns: Sequence[Underrun],
        text_waits: Sequence[Underrun] = (),
        pauses: Sequence[Underrun] = (),
        levels: BufferLevels,
        gate: Gate,
    ) -> SinkReport:
        """Make the report as of ``now``, without sound that comes later.

        ``ends_at`` is when the last frame handed to the device will have been heard.
        """
        if not heard_frames:
            first_sound_at = ends_at = None
        return cls(
            first_sound_at=first_sound_at,
            last_sound_at=None if ends_at is None else min(ends_at, now),
            heard_frames=heard_frames,
            underruns=tuple(underruns),
            text_waits=tuple(text_waits),
            start_buffered_s=levels.first_s,
            min_buffered_s=levels.least_s,
            mean_buffered_s=levels.mean_s,
            arrived_at=gate.first_at,
            released_at=gate.released_at,
            needed_s=gate.needed_s,
            pauses=tuple(pauses),
        )


class Sink(Protocol):
    """Plays samples; the module describes the whole contract."""

    @property
    def format(self) -> AudioFormat:
        """The format that ``write`` takes."""

    def start(self) -> None:
        """Prepare for frames."""

    def write(self, samples: Samples) -> None:
        """Queue frames of shape (frames, channels); blocks while the buffer is full."""

    def await_input(self) -> None:
        """Play what is buffered to its end; the next ``write`` may come much later."""

    def end_input(self) -> None:
        """End the input: a threshold that was not reached no longer holds the sound back."""

    def drain(self) -> None:
        """Wait until the last frame has been heard, or the sink was aborted.

        Raises:
            DeviceError: the device failed, or stood still for five seconds while not paused.
        """

    def pause(self) -> None:
        """Fall silent within one block, and keep everything; any thread, idempotent."""

    def resume(self) -> None:
        """Continue where `pause` stopped; any thread, idempotent."""

    def flush(self) -> None:
        """Drop what was written and not yet taken by the device; any thread.

        A `write` that waits returns, and its rest is dropped too.
        """

    def seek(self, position: int) -> bool:
        """Continue at this frame of what is written, or will be; any thread.

        What is written before it is not heard. Returns False if it is no longer kept, or the
        input has ended before it.
        """

    def set_gain(self, factor: float) -> None:
        """Multiply what is heard from the next block on; any thread."""

    def abort(self) -> None:
        """Stop the sound at once; any thread, idempotent."""

    def close(self) -> None:
        """Release the device; idempotent."""

    def position(self) -> int:
        """Return the position heard now, in frames of what was written, by the device's clock."""

    def snapshot(self) -> SinkSnapshot:
        """Return the state at this moment."""

    def report(self) -> SinkReport:
        """Report what was played so far."""
