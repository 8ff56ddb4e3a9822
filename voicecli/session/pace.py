"""Measure how fast an endpoint speaks, and how much sound was requested: input to grouping."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from voicecli.text.grouping import Estimate

if TYPE_CHECKING:
    from voicecli.text.segment import Segment

_MIN_CHARACTERS = 20
"""Shorter segments do not show how long a character takes."""

_RECENT = 8
"""Number of segments that an estimate is made from."""


class Pace:
    """Measures the segments of a run, and estimates those to come; any thread.

    ``prior`` is the estimate from past runs; it counts until the first segment of this run is
    complete.
    """

    def __init__(self, prior: Estimate | None = None) -> None:
        self._prior = prior or Estimate()
        self._lock = threading.Lock()
        self._characters: dict[int, int] = {}  # of each segment not yet decoded
        self._first_bytes_s: list[float] = []
        self._fetches: list[tuple[int, float]] = []  # characters, seconds after the first byte
        self._sounds: list[tuple[int, float]] = []  # characters, seconds of sound
        self._decoded_s = 0.0
        self._segment_began_s = 0.0

    @property
    def is_measured(self) -> bool:
        """Whether a segment of this run was heard to its end."""
        return bool(self._sounds)

    def requested(self, segment: Segment) -> None:
        """Note that a segment's request leaves."""
        with self._lock:
            self._characters[segment.number] = len(segment.text)

    def fetched(self, characters: int, first_byte_s: float, total_s: float) -> None:
        """Note how long an answer took, from its request to its first and to its last byte."""
        with self._lock:
            self._first_bytes_s = [*self._first_bytes_s, first_byte_s][-_RECENT:]
            if characters >= _MIN_CHARACTERS:
                self._fetches = [*self._fetches, (characters, total_s - first_byte_s)][-_RECENT:]

    def decoded(self, seconds: float) -> None:
        """Note sound that was decoded and is in the sink, or waits for room there."""
        with self._lock:
            self._decoded_s += seconds

    def ended(self, segment: Segment) -> None:
        """Note that a segment was decoded to its end."""
        with self._lock:
            characters = self._characters.pop(segment.number, 0)
            sound_s = self._decoded_s - self._segment_began_s
            self._segment_began_s = self._decoded_s
            if characters >= _MIN_CHARACTERS and sound_s > 0:
                self._sounds = [*self._sounds, (characters, sound_s)][-_RECENT:]

    def in_hand_s(self, heard_s: float) -> float | None:
        """Return the seconds until all sound asked for will have been heard.

        ``heard_s`` is what was heard so far. None before the first request.
        """
        estimate = self.estimate()
        with self._lock:
            if not (self._characters or self._decoded_s):
                return None
            coming_s = sum(map(estimate.speech_s, self._characters.values()))
            if self._characters:  # a part of the first of them is decoded
                coming_s = max(0.0, coming_s - (self._decoded_s - self._segment_began_s))
            waits_s = 0.0 if self._decoded_s else estimate.first_byte_s
            return waits_s + max(0.0, self._decoded_s - heard_s) + coming_s

    def estimate(self) -> Estimate:
        """Return the estimate of this run, else that of earlier runs."""
        with self._lock:
            prior = self._prior
            return Estimate(
                _median(self._first_bytes_s) if self._first_bytes_s else prior.first_byte_s,
                _per_character(self._fetches) or prior.per_character_s,
                _per_character(self._sounds) or prior.speech_per_character_s,
            )


def _median(values: list[float]) -> float:
    """Return the middle value; the module statistics takes milliseconds to import."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _per_character(measured: list[tuple[int, float]]) -> float:
    characters = sum(count for count, _ in measured)
    return sum(seconds for _, seconds in measured) / characters if characters else 0.0
