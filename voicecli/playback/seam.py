"""Joins the sound of one segment to the next: keeps a natural pause, cuts the rest; pure.

Voices put silence at the end of every answer and at the start of the next, up to a second of
it. Where two answers are one text, that is a hole between two sentences. A `SeamJoiner` stands
between the sample converter and the sink. It passes speech through untouched, keeps silence at
a seam up to a limit, and drops the rest. Silence inside a segment is never shortened.

Silence is a 10 ms window below −50 dBFS RMS. "Frame" is one sample for each channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import to_float32

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples

WINDOW_S = 0.010
"""Length of the windows that are speech or silence as a whole."""

SILENT_RMS = 10 ** (-50 / 20)
"""RMS of full scale below which a window is silence."""

FADE_S = 0.005
"""Length of the fades at a cut, so that background noise does not click."""

MAX_HELD_S = 10.0
"""Longest silence held back inside a segment until it is clear whether speech follows."""


class SeamJoiner:
    """Passes samples of one format through and shortens silence between segments.

    Call `add` with each block, `next_segment` at each seam and `flush` once at the end. The
    result does not depend on how the blocks are cut. One thread at a time.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._window = max(1, format.frames(WINDOW_S))
        self._rest: Samples | None = None  # less than a window
        self._held: list[Samples] = []  # silence beyond the limit, played only if speech follows
        self._held_frames = 0
        self._kept_frames = 0  # silence passed on since the last speech
        self._max_frames = 0
        self._min_frames = 0
        self._in_lead = False
        self._cut = False

    def add(self, samples: Samples, *, max_silence_s: float) -> list[Samples]:
        """Take a block of shape (frames, channels); return what can be played now.

        ``max_silence_s`` is how much silence is kept if this segment ends in it.
        """
        if self._rest is not None and len(self._rest):
            samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self._window * self._window
        self._rest = samples[whole:]
        played: list[Samples] = []
        for start, end, silent in self._runs(samples[:whole]):
            if silent:
                self._silence(samples[start:end], played, self._format.frames(max_silence_s))
            else:
                self._speech(samples[start:end], played)
        return played

    def next_segment(self, *, max_silence_s: float, min_silence_s: float = 0.0) -> list[Samples]:
        """End a segment; return the rest of its sound.

        The seam gets at most ``max_silence_s`` of the voice's own silence, and is filled up to
        ``min_silence_s`` with more if the text asks for a pause.
        """
        played: list[Samples] = []
        self._finish_window(played, self._format.frames(max_silence_s))
        if self._held:
            played.append(_faded(self._held[0], self._fade_frames, fade_in=False))
            self._kept_frames += len(played[-1])
            self._cut = True
        self._held, self._held_frames = [], 0
        self._in_lead = True
        self._max_frames = self._format.frames(max(max_silence_s, min_silence_s))
        self._min_frames = self._format.frames(min_silence_s)
        return played

    def flush(self) -> list[Samples]:
        """End the sound; return everything still held, so that the tail is whole."""
        played: list[Samples] = []
        if self._rest is not None and len(self._rest):
            played = [*self._held, self._rest]
        else:
            played = list(self._held)
        self._rest, self._held, self._held_frames = None, [], 0
        return played

    @property
    def _fade_frames(self) -> int:
        return self._format.frames(FADE_S)

    def _runs(self, samples: Samples) -> list[tuple[int, int, bool]]:
        """Cut whole windows into runs of speech and of silence: (start, end, is silent)."""
        if not len(samples):
            return []
        windows = to_float32(samples).reshape(-1, self._window * samples.shape[1])
        silent = np.sqrt(np.mean(np.square(windows), axis=1)) < SILENT_RMS
        edges = np.flatnonzero(np.diff(silent)) + 1
        bounds = [0, *edges.tolist(), len(silent)]
        return [
            (a * self._window, b * self._window, bool(silent[a]))
            for a, b in zip(bounds, bounds[1:], strict=False)
        ]

    def _speech(self, samples: Samples, played: list[Samples]) -> None:
        if self._in_lead:
            missing = self._min_frames - self._kept_frames
            if missing > 0:
                played.append(np.zeros((missing, samples.shape[1]), samples.dtype))
            if self._cut:
                samples = _faded_head(samples, self._fade_frames)
            self._in_lead, self._cut = False, False
        played += self._held
        self._held, self._held_frames, self._kept_frames = [], 0, 0
        played.append(samples)

    def _silence(self, samples: Samples, played: list[Samples], max_frames: int) -> None:
        limit = self._max_frames if self._in_lead else max_frames
        room = max(0, limit - self._kept_frames - self._held_frames)
        if room and not self._held_frames:
            kept = samples[:room]
            if self._in_lead and self._cut:
                kept = _faded_head(kept, self._fade_frames)
                self._cut = False
            played.append(kept)
            self._kept_frames += len(kept)
            samples = samples[room:]
        if not len(samples):
            return
        if self._in_lead:
            self._cut = True  # dropped: the seam has had its silence
            return
        self._held.append(samples)
        self._held_frames += len(samples)
        if self._held_frames > self._format.frames(MAX_HELD_S):
            played += self._held  # too long to be the end of a sentence
            self._kept_frames += self._held_frames
            self._held, self._held_frames = [], 0

    def _finish_window(self, played: list[Samples], max_frames: int) -> None:
        """Judge a last window that is not whole."""
        rest, self._rest = self._rest, None
        if rest is None or not len(rest):
            return
        level = float(np.sqrt(np.mean(np.square(to_float32(rest)))))
        if level < SILENT_RMS:
            self._silence(rest, played, max_frames)
        else:
            self._speech(rest, played)


def _faded(samples: Samples, frames: int, *, fade_in: bool) -> Samples:
    """Return the first ``frames`` of silence, faded in or out."""
    part = samples[:frames]
    ramp = np.linspace(0.0, 1.0, len(part), dtype=np.float32)[:, None]
    faded: Samples = (part * (ramp if fade_in else ramp[::-1])).astype(samples.dtype)
    return faded


def _faded_head(samples: Samples, frames: int) -> Samples:
    head = _faded(samples, frames, fade_in=True)
    joined: Samples = np.concatenate([head, samples[len(head) :]])
    return joined
