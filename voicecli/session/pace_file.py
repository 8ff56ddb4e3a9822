"""How fast endpoints spoke in earlier runs, per endpoint and model, kept between runs."""

from __future__ import annotations

from typing import Any

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, LearnedFile
from voicecli.text.grouping import Estimate

_NUMBERS = 3
"""How many numbers of an `Estimate` are kept."""

_MAX_S = 600.0
"""A longer wait for the first byte is not credible."""


class PaceFile(LearnedFile):
    """The file of all estimates: ``{"http://localhost:8880/v1": {"kokoro": [0.31, 0.004, 0.07]}}``.

    The numbers are those of an `Estimate`: seconds until the first byte, seconds per
    character until the last one, and seconds of speech per character.
    """

    name = "pace.json"

    def get(self, endpoint: str, model: str) -> Estimate | None:
        """Return the estimate of a model at an endpoint, which is given by its label."""
        models = self.all().get(endpoint[:MAX_NAME_CHARACTERS], {})
        return models.get(model[:MAX_NAME_CHARACTERS])

    def all(self) -> dict[str, dict[str, Estimate]]:
        """Return the estimates by endpoint and model, oldest first."""
        return {
            endpoint: {
                model: Estimate(*numbers) for model, numbers in models.items() if _is_valid(numbers)
            }
            for endpoint, models in self._read().items()
            if isinstance(models, dict)
        }

    def put(self, endpoint: str, model: str, measured: Estimate) -> None:
        """Remember what a run measured: half of it, and half of what was known before."""
        known = self.get(endpoint, model)
        if known is not None:
            measured = measured._replace(
                first_byte_s=(known.first_byte_s + measured.first_byte_s) / 2,
                per_character_s=(known.per_character_s + measured.per_character_s) / 2,
            )
        endpoint = endpoint[:MAX_NAME_CHARACTERS]
        models = self.all().get(endpoint, {}) | {model[:MAX_NAME_CHARACTERS]: measured}
        self._write(endpoint, {name: _numbers(each) for name, each in models.items()})


def _numbers(measured: Estimate) -> list[float]:
    return [round(number, 5) for number in measured[:_NUMBERS]]


def _is_valid(numbers: Any) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) == _NUMBERS
        and all(isinstance(number, int | float) and 0 <= number <= _MAX_S for number in numbers)
        and numbers[2] > 0
    )
