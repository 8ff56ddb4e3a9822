"""When the sound of a session may begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from voicecli.threads import Spawn


class SoundTurn(Protocol):
    """A session's turn to be heard; any thread."""

    def begin(self, spawn: Spawn) -> None:
        """Do what has to be done before the sound is there; returns at once."""

    def wait(self) -> None:
        """Wait for the turn, before the sink is opened; `release` ends the wait."""

    def release(self) -> None:
        """End the turn; idempotent."""


class NoTurn:
    """Sound that waits for nobody."""

    def begin(self, spawn: Spawn) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""
