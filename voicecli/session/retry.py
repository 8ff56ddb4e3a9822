"""What to do after a failed attempt at a request; pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from voicecli.errors import RateLimited, SourceError, VoiceError

_FIRST_WAIT_S = 0.5
"""Wait before the first retry; each later one is twice as long."""


class Retry(NamedTuple):
    """Make the same request again after ``wait_s`` seconds."""

    wait_s: float


class GiveUp(NamedTuple):
    """The fault is final."""


Decision: TypeAlias = Retry | GiveUp


class RetryPolicy(NamedTuple):
    """Decides what follows a fault, by these rules; the first that matches counts.

    ==================================  ===========================================
    audio of the answer had arrived     give up: the user may have heard it
    a fault that would recur            give up (``retryable`` of `SourceError`)
    ``retries`` are used up             give up
    the server asks for a wait (429)    retry then; give up above ``longest_wait_s``
    any other fault                     retry after 0.5 s, then twice as long
    ==================================  ===========================================
    """

    retries: int = 2
    longest_wait_s: float = 60.0

    def decide(self, fault: VoiceError, attempts: int, *, has_audio: bool = False) -> Decision:
        """Return what follows the fault of an attempt, of ``attempts`` so far."""
        if has_audio or not (isinstance(fault, SourceError) and fault.retryable):
            return GiveUp()
        if attempts > self.retries:
            return GiveUp()
        wait_s = _FIRST_WAIT_S * 2.0 ** (attempts - 1)
        if isinstance(fault, RateLimited) and fault.retry_after_s is not None:
            wait_s = fault.retry_after_s
        return Retry(wait_s) if wait_s <= self.longest_wait_s else GiveUp()
