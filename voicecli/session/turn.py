"""`SoundTurn`: what a session asks before it plays, so that one voice speaks at a time."""

from __future__ import annotations

from typing import Protocol


class SoundTurn(Protocol):
    """A session's turn to be heard; any thread."""

    def ask(self) -> None:
        """Ask for the turn: text is there, and its sound will be. Returns at once."""

    def wait(self) -> None:
        """Wait for the turn, before sound is played; `release` ends the wait."""

    def await_text(self) -> None:
        """Note that all text so far has been taken, and more must be written first."""

    def release(self) -> None:
        """End the turn; idempotent."""


class NoTurn:
    """A turn that never waits: the sound is mixed with other voices."""

    def ask(self) -> None:
        """Do nothing."""

    wait = await_text = release = ask
