"""When the sound of a session may begin."""

from __future__ import annotations

from typing import Protocol


class SoundTurn(Protocol):
    """A session's turn to be heard; any thread."""

    def wait(self) -> None:
        """Wait for the turn, before the sink is opened; `release` ends the wait."""

    def release(self) -> None:
        """End the turn; idempotent."""


class NoTurn:
    """Sound that waits for nobody."""

    def wait(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""
