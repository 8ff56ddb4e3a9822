"""Join the sound of one segment to the next: keep a natural pause, drop the rest; pure.

Voices put silence at the end of every answer and at the start of the next, up to a second of
it. If two answers speak one text, that is a gap between two sentences. A `SeamJoiner` stands
between the decoder and the sink: speech passes through unchanged, silence at a seam is kept up
to a limit. Silence inside a segment is never shortened.

Silence is a window of 10 ms below −50 dBFS RMS. "Frame" is one sample for each channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voicecli.audio.pcm import Pcm, to_float32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

WINDOW_S = 0.010
"""Length of the windows, each of which counts as speech or as silence."""

SILENT_RMS = 10 ** (-50 / 20)
"""RMS, of full scale 1.0, below which a window is silence."""

FADE_S = 0.005
"""Length of the fades at a cut, so that background noise does not click."""

MAX_HELD_S = 10.0
"""Longest silence that is held back until it is clear whether speech follows."""


class SegmentSound(NamedTuple):
    """Where a segment's speech lies in the joined sound, in seconds; None if it has none."""

    starts_s: float | None
    ends_s: float | None


class SeamJoiner:
    """Passes blocks through and shortens the silence between segments.

    Call `begin` before each segment, `add` with its blocks, and `flush` once at the end.
    The joined sound does not depend on how blocks are cut. Blocks may change their
    format at any time. One thread at a time.

    Silence beyond ``hold_after_s`` is held back until it is clear whether speech of the
    same segment follows.

    ``played_s`` is the length of the joined sound so far, ``sound`` where the speech of
    the current segment lies in it.
    """

    def __init__(self, hold_after_s: float = 0.35) -> None:
        self._hold_after_s = hold_after_s
        self.played_s = 0.0
        self.sound = SegmentSound(None, None)
        self._rate_hz = self._speakers = 0
        self._rest: Samples | None = None  # less than a window
        self._held: list[Samples] = []  # silence beyond the limit: played if speech follows
        self._kept_s = 0.0  # silence passed on since the last speech
        self._seam: tuple[float, float] | None = None  # least and most at the last seam
        self._is_cut = False

    def pause(self) -> list[Pcm]:
        """End a segment's last window, so that nothing but silence is held; return its sound."""
        return self._blocks(self._end_window())

    def begin(self, *, limit_s: float, pause_s: float = 0.0) -> list[Pcm]:
        """Begin a segment; return what was left of the one before.

        At most ``limit_s`` seconds of the voices' own silence stay before the segment. If
        the text asks for a pause, silence is filled up to ``pause_s``.
        """
        blocks = self.pause()
        self.sound = SegmentSound(None, None)
        if not self._rate_hz:
            self._seam = (pause_s, float("inf"))  # the head of the first stays whole
            return blocks
        self._seam = (pause_s, max(limit_s, pause_s))
        if self._held:
            held, self._held = np.concatenate(self._held), []
            room = max(0, self._frames(self._seam[1] - self._kept_s))
            self._kept_s += min(room, len(held)) / self._rate_hz
            fade = _fade_out(held[room : room + self._frames(FADE_S)])
            self._is_cut = bool(len(fade))
            blocks += self._blocks([held[:room], fade])
        return blocks

    def add(self, block: Pcm) -> list[Pcm]:
        """Return what of ``block``, and of blocks held back before it, can be played."""
        blocks: list[Pcm] = []
        samples = block.samples
        if self._rest is not None and self._is_other_format(block):
            blocks = self._blocks([*self._end_window(), *self._release()])
        self._rate_hz, self._speakers = block.rate_hz, block.speakers
        if self._rest is not None and len(self._rest):
            samples = np.concatenate([self._rest, samples])
        window = max(1, self._frames(WINDOW_S))
        whole = len(samples) // window * window
        self._rest = samples[whole:]
        for run, is_silent in _runs(samples[:whole], window):
            blocks += self._blocks(self._silence(run) if is_silent else self._speech(run))
        return blocks

    def flush(self) -> list[Pcm]:
        """End the sound; return all that is still held, so that the tail is complete."""
        rest = [] if self._rest is None or not len(self._rest) else [self._rest]
        self._rest = None
        return self._blocks([*self._release(), *rest])

    def _is_other_format(self, block: Pcm) -> bool:
        rest = self._rest
        return rest is not None and (
            block.rate_hz != self._rate_hz
            or block.channels != rest.shape[1]
            or block.samples.dtype != rest.dtype
        )

    def _frames(self, duration_s: float) -> int:
        return round(duration_s * self._rate_hz)

    def _blocks(self, pieces: list[Samples]) -> list[Pcm]:
        blocks = [
            Pcm(np.ascontiguousarray(piece), self._rate_hz, self._speakers)
            for piece in pieces
            if len(piece)
        ]
        self.played_s += sum(block.duration_s for block in blocks)
        return blocks

    def _speech(self, samples: Samples) -> list[Samples]:
        pieces = self._release()
        if self._seam is not None:
            missing = self._frames(self._seam[0] - self._kept_s)
            if missing > 0:
                pieces.append(np.zeros((missing, samples.shape[1]), samples.dtype))
            if self._is_cut:
                samples = _fade_in(samples, self._frames(FADE_S))
            self._seam, self._is_cut = None, False
        self._kept_s = 0.0
        at_s = self.played_s + sum(map(len, pieces)) / self._rate_hz
        starts_s = at_s if self.sound.starts_s is None else self.sound.starts_s
        self.sound = SegmentSound(starts_s, at_s + len(samples) / self._rate_hz)
        return [*pieces, samples]

    def _silence(self, samples: Samples) -> list[Samples]:
        pieces: list[Samples] = []
        limit_s = self._hold_after_s if self._seam is None else self._seam[1]
        room = len(samples)
        if limit_s < float("inf"):
            room = 0 if self._held else max(0, self._frames(limit_s - self._kept_s))
        kept, excess = samples[:room], samples[room:]
        if len(kept):
            if self._is_cut:
                kept, self._is_cut = _fade_in(kept, self._frames(FADE_S)), False
            pieces.append(kept)
            self._kept_s += len(kept) / self._rate_hz
        if len(excess) and self._seam is not None:
            self._is_cut = True  # the seam has had its silence
        elif len(excess):
            self._held.append(excess)
            if sum(map(len, self._held)) > self._frames(MAX_HELD_S):
                pieces += self._release()
        return pieces

    def _release(self) -> list[Samples]:
        held, self._held = self._held, []
        self._kept_s += sum(map(len, held)) / self._rate_hz if held else 0.0
        return held

    def _end_window(self) -> list[Samples]:
        """Judge a last window that is incomplete."""
        rest, self._rest = self._rest, None
        if rest is None or not len(rest):
            return []
        return self._silence(rest) if _rms(rest) < SILENT_RMS else self._speech(rest)


def _runs(samples: Samples, window: int) -> Iterator[tuple[Samples, bool]]:
    """Yield whole windows as runs of speech and of silence."""
    if not len(samples):
        return
    windows = to_float32(samples).reshape(-1, window * samples.shape[1])
    silent = np.sqrt(np.mean(np.square(windows), axis=1)) < SILENT_RMS
    edges = np.flatnonzero(np.diff(silent)) + 1
    for run in np.split(np.arange(len(silent)), edges):
        start, end = int(run[0]) * window, (int(run[-1]) + 1) * window
        yield samples[start:end], bool(silent[run[0]])


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(to_float32(samples)))))


def _fade_in(samples: Samples, frames: int) -> Samples:
    """Return ``samples`` with their first ``frames`` faded in."""
    head = samples[:frames]
    faded = (head * _ramp(len(head))).astype(samples.dtype)
    joined: Samples = np.concatenate([faded, samples[len(head) :]])
    return joined


def _fade_out(samples: Samples) -> Samples:
    faded: Samples = (samples * _ramp(len(samples))[::-1]).astype(samples.dtype)
    return faded


def _ramp(frames: int) -> Samples:
    return np.linspace(0.0, 1.0, frames, dtype=np.float32)[:, None]
