"""Estimate where the sentences of the segment being decoded are in the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.alignment import Stretch, align, align_so_far
from voicecli.text.segment import SPEECH_PER_CHARACTER_S

if TYPE_CHECKING:
    from voicecli.audio.pauses import PauseDetector
    from voicecli.audio.pcm import Pcm
    from voicecli.text.segment import Segment

_MIN_CHARACTERS = 20
"""Shorter segments do not show how long a character takes."""

_JUST_PAST_S = 0.001
"""Lets a pause that lasts until now count as one within the sound."""


class SentenceTimes:
    """Follows the sound of a text, segment after segment.

    `decoded`, `begin` and `end` belong to the decoder thread, `so_far` to any. Of a segment
    that has ended, only the duration per character is kept.
    """

    def __init__(self) -> None:
        self._detector: PauseDetector | None = None  # from the first segment on
        self._decoded_s = 0.0
        self._lengths: tuple[int, ...] = ()
        self._starts_s: float | None = None
        self._characters, self._speech_s = 0, 0.0  # totals of the segments that have ended

    def decoded(self, pcm: Pcm) -> None:
        """Take note of a block of the joined sound."""
        if self._detector is not None:
            self._detector.feed(pcm)
        self._decoded_s += pcm.duration_s

    def begin(self, segment: Segment, starts_s: float) -> None:
        """Take note of where a segment's speech begins; its first block follows."""
        if self._detector is None:
            from voicecli.audio.pauses import PauseDetector  # noqa: PLC0415  only for texts

            self._detector = PauseDetector(self._decoded_s)
        self._lengths = tuple(len(sentence.text) for sentence in segment.sentences)
        self._starts_s = starts_s

    def end(self, ends_s: float, *, is_whole: bool) -> list[Stretch]:
        """End the segment, and return where its sentences are.

        If its sound broke off, that is where they would have been.
        """
        if self._starts_s is None or self._detector is None:
            return []
        characters = sum(self._lengths)
        if is_whole and characters >= _MIN_CHARACTERS:
            self._characters += characters
            self._speech_s += max(0.0, ends_s - self._starts_s)
        found = self._aligned(ends_s, is_whole=is_whole)
        self._detector.forget_before(ends_s)
        self._starts_s = None
        return found

    def so_far(self) -> list[Stretch]:
        """Return where the sentences of the segment that is being decoded are expected."""
        return self._aligned(self._decoded_s, is_whole=False)

    def whole_so_far(self) -> int:
        """Return how many sentences of a segment are complete in sound that broke off.

        The last one never counts. The estimate errs low: a sentence counts if its expected end
        has passed and the voice has paused there.
        """
        detector, starts_s = self._detector, self._starts_s
        if starts_s is None or detector is None:
            return 0
        pauses = [pause for pause in detector.so_far() if pause.starts_s > starts_s]
        decoded = Stretch(starts_s, self._decoded_s + _JUST_PAST_S)
        found = align_so_far(self._lengths, decoded, self._per_character_s, pauses)
        edges = [pause.starts_s for pause in pauses]
        if not edges and not self._characters:
            return 0  # neither the voice's speed nor a pause is known
        whole = 0
        for number, stretch in enumerate(found[:-1], 1):
            if stretch.ends_s <= self._decoded_s and (stretch.ends_s in edges or not edges):
                whole = number
        return min(whole, len(edges)) if edges else whole

    def _aligned(self, ends_s: float, *, is_whole: bool) -> list[Stretch]:
        starts_s, detector, lengths = self._starts_s, self._detector, self._lengths
        if starts_s is None or detector is None:
            return []
        speech = Stretch(starts_s, ends_s)
        if is_whole:
            return align(lengths, speech, detector.pauses)
        return align_so_far(lengths, speech, self._per_character_s, detector.pauses)

    @property
    def _per_character_s(self) -> float:
        return self._speech_s / self._characters if self._characters else SPEECH_PER_CHARACTER_S
