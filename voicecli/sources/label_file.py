"""Remember the wrong content types under which servers send raw samples.

Some servers label every answer the same, whatever was requested (LiteLLM: ``audio/mpeg``).
"""

from __future__ import annotations

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, LearnedFile


class LabelFile(LearnedFile):
    """The file of wrong labels: ``{"http://localhost:4000/v1": ["audio/mpeg"]}``."""

    name = "labels.json"

    def get(self, endpoint: str) -> frozenset[str]:
        """Return the content types that mean raw samples at an endpoint if PCM was requested."""
        known = self._read().get(endpoint[:MAX_NAME_CHARACTERS], ())
        return frozenset(known) if _is_valid(known) else frozenset()

    def all(self) -> dict[str, frozenset[str]]:
        """Return the wrong labels of all endpoints, oldest first."""
        return {
            endpoint: frozenset(known)
            for endpoint, known in self._read().items()
            if _is_valid(known)
        }

    def put(self, endpoint: str, content_type: str) -> None:
        """Remember a wrong label."""
        labels = self.get(endpoint) | {content_type[:MAX_NAME_CHARACTERS]}
        self._write(endpoint[:MAX_NAME_CHARACTERS], sorted(labels))


def _is_valid(known: object) -> bool:
    return isinstance(known, list) and all(isinstance(label, str) for label in known)
