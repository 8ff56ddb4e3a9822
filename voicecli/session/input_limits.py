"""How much text one request may contain, for each voice of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from voicecli.text.limits import InputLimit

if TYPE_CHECKING:
    from collections.abc import Callable

Key = TypeVar("Key")
"""What identifies an endpoint and a model."""


class InputLimits(Generic[Key]):
    """The limits of a run; voices of one endpoint and model share theirs.

    ``key_of`` returns the endpoint and model of a voice, ``known`` what is known of them
    before the run. ``on_learned`` gets what a refusal taught. Any thread.
    """

    def __init__(
        self,
        key_of: Callable[[str | None], Key],
        known: Callable[[Key], InputLimit],
        on_learned: Callable[[Key, InputLimit], None] | None = None,
    ) -> None:
        self._key_of = key_of
        self._known = known
        self._on_learned = on_learned
        self._limits: dict[Key, InputLimit] = {}

    @classmethod
    def same(cls, limit: InputLimit | None = None) -> InputLimits[None]:
        """Return limits that are the same for every voice."""
        return InputLimits(lambda _: None, lambda _: limit or InputLimit())

    def of(self, voice: str | None) -> InputLimit:
        """Return the limit of a voice, None for the default one."""
        key = self._key_of(voice)
        if key not in self._limits:
            self._limits[key] = self._known(key)
        return self._limits[key]

    def learn(self, voice: str | None, limit: InputLimit) -> None:
        """Keep what a refusal taught."""
        key = self._key_of(voice)
        self._limits[key] = limit
        if self._on_learned is not None:
            self._on_learned(key, limit)
