"""Keep small facts about endpoints, learned by earlier runs, in the platform's cache folder.

Each kind has a JSON file of its own: an object with a key for every endpoint. It holds no
text and no key. A write replaces the whole file in one step; if two processes write at
once, one may lose its entry, and learns it again. Nothing here raises but
`CacheFile.delete`: a cache that cannot be used is ignored.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from voicecli.config.regularfile import open_regular

if TYPE_CHECKING:
    from pathlib import Path

MAX_ENDPOINTS = 100
"""Number of endpoints kept, the latest ones."""

MAX_NAME_CHARACTERS = 300
"""Characters of a name that are kept."""

_MAX_BYTES = 256 * 1024
_log = logging.getLogger(__name__)


class CacheFile:
    """What earlier runs learned, in a file at ``path`` or where the platform keeps caches."""

    name: ClassVar[str]

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        if self._path is None:
            import platformdirs  # noqa: PLC0415  mostly loaded by now

            self._path = platformdirs.user_cache_path("voicecli", appauthor=False) / self.name
        return self._path

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


class LearnedFile(CacheFile):
    """A JSON object with a key for every endpoint."""

    def _read(self) -> dict[str, Any]:
        """Return what is known about each endpoint, oldest first."""
        try:
            with open_regular(self.path) as file:
                data = json.loads(file.read(_MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def _write(self, endpoint: str, value: Any) -> None:
        """Replace what is known about one endpoint, which becomes the newest."""
        known = self._read()
        known.pop(endpoint, None)
        known[endpoint] = value
        kept = dict(list(known.items())[-MAX_ENDPOINTS:])
        fresh = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as file:
                json.dump(kept, file)
            fresh.replace(self.path)
        except OSError as error:
            _log.debug("%s is not written: %s", self.name, error)
            with suppress(OSError):
                fresh.unlink()
