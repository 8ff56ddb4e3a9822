"""What one request speaks, and the source of its sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.errors import VoiceError
    from voicecli.sources.base import Source
    from voicecli.text.segment import Segment


class Utterance(NamedTuple):
    """One request: its source, and the segment of the text that it speaks.

    ``segment`` is None for sound that has no text, such as a file. ``split`` is asked when
    the request was refused before any sound: it returns utterances to speak in its place,
    or none if the refusal stands.
    """

    source: Source
    segment: Segment | None = None
    split: Callable[[VoiceError], Sequence[Utterance]] | None = None

    @property
    def number(self) -> int:
        """The segment's number, from 0."""
        return self.segment.number if self.segment is not None else 0
