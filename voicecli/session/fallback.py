"""Choose the endpoint of each segment, and what to request after a failure.

A segment that fails before any of its sound is requested from the next endpoint. One that
breaks off is requested again, from the first sentence that is not complete in the sound, and
from the same endpoint first. An endpoint that failed is in cooldown, so that later segments,
and later runs, do not wait for it again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from voicecli.clock import SystemClock
from voicecli.errors import (
    ConfigError,
    DecodeError,
    NetworkError,
    NothingToSay,
    RateLimited,
    SourceError,
    ThreadError,
    UnsupportedFormat,
    WordsDiffer,
)
from voicecli.playback.history import HistoryKey
from voicecli.session.cooldowns import EndpointCooldowns
from voicecli.session.utterance import Failure, Utterance
from voicecli.text.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.errors import VoiceError
    from voicecli.sources.base import Source

    Split = Callable[[Segment, VoiceError], Sequence[Segment]]

MAX_BREAKS = 20
"""How often the parts of one segment may break off, each time a little further."""

MAX_STUCK, MAX_STUCK_ALONE = 2, 5
"""How often an endpoint may break off in the same sentence; the second is for connections that
are cut, if there is no other endpoint."""


class Candidate(NamedTuple):
    """An endpoint that can speak a segment, and the format that is asked of it.

    ``label`` and ``model`` are the endpoint's.
    """

    label: str
    make_source: Callable[[Segment], Source]
    model: str = ""
    format: str = ""

    @property
    def cooldown_key(self) -> str:
        """The name of its cooldown: another model of the same server may still work."""
        return f"{self.label} {self.model}".strip()

    @property
    def speaker(self) -> HistoryKey:
        """What its past runs are known by."""
        return HistoryKey(self.label, self.model, self.format)


class Fallback:
    """Makes the utterance of each segment, and of what replaces it after a failure; any thread.

    Args:
        candidates: returns the endpoints that can speak a segment, in order of preference.
        cooldowns: remembers which of them failed; unused if there is only one.
        recovers: whether the rest of a segment that broke off is requested.
    """

    def __init__(
        self,
        candidates: Callable[[Segment], Sequence[Candidate]],
        cooldowns: EndpointCooldowns | None = None,
        *,
        recovers: bool = True,
    ) -> None:
        self._candidates = candidates
        self._cooldowns = cooldowns or EndpointCooldowns(SystemClock())
        self._recovers = recovers

    def utterance(self, segment: Segment, split: Split | None = None) -> Utterance:
        """Return the utterance of a segment, spoken by the best endpoint.

        ``split`` returns a segment in parts if it was refused for its length, else nothing.
        """
        return self._utterance(_Attempt(segment, split))

    def choose(self, candidates: Sequence[Candidate], failed: frozenset[int] = frozenset()) -> int:
        """Return the number of the best candidate that is not in ``failed``.

        That is the first of them that is not in cooldown, or the first if all are.
        """
        able = [number for number in range(len(candidates)) if number not in failed]
        if len(able) == 1:
            return able[0]
        ready = (n for n in able if not self._cooldowns.is_active(candidates[n].cooldown_key))
        return next(ready, able[0])

    def _utterance(self, attempt: _Attempt) -> Utterance:
        candidates = self._candidates(attempt.segment)
        best = self.choose(candidates, attempt.failed)
        return Utterance(
            candidates[best].make_source(attempt.segment),
            attempt.segment,
            partial(self._replace, attempt, best),
            has_next=len(candidates) - len(attempt.failed) > 1,
            speaker=candidates[best].speaker,
        )

    def _replace(self, attempt: _Attempt, asked: int, failure: Failure) -> Sequence[Utterance]:
        """Return what to speak after the endpoint ``asked`` failed; empty for nothing."""
        error, sentences = failure
        is_ours = isinstance(error, SourceError | DecodeError | ConfigError)
        if not is_ours or isinstance(error, NothingToSay | WordsDiffer | ThreadError):
            return ()
        if sentences is None:
            parts = attempt.split(attempt.segment, error) if attempt.split else ()
            if parts:
                return [self._utterance(attempt._replace(segment=part)) for part in parts]
            return self._by_next(attempt, asked, error)
        if not self._recovers or attempt.breaks >= MAX_BREAKS:
            return ()
        attempt = attempt.after(sentences)
        has_next = len(attempt.failed) + 1 < len(self._candidates(attempt.segment))
        # A connection may hold the next time. What else broke would only be heard once more.
        is_cut = isinstance(error, NetworkError)
        is_stuck = attempt.stuck >= (MAX_STUCK_ALONE if is_cut and not has_next else MAX_STUCK)
        # The same endpoint would answer in the same format again.
        if is_stuck or isinstance(error, UnsupportedFormat):
            return self._by_next(attempt._replace(stuck=0), asked, error)
        return [self._utterance(attempt)]

    def _by_next(self, attempt: _Attempt, asked: int, error: VoiceError) -> Sequence[Utterance]:
        candidates = self._candidates(attempt.segment)
        if len(candidates) > 1:
            wait_s = error.retry_after_s if isinstance(error, RateLimited) else None
            self._cooldowns.failed(candidates[asked].cooldown_key, wait_s)
        failed = attempt.failed | {asked}
        if len(failed) == len(candidates):
            return ()
        return [self._utterance(attempt._replace(failed=failed))]


class _Attempt(NamedTuple):
    """A segment, or the rest of one, the endpoints that failed at it, and how often it broke."""

    segment: Segment
    split: Split | None
    failed: frozenset[int] = frozenset()
    breaks: int = 0
    stuck: int = 0  # how often in a row it broke in the same sentence

    def after(self, sentences: int) -> _Attempt:
        """Return the attempt at what follows the first ``sentences``."""
        segment = self.segment
        rest = Segment(segment.number, segment.sentences[sentences:], segment.part + 1)
        stuck = 0 if sentences else self.stuck + 1
        return self._replace(segment=rest, breaks=self.breaks + 1, stuck=stuck)
