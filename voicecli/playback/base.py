"""The sink contract.

A sink is used once, in this order::

    sink.start()                 # frames of sink.format follow
    sink.write(samples) ...      # blocks while full: backpressure reaches the socket
    sink.await_input()           # only between writes: more will come, but not yet
    sink.end_input()             # nothing follows: play what there is
    sink.drain(deadline)         # returns when the last frame has been heard
    sink.close()                 # releases the device; the report stays readable

- ``start``, ``write``, ``await_input`` and ``end_input`` belong to one thread, the producer.
- ``drain`` and ``close`` belong to one thread at a time; ``close`` without
  ``end_input`` aborts.
- ``abort``, ``position``, ``snapshot`` and ``report`` may be called from any thread.
  ``abort`` is idempotent, silences the device within one block, and lets blocked
  calls of ``write`` and ``drain`` return.
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
    from voicecli.clock import Deadline
    from voicecli.playback.levels import BufferLevels
    from voicecli.playback.policy import Gate


@dataclass(frozen=True, slots=True)
class Underrun:
    """One gap in the sound: its position in the audio, its length, and when it began."""

    at_s: float
    silence_s: float
    began_at: float | None = field(default=None, compare=False)


class SinkSnapshot(NamedTuple):
    """The state of a sink at one moment.

    ``buffered_s`` is all that has still to be heard, including the device's own
    buffer and a preroll that has not been played yet.
    """

    playing: bool
    rebuffering: bool
    buffered_s: float
    heard_s: float


class SinkReport(NamedTuple):
    """What a sink did; final once it was drained or aborted.

    ``first_sound_at`` and ``last_sound_at`` are clock seconds at which the
    first and the last frame left the device, None if none did. The buffer
    figures are taken between the first sound and the end of input, in seconds of
    audio that is not yet in the device's own buffer. ``arrived_at`` is when the
    first frame was written to the sink, ``released_at`` when it was handed to the
    device. ``underflows_at_s`` are positions in the audio. ``needed_s`` is the least
    delay of the start, after ``arrived_at``, that would have played without a gap.
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
    underflows_at_s: tuple[float, ...] = ()
    needed_s: float | None = None

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
        levels: BufferLevels,
        underflows_at_s: Sequence[float] = (),
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
            underflows_at_s=tuple(underflows_at_s),
            needed_s=gate.needed_s,
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
        """Let what is there play out; the next ``write`` may come much later."""

    def end_input(self) -> None:
        """End the input: a threshold that was not reached no longer holds the sound back."""

    def drain(self, deadline: Deadline) -> bool:
        """Wait until the last frame has been heard; False if the deadline came first."""

    def abort(self) -> None:
        """Stop the sound at once; any thread, idempotent."""

    def close(self) -> None:
        """Release the device; idempotent."""

    def position(self) -> int:
        """Return the frames heard so far, by the device's clock."""

    def snapshot(self) -> SinkSnapshot:
        """Return the state at this moment."""

    def report(self) -> SinkReport:
        """Report what was played so far."""
