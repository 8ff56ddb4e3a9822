"""What the audio callback does: copy frames out of the ring, and count.

Separate from PortAudio, so that tests can drive it block by block with invented
times. Everything here runs on the callback's thread, which must not block, lock,
log, raise or allocate arrays. Other threads only read the attributes, each of
which is replaced in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.playback.base import Underrun
from voicecli.playback.levels import BufferLevels

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.playback.policy import Gate
    from voicecli.playback.ring import Ring

_GAPS_AHEAD = 4
"""Most gaps in what the device asks for ahead, about four blocks: each takes at least one."""


class CallbackRenderer:
    """Fills the device's blocks from a ring, and with silence if it is empty.

    The producer sets ``input_ended`` after its last write to the ring. It is read
    here before the ring is, so an empty ring afterwards really is the end.
    ``preroll`` is in frames, rounded up to whole blocks.
    """

    def __init__(self, ring: Ring, gate: Gate, rate_hz: int, preroll: int = 0) -> None:
        self._ring = ring
        self._gate = gate
        self._rate_hz = rate_hz
        self._preroll = preroll
        # Blocks with sound in them, (first frame, frames, time of the first): the latest,
        # and those before the latest gaps, which may still have to be heard.
        self._latest = (0, 0, 0.0)
        self._before_gaps: tuple[tuple[int, int, float], ...] = ()
        self._gap_frames = 0
        self._gap_at = 0.0
        self._gap_is_awaited = False
        self.input_ended = False
        self.playing = False
        self.rebuffering = False
        self.first_sound_at: float | None = None
        self.finished = False
        self.underruns: list[Underrun] = []
        self.text_waits: list[Underrun] = []
        self.levels = BufferLevels()

    def fill(self, out: Samples, dac_at: float) -> None:
        """Fill one block; its first frame will be heard at ``dac_at`` (clock seconds)."""
        ended, awaiting = self.input_ended, self._gate.is_awaiting
        buffered_s = self._ring.readable / self._rate_hz
        if not self._may_play(out.shape[0], buffered_s, dac_at, released=ended or awaiting):
            out[:] = 0
            if ended and self.rebuffering and not buffered_s:
                self.finished = True  # it was the end, reported late: nothing was missing
            return
        if not (ended or awaiting):
            self.levels.add(buffered_s)
        first = self._ring.read
        count = self._ring.read_into(out)
        if count:
            self._latest = (first, count, dac_at)
            if self.first_sound_at is None:
                self.first_sound_at = dac_at
        if count == out.shape[0]:
            return
        out[count:] = 0
        if ended:
            self.finished = True
        else:
            self._before_gaps = (*self._before_gaps[1 - _GAPS_AHEAD :], self._latest)
            self._gap_frames = out.shape[0] - count
            self._gap_at = dac_at + count / self._rate_hz
            self._gap_is_awaited = awaiting
            self.rebuffering = True

    def _may_play(self, frames: int, buffered_s: float, dac_at: float, *, released: bool) -> bool:
        """Return whether this block takes frames from the ring; if not, count the silence."""
        if self._preroll > 0:
            self._preroll -= frames
        elif not self.playing:
            self.playing = self._may_start(buffered_s, dac_at, released=released)
            return self.playing
        elif not self.rebuffering:
            return True
        elif self._may_resume(buffered_s, dac_at, released=released):
            at_s, silence_s = self._ring.read / self._rate_hz, self._gap_frames / self._rate_hz
            gaps = self.text_waits if self._gap_is_awaited else self.underruns
            gaps.append(Underrun(at_s, silence_s, self._gap_at))
            self.rebuffering = False
            return True
        else:
            self._gap_frames += frames
        return False

    def _may_start(self, buffered_s: float, dac_at: float, *, released: bool) -> bool:
        return dac_at >= self._gate.thresholds.starts_at(buffered_s, input_ended=released)

    def _may_resume(self, buffered_s: float, dac_at: float, *, released: bool) -> bool:
        if self._gap_is_awaited:
            return self._may_start(buffered_s, dac_at, released=released)
        pauses = len(self.underruns)
        after_s = self._gate.thresholds.resumes_after(buffered_s, pauses, input_ended=released)
        return self._gap_frames >= after_s * self._rate_hz

    @property
    def sounds_until(self) -> float:
        """When the last frame given to the device will have been heard; any thread."""
        _, frames, at = self._latest
        return at + frames / self._rate_hz

    def position(self, now: float) -> int:
        """Return the frames heard at ``now``; any thread."""
        heard = 0
        for first, frames, at in (*self._before_gaps, self._latest):
            heard = max(heard, first + min(frames, round((now - at) * self._rate_hz)))
        return heard
