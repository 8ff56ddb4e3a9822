"""Input limits that servers' refusals taught, per endpoint and model, kept between runs."""

from __future__ import annotations

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, LearnedFile
from voicecli.text.limits import InputLimit, LimitOrigin


class LimitFile(LearnedFile):
    """The file of all learned limits: ``{"http://localhost:8880/v1": {"kokoro": 4096}}``."""

    name = "limits.json"

    def get(self, endpoint: str, model: str) -> InputLimit | None:
        """Return what was learned about a model at the endpoint with this label."""
        characters = (
            self.all().get(endpoint[:MAX_NAME_CHARACTERS], {}).get(model[:MAX_NAME_CHARACTERS])
        )
        return None if characters is None else InputLimit(characters, LimitOrigin.LEARNED)

    def all(self) -> dict[str, dict[str, int]]:
        """Return the longest text in characters, by endpoint and model, oldest first."""
        return {
            endpoint: {
                model: limit for model, limit in models.items() if type(limit) is int and limit > 0
            }
            for endpoint, models in self._read().items()
            if isinstance(models, dict)
        }

    def put(self, endpoint: str, model: str, limit: InputLimit) -> None:
        """Remember a limit."""
        endpoint = endpoint[:MAX_NAME_CHARACTERS]
        models = self.all().get(endpoint, {}) | {model[:MAX_NAME_CHARACTERS]: limit.characters}
        self._write(endpoint, models)
