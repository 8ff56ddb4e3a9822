"""Decide what each request speaks: turn text into utterances, each as late as possible."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from voicecli.errors import BadResponse
from voicecli.session.input_limits import InputLimits
from voicecli.session.text_reader import TextReader
from voicecli.sources.english import nothing_english
from voicecli.text.grouping import Grouper, Grouping, Situation, split_segment
from voicecli.text.limits import says_too_long
from voicecli.text.segment import Segment
from voicecli.text.stage import TextOptions, TextStage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from voicecli.clock import Clock
    from voicecli.errors import VoiceError
    from voicecli.session.fallback import Fallback
    from voicecli.session.pace import Pace
    from voicecli.session.utterance import Utterance
    from voicecli.sources.english import EnglishSentences
    from voicecli.threads import Spawn

_TOO_LARGE = 413

_POLL_S = 0.05
"""Interval at which a wait for text checks whether the run is over."""

_SETTLE_S = 0.02
"""How long the first request waits to see whether the text is complete."""

_AT_ONCE_S = 0.2
"""Text still being read after this long is a stream: the first request does not wait."""

_AHEAD_SENTENCES = 64
"""Sentences read ahead, even if no request needs them, so that their number is known."""

_AHEAD_CHARACTERS = 8192
"""The same in characters; the smaller limit counts."""

_SLICE = 1024
"""Characters read at a time: the first request leaves before a long text has been read."""


class Planner:
    """Yields an utterance whenever one may leave, made of the text that is there by then.

    Iterate it once, on the source thread. ``fallback`` makes the utterance of each segment;
    ``heard_s`` returns the seconds that were heard so far; ``is_over`` whether the run has
    ended; ``limits`` is how much one request may contain; ``prepare`` loads what the
    first request needs, while its text is still being written; ``english`` is given if all
    voices speak English only.
    """

    def __init__(  # noqa: PLR0913  text, source, pace and how they meet
        self,
        pieces: str | Iterable[str | bytes],
        fallback: Fallback,
        pace: Pace,
        clock: Clock,
        *,
        options: TextOptions | None = None,
        grouping: Grouping = Grouping.AUTO,
        limits: InputLimits[Any] | None = None,
        prepare: Callable[[], None] | None = None,
        english: EnglishSentences | None = None,
    ) -> None:
        self._pieces = [pieces] if isinstance(pieces, str) else pieces
        self._fallback = fallback
        self._pace = pace
        self._clock = clock
        self._stage = TextStage(options)
        self._limits = limits or InputLimits.same()
        self._prepare = prepare
        self._english = english
        self._grouper = Grouper(grouping)
        self._unread: deque[str | bytes] = deque()
        self._began_at: float | None = None  # when the first text was read
        self._has_asked = False
        self._text_error: Exception | None = None
        self.sentences = 0
        """Sentences found so far."""
        self.is_complete = False
        """Whether all text was read."""

    def utterances(
        self, spawn: Spawn, heard_s: Callable[[], float], is_over: Callable[[], bool]
    ) -> Iterator[Utterance]:
        """Yield utterances; blocks while the text is being written.

        Raises:
            Exception: what the iterable of text raised, after the utterances of what it gave.
            NothingToSay: nothing in the text is English, and all voices are.
        """
        reader = TextReader(self._pieces)
        reader.start(spawn)
        if self._prepare is not None:
            self._prepare()
        try:
            while not is_over():
                self._read(reader, _SETTLE_S if not self.sentences else 0.0, is_over)
                situation = Situation(
                    self._pace.in_hand_s(heard_s()), self.is_complete, self._pace.estimate()
                )
                self._grouper.limit = self._limits.of(self._grouper.voice).characters
                decided = self._grouper.next(situation)
                if isinstance(decided, Segment):
                    self._pace.requested(decided)
                    self._has_asked = True
                    yield self._fallback.utterance(decided, self.split)
                elif self.is_complete:
                    break
                else:
                    wait_s = _POLL_S if decided.seconds is None else decided.seconds
                    self._read(reader, min(wait_s, _POLL_S), is_over)
        finally:
            reader.close()
        if self._text_error is not None:
            raise self._text_error
        if self._english is not None and self._english.left_out and not self._has_asked:
            raise nothing_english()

    def _read(self, reader: TextReader, timeout_s: float, is_over: Callable[[], bool]) -> None:
        """Take the text that is there, waiting for it at most ``timeout_s``."""
        while not (self.is_complete or self._has_enough or is_over()):
            if not self._unread:
                self._unread.extend(_sliced(self._take(reader, timeout_s)))
            has_text, now = bool(self._unread), self._clock.now()
            if has_text:
                found = self._stage.feed(self._unread.popleft(), now)
            elif reader.has_ended:
                self.is_complete = True
                found = self._stage.finish()
            else:
                found = self._stage.tick(now)
            if self._english is not None:
                found = self._english(found)
            self._grouper.add(found)
            self.sentences += sum(not sentence.continues for sentence in found)
            if not has_text:
                return
            self._began_at = now if self._began_at is None else self._began_at
            timeout_s = _SETTLE_S if timeout_s and now - self._began_at < _AT_ONCE_S else 0.0

    def _take(self, reader: TextReader, timeout_s: float) -> list[str | bytes]:
        try:
            return reader.take(timeout_s)
        except Exception as error:  # noqa: BLE001  raised once what was given is requested
            self._text_error = error
            return []

    @property
    def _has_enough(self) -> bool:
        """Whether no text need be read for the next request, and for the display."""
        grouper = self._grouper
        is_ahead = grouper.waiting >= _AHEAD_SENTENCES or grouper.characters >= _AHEAD_CHARACTERS
        return grouper.has_enough and (is_ahead or not self._has_asked)

    def split(self, segment: Segment, error: VoiceError) -> Sequence[Segment]:
        """Return a refused segment in parts, if it was refused for its length."""
        if not isinstance(error, BadResponse) or error.refusal is None:
            return []
        length = len(segment.text)
        known = self._limits.of(segment.voice)
        limit = known.after_refusal(error.refusal, length)
        if limit is None and (error.status == _TOO_LARGE or says_too_long(error.refusal)):
            limit = known.halved(length)
        if limit is None:
            return []
        self._limits.learn(segment.voice, limit)
        return split_segment(segment, limit.characters)


def _sliced(pieces: Iterable[str | bytes]) -> Iterator[str | bytes]:
    for piece in pieces:
        for at in range(0, len(piece), _SLICE):
            yield piece[at : at + _SLICE]
