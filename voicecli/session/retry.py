"""What to do after a failed attempt at a request; pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from voicecli.errors import NetworkError, RateLimited, SourceError, SourceTimeout, VoiceError

_FIRST_WAIT_S = 0.5
"""Wait before the first retry; each later one is twice as long."""

_LONGEST_OUTAGE_WAIT_S = 2.0
"""Longest wait between retries while a server that has answered before cannot be reached."""

_LONGEST_CROWDED_WAIT_S = 2.0
"""Longest wait between retries of a request that the server refused for others under way."""

_LONGEST_WAIT_WITH_NEXT_S = 2.0
"""Longest wait for a retry if another endpoint can be asked at once."""


class Retry(NamedTuple):
    """Make the same request again after ``wait_s`` seconds."""

    wait_s: float


class GiveUp(NamedTuple):
    """The fault is final for this endpoint."""


Decision: TypeAlias = Retry | GiveUp


class Attempt(NamedTuple):
    """A failed attempt at a request: what decides what follows, apart from the fault.

    ``number`` counts from 1. ``failing_s`` is how long ago the first attempt failed.
    ``has_audio`` says that audio of the answer arrived, ``was_reached`` that the server
    sent audio earlier in this run, ``has_next`` that another endpoint can be asked instead,
    ``is_crowded`` that requests for earlier text are still under way.
    """

    number: int
    failing_s: float = 0.0
    has_audio: bool = False
    was_reached: bool = False
    has_next: bool = False
    is_crowded: bool = False


class RetryPolicy(NamedTuple):
    """Decides what follows a fault, by these rules; the first that matches counts.

    ==================================  ===========================================
    audio of the answer had arrived     give up: the user may have heard it
    unreachable, and there is another   give up: the other one is asked at once
    unreachable, but answered before    retry for ``outage_s``: it may be restarting
    a fault that would recur            give up (``retryable`` of `SourceError`)
    ``retries`` are used up             give up, unless 429 came while earlier text
                                        is fetched: the server allows fewer at once
    the server asks for a wait (429)    retry then; give up above ``longest_wait_s``,
                                        or above 2 s if there is another
    any other fault                     retry after 0.5 s, then twice as long
    ==================================  ===========================================
    """

    retries: int = 2
    longest_wait_s: float = 60.0
    outage_s: float = 10.0

    def decide(self, fault: VoiceError, attempt: Attempt) -> Decision:
        """Return what follows the fault of an attempt."""
        if attempt.has_audio or not isinstance(fault, SourceError):
            return GiveUp()
        wait_s = _FIRST_WAIT_S * 2.0 ** (attempt.number - 1)
        if isinstance(fault, NetworkError) or (
            fault.retryable and isinstance(fault, SourceTimeout)
        ):
            if attempt.has_next:
                return GiveUp()
            if self.retries and attempt.was_reached and attempt.failing_s < self.outage_s:
                return Retry(min(wait_s, _LONGEST_OUTAGE_WAIT_S))
        is_crowded = attempt.is_crowded and isinstance(fault, RateLimited)
        if not fault.retryable or (attempt.number > self.retries and not is_crowded):
            return GiveUp()
        if is_crowded:
            wait_s = min(wait_s, _LONGEST_CROWDED_WAIT_S)
        if isinstance(fault, RateLimited) and fault.retry_after_s is not None:
            wait_s = fault.retry_after_s
        longest_s = self.longest_wait_s
        if attempt.has_next and not is_crowded:
            longest_s = min(longest_s, _LONGEST_WAIT_WITH_NEXT_S)
        return Retry(wait_s) if wait_s <= longest_s else GiveUp()
