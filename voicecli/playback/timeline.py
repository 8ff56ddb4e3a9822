"""The timeline of a stream that a device plays steadily; pure.

Audio handed over in pieces plays without a gap as long as each piece is handed
over before the one before it has ended. So everything about a written stream
follows from when its pieces were handed over.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from voicecli.playback.base import SinkReport, Underrun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.playback.levels import BufferLevels
    from voicecli.playback.policy import Gate


class Timeline:
    """Books pieces of audio against the clock; times in seconds, lengths in frames.

    A piece is heard ``delay_s`` after it was handed over, or after the piece
    before it, whichever is later. Not locked.
    """

    def __init__(self, rate_hz: int, *, delay_s: float = 0.0) -> None:
        self._rate_hz = rate_hz
        self._delay_s = delay_s
        self._frames = 0
        self._ends_at = -inf
        # Frames before each gap, and when it begins. Several may still be to come, because
        # sound is late by the delay. Of those that are over, only the last one counts.
        self._gaps: list[tuple[int, float]] = []
        self._heard_at_least = 0
        self.first_sound_at: float | None = None
        self.underruns: list[Underrun] = []
        self.text_waits: list[Underrun] = []

    @property
    def ends_at(self) -> float | None:
        """When the last frame so far will have been heard; None before the first."""
        return None if self.first_sound_at is None else self._ends_at

    @property
    def starved_at(self) -> float | None:
        """The time after which a piece comes too late to avoid a gap; None before the first."""
        return None if self.first_sound_at is None else self._ends_at - self._delay_s

    def push_silence(self, frames: int, now: float) -> None:
        """Book silence before the first frame: it takes time but does not count as audio."""
        self._ends_at = max(now + self._delay_s, self._ends_at) + frames / self._rate_hz

    def push(self, frames: int, now: float, *, is_awaited: bool = False) -> None:
        """Book ``frames`` handed over at ``now``; a gap before them becomes an underrun.

        With ``is_awaited`` it becomes a text wait instead. A device cannot be silent for
        less than a frame, so half of one is not a gap.
        """
        heard_at = max(now + self._delay_s, self._ends_at)
        if self.first_sound_at is None:
            self.first_sound_at = heard_at
        elif heard_at - self._ends_at > 0.5 / self._rate_hz:
            at_s, silence_s = self._frames / self._rate_hz, heard_at - self._ends_at
            gaps = self.text_waits if is_awaited else self.underruns
            gaps.append(Underrun(at_s, silence_s, self._ends_at))
            while self._gaps and self._gaps[0][1] <= now:
                self._heard_at_least, _ = self._gaps.pop(0)
            self._gaps.append((self._frames, self._ends_at))
        self._frames += frames
        self._ends_at = heard_at + frames / self._rate_hz

    def correct(self, held_frames: int, now: float, tolerance_s: float) -> None:
        """Follow the device if it holds another amount of audio at ``now`` than booked.

        The device's crystal and the computer's clock differ by about 50 ppm, 0.2 s an
        hour, so an uncorrected timeline would drift away from the sound. Differences
        within ``tolerance_s`` are the granularity of what devices report.
        """
        ends_at = now + self._delay_s + held_frames / self._rate_hz
        if abs(ends_at - self._ends_at) > tolerance_s:
            self._ends_at = ends_at

    def position(self, now: float) -> int:
        """Return the number of frames heard by ``now``."""
        if self.first_sound_at is None:
            return 0
        runs = (*self._gaps, (self._frames, self._ends_at))
        return max(
            self._heard_at_least,
            *(frames - self._frames_in(ends_at - now) for frames, ends_at in runs),
        )

    def report(
        self, now: float, levels: BufferLevels, gate: Gate, underflows_at_s: Sequence[float] = ()
    ) -> SinkReport:
        """Report what was heard by ``now``."""
        return SinkReport.until(
            now,
            heard_frames=self.position(now),
            first_sound_at=self.first_sound_at,
            ends_at=self.ends_at,
            underruns=self.underruns,
            text_waits=self.text_waits,
            levels=levels,
            underflows_at_s=underflows_at_s,
            gate=gate,
        )

    def _frames_in(self, duration_s: float) -> int:
        return round(duration_s * self._rate_hz) if duration_s > 0 else 0

    def buffered_s(self, now: float) -> float:
        """Return the seconds handed over and not yet heard, silence in front included."""
        return 0.0 if self.first_sound_at is None else max(0.0, self._ends_at - now)
