"""A small JSON object in the platform's cache folder: what earlier runs learned.

It holds no text and no key. A write replaces the whole file in one step; of two processes that
write at once one may lose its entry, and learns it again. A cache that cannot be read or
written is ignored.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voicecli.config.regularfile import open_regular

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class CacheFile:
    """One object; at ``path``, or under its ``name`` where the platform keeps caches."""

    def __init__(self, name: str, path: Path | None = None) -> None:
        self._name = name
        self._path = path

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        if self._path is None:
            import platformdirs  # noqa: PLC0415  mostly loaded by now

            self._path = platformdirs.user_cache_path("voicecli", appauthor=False) / self._name
        return self._path

    def read(self) -> dict[str, Any]:
        """Return the object; empty if there is none that can be used."""
        try:
            with open_regular(self.path) as file:
                data = json.loads(file.read(MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def write(self, data: dict[str, Any]) -> None:
        """Replace the object."""
        fresh = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as file:
                json.dump(data, file)
            fresh.replace(self.path)
        except OSError as error:
            _log.debug("%s is not written: %s", self.path, error)
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
