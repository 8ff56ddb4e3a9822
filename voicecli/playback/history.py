"""What past runs needed: learned per endpoint, model and format, kept between runs.

A file of JSON lines in the platform's cache folder, one line a run::

    {"endpoint": "http://localhost:8880/v1", "model": "kokoro", "format": "opus", "needed_ms": 41.5}

No text, no voice, no key, no time of day. A run appends its line in one write
(``O_APPEND``), so that any number of processes may do so at once. Who finds the
file too long writes the newest part of it anew and puts that in its place in
one step; a line that another process appended just then is lost, and one run of
many is no loss. Lines that make no sense are passed over, and gone with the next
rewriting. Nothing here raises: a cache that cannot be used is no cache.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 64 * 1024
"""Length of the file from which on it is rewritten; some 500 runs."""

MOST_RUNS = 32
"""Runs of one kind that are kept; older ones hardly weigh any more."""

MOST_NAME = 300
"""Longest name of an endpoint, a model or a format that is kept."""

_log = logging.getLogger(__name__)


class Kind(NamedTuple):
    """Runs that have something to say about one another. ``endpoint`` is its label."""

    endpoint: str
    model: str
    format: str


def history_path() -> Path:
    """Where the file is, or would be."""
    import platformdirs  # noqa: PLC0415  while the server thinks, not before the request

    return platformdirs.user_cache_path("voicecli", appauthor=False) / "arrivals.jsonl"


class History:
    """The file at ``path``, None for the platform's; read anew with every question."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        return self._path or history_path()

    def runs(self, kind: Kind) -> tuple[float, ...]:
        """The ``needed_prebuffer`` of past runs of this kind, in seconds, newest last."""
        return self.everything().get(_kept(kind), ())

    def everything(self) -> dict[Kind, tuple[float, ...]]:
        """The same of every kind."""
        found: dict[Kind, tuple[float, ...]] = {}
        for _, kind, needed_s in self._lines():
            found[kind] = (*found.get(kind, ()), needed_s)[-MOST_RUNS:]
        return found

    def add(self, kind: Kind, needed_s: float) -> None:
        """Remember a run."""
        line = _kept(kind)._asdict() | {"needed_ms": round(needed_s * 1e3, 1)}
        data = (json.dumps(line) + "\n").encode("ascii")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, data)
                length = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
            if length > MOST_BYTES:
                self._rewrite()
        except OSError as error:
            _log.debug("this run is not remembered: %s", error)

    def forget(self) -> bool:
        """Delete everything that was learned; False where there was nothing, or it stays.

        Raises:
            OSError: the file is there and cannot be deleted.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True

    def _lines(self) -> Iterator[tuple[bytes, Kind, float]]:
        """Lines that make sense, oldest first; of a file that grew too long, the end."""
        try:
            with self.path.open("rb") as file:
                begin = max(0, file.seek(0, os.SEEK_END) - 2 * MOST_BYTES)
                file.seek(begin)
                lines = file.read(2 * MOST_BYTES).splitlines(keepends=True)
        except OSError:
            return
        for line in lines[1:] if begin else lines:
            if (told := _told(line)) is not None:
                yield line, *told

    def _rewrite(self) -> None:
        """Keep the newest lines: so many of each kind, and no more than half of what fits."""
        runs: Counter[Kind] = Counter()
        kept: list[bytes] = []
        length = 0
        for line, kind, _ in reversed(list(self._lines())):
            runs[kind] += 1
            if runs[kind] <= MOST_RUNS and length + len(line) <= MOST_BYTES // 2:
                kept.append(line)
                length += len(line)
        fresh = self.path.with_suffix(f".{os.getpid()}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(reversed(kept))
            fresh.replace(self.path)
        except OSError:
            with suppress(OSError):
                fresh.unlink()
            raise


def _told(line: bytes) -> tuple[Kind, float] | None:
    """What one line says, None where it says nothing that makes sense."""
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
        kind = Kind(*(fields[name] for name in Kind._fields))
        needed_s = float(fields["needed_ms"]) / 1e3
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if not (all(isinstance(name, str) for name in kind) and isfinite(needed_s) and needed_s >= 0):
        return None
    return kind, needed_s


def _kept(kind: Kind) -> Kind:
    return Kind(*(name[:MOST_NAME] for name in kind))
