"""The states of a session and the transitions between them; pure.

::

    IDLE → CONNECTING → BUFFERING → PLAYING ⇄ REBUFFERING
                            │          │          │
                            └──────► DRAINING ◄───┘ → DONE

From any state but DONE, a session may also go to CANCELLED (on request) or FAILED
(on an error). These three are final.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """The state of a session; the module shows the transitions."""

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
"""The states that may follow each state. CONNECTING → DRAINING: nothing arrived."""

FINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)


class InvalidTransition(RuntimeError):
    """A transition that the table does not allow: a bug in the caller."""


class Lifecycle:
    """The current state; one thread changes it, any may read it."""

    def __init__(self) -> None:
        self._state = State.IDLE

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    @property
    def is_final(self) -> bool:
        """Whether no state can follow."""
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
