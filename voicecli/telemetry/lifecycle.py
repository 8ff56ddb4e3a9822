"""The states of a session and the only ways between them; pure.

::

    IDLE → CONNECTING → BUFFERING → PLAYING ⇄ REBUFFERING
                            │          │          │
                            └──────► DRAINING ◄───┘ → DONE

Any state but the last three may also end in CANCELLED (somebody asked) or
FAILED (something broke). Once there, nothing moves.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """Where a session is; see the module for the ways between."""

    IDLE = "idle"
    CONNECTING = "connecting"
    BUFFERING = "buffering"
    PLAYING = "playing"
    REBUFFERING = "rebuffering"
    DRAINING = "draining"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


_ENDINGS: Final = frozenset({State.CANCELLED, State.FAILED})

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.IDLE: _ENDINGS | {State.CONNECTING},
    State.CONNECTING: _ENDINGS | {State.BUFFERING, State.DRAINING},
    State.BUFFERING: _ENDINGS | {State.PLAYING, State.DRAINING},
    State.PLAYING: _ENDINGS | {State.REBUFFERING, State.DRAINING},
    State.REBUFFERING: _ENDINGS | {State.PLAYING, State.DRAINING},
    State.DRAINING: _ENDINGS | {State.DONE},
    State.DONE: frozenset(),
    State.CANCELLED: frozenset(),
    State.FAILED: frozenset(),
}
"""From each state, the states that may follow. CONNECTING → DRAINING: nothing arrived."""

FINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)


class InvalidTransition(RuntimeError):
    """A state was left for one that cannot follow it: a defect of the caller."""


class Lifecycle:
    """The current state, moved by one thread and read by any."""

    def __init__(self) -> None:
        self._state = State.IDLE

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow any more."""
        return self._state in FINAL

    def advance(self, following: State) -> State:
        """Move to ``following`` and return the state that was left.

        Raises:
            InvalidTransition: the table does not allow it.
        """
        left = self._state
        if following not in TRANSITIONS[left]:
            raise InvalidTransition(f"{left.name} cannot be followed by {following.name}")
        self._state = following
        return left
