"""What one request speaks, the source of its sound, and what to speak if it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.errors import VoiceError
    from voicecli.playback.history import HistoryKey
    from voicecli.sources.base import Source
    from voicecli.text.segment import Segment


class Failure(NamedTuple):
    """How an utterance failed.

    ``sentences`` is how many of its sentences are complete in the sound; None if none of its
    sound was kept.
    """

    error: VoiceError
    sentences: int | None = None


class Utterance(NamedTuple):
    """One request: its source, and the segment of the text that it speaks.

    ``segment`` is None for sound that has no text, such as a file. ``replace`` is asked when
    the request failed: it returns the utterances to speak in its place, or none if the
    failure stands. ``has_next`` says that another endpoint can speak it. ``speaker`` is the
    endpoint, model and format that past runs are known of, None if that is not known.
    """

    source: Source
    segment: Segment | None = None
    replace: Callable[[Failure], Sequence[Utterance]] | None = None
    has_next: bool = False
    speaker: HistoryKey | None = None

    @property
    def number(self) -> int:
        """The segment's number, from 0."""
        return self.segment.number if self.segment is not None else 0
