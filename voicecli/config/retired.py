"""Speech models that a server no longer has, learned by earlier runs."""

from __future__ import annotations

from typing import ClassVar

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, LearnedFile

_RETIRING = ("tts-1", "gpt-4o-mini-tts")
"""How the names of OpenAI's speech models begin; a misspelt name is not remembered."""


class RetiredModels(LearnedFile):
    """The speech models that servers have refused as retired, by base URL."""

    name: ClassVar[str] = "retired_models.json"

    def of(self, base_url: str) -> frozenset[str]:
        """Return the models that a server no longer has."""
        return self.all().get(base_url[:MAX_NAME_CHARACTERS], frozenset())

    def all(self) -> dict[str, frozenset[str]]:
        """Return the models that each known server no longer has, oldest first."""
        return {
            base_url: frozenset(model for model in models if _is_name(model))
            for base_url, models in self._read().items()
            if isinstance(models, list)
        }

    def add(self, base_url: str, model: str) -> None:
        """Remember that a server no longer has a model, if it is one that it had."""
        if model.startswith(_RETIRING):
            self._write(base_url[:MAX_NAME_CHARACTERS], sorted({*self.of(base_url), model}))


def _is_name(model: object) -> bool:
    return isinstance(model, str) and 0 < len(model) <= MAX_NAME_CHARACTERS
