"""Input limits that servers' refusals taught, per endpoint and model, kept between runs.

A small JSON file in the platform's cache folder, beside the history of arrivals::

    {"http://localhost:8880/v1": {"kokoro": 4096}}

It holds no text and no key. A write replaces the whole file in one step; of two processes
that write at once one may lose its entry, and learns it again. Nothing here raises but
`LimitFile.delete`: a cache that cannot be used is ignored.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.text.limits import InputLimit, LimitOrigin

if TYPE_CHECKING:
    from pathlib import Path

MOST_ENDPOINTS = 100
"""Endpoints kept, the ones that were learned last."""

_MOST_BYTES = 256 * 1024
_MOST_NAME = 300
_log = logging.getLogger(__name__)


class LimitFile:
    """The file of all learned limits, at ``path`` or where the platform keeps caches."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        if self._path is None:
            import platformdirs  # noqa: PLC0415  mostly loaded by now

            self._path = platformdirs.user_cache_path("voicecli", appauthor=False) / "limits.json"
        return self._path

    def get(self, endpoint: str, model: str) -> InputLimit | None:
        """Return what was learned of a model at an endpoint, which is given by its label."""
        characters = self.all().get(endpoint[:_MOST_NAME], {}).get(model[:_MOST_NAME])
        return None if characters is None else InputLimit(characters, LimitOrigin.LEARNED)

    def all(self) -> dict[str, dict[str, int]]:
        """Return the characters that each endpoint's models take, oldest first."""
        try:
            with self.path.open("rb") as file:
                data = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        found: dict[str, dict[str, int]] = {}
        for endpoint, models in data.items() if isinstance(data, dict) else ():
            if isinstance(models, dict):
                valid = {
                    model: limit
                    for model, limit in models.items()
                    if type(limit) is int and limit > 0
                }
                found[endpoint] = valid
        return found

    def put(self, endpoint: str, model: str, limit: InputLimit) -> None:
        """Remember a limit."""
        endpoint = endpoint[:_MOST_NAME]
        known = self.all()
        models = known.pop(endpoint, {}) | {model[:_MOST_NAME]: limit.characters}
        known[endpoint] = models
        kept = dict(list(known.items())[-MOST_ENDPOINTS:])
        fresh = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as file:
                json.dump(kept, file)
            fresh.replace(self.path)
        except OSError as error:
            _log.debug("the limit is not remembered: %s", error)
            with suppress(OSError):
                fresh.unlink()

    def delete(self) -> bool:
        """Delete the file; False if there was none.

        Raises:
            OSError: the file exists and cannot be deleted.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
