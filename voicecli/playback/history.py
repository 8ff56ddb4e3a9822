"""What past runs needed: learned per endpoint, model and format, kept between runs.

A file of JSON lines in the platform's cache folder, one line a run::

    {"endpoint": "http://localhost:8880/v1", "model": "kokoro", "format": "opus", "needed_ms": 41.5}

What a run needed is negative if all its audio came early. The file holds no text, no
voice, no key and no time of day. A run appends its line in one write (``O_APPEND``), so
any number of processes may append at once. A process that finds the file too long writes
its newest part to a new file, which replaces the old one in one step. A line appended by
another process at that moment is lost, which does not matter. Lines that make no sense are
skipped, and dropped by the next rewrite. Nothing here raises: a cache that cannot be used
is ignored.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, CacheFile
from voicecli.config.regularfile import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.playback.base import SinkReport

MAX_BYTES = 64 * 1024
"""Length at which the file is rewritten: about 500 runs."""

MAX_RUNS = 32
"""Runs kept per key; older ones hardly count."""

_STILL_S = 0.25
"""Longest silence of a device in a run that says something about its endpoint."""

_log = logging.getLogger(__name__)


class HistoryKey(NamedTuple):
    """Identifies runs that can learn from one another. ``endpoint`` is its label."""

    endpoint: str
    model: str
    format: str


class History:
    """The past runs of one endpoint, model and format; ``file`` None is the platform's.

    The file is read once, by the first `recent`. One thread at a time, but for `mix`.
    """

    def __init__(self, key: HistoryKey, file: HistoryFile | None = None) -> None:
        self.key = key
        self._file = file or HistoryFile()
        self._recent: tuple[float, ...] | None = None
        self._is_mixed = False

    def recent(self) -> tuple[float, ...]:
        """Return what past runs needed (`SinkReport.needed_s`), newest last."""
        if self._recent is None:
            self._recent = self._file.runs(self.key)
        return self._recent

    def mix(self) -> None:
        """Note that another endpoint, or a cache, also spoke in this run; any thread."""
        self._is_mixed = True

    def learn(self, report: SinkReport) -> None:
        """Remember a run that was heard to its end.

        What was not heard does not count: the disk may have slowed it down. Nor does a mixed
        run, nor one in which the process or the device stood still, for then arrivals are
        late as well.
        """
        if report.first_sound_at is None or report.needed_s is None or self._is_mixed:
            return
        if not any(gap.is_device and gap.silence_s > _STILL_S for gap in report.underruns):
            self.add(report.needed_s)

    def add(self, needed_s: float) -> None:
        """Remember a run."""
        self._file.add(self.key, needed_s)
        if self._recent is not None:
            self._recent = (*self._recent, needed_s)[-MAX_RUNS:]


class HistoryFile(CacheFile):
    """The file of all runs."""

    name: ClassVar[str] = "arrivals.jsonl"

    def runs(self, key: HistoryKey) -> tuple[float, ...]:
        """Return what past runs with ``key`` needed, in seconds, newest last."""
        return self.all_runs().get(_shortened(key), ())

    def all_runs(self) -> dict[HistoryKey, tuple[float, ...]]:
        """Return what all past runs needed, by key, in seconds, newest last."""
        found: dict[HistoryKey, tuple[float, ...]] = {}
        for _, key, needed_s in self._lines():
            found[key] = (*found.get(key, ()), needed_s)[-MAX_RUNS:]
        return found

    def add(self, key: HistoryKey, needed_s: float) -> None:
        """Append a run."""
        line = _shortened(key)._asdict() | {"needed_ms": round(needed_s * 1e3, 1)}
        data = (json.dumps(line) + "\n").encode("ascii")
        try:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, data)
                length = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
            if length > MAX_BYTES:
                self._rewrite()
        except OSError as error:
            _log.debug("this run is not remembered: %s", error)

    def _lines(self) -> Iterator[tuple[bytes, HistoryKey, float]]:
        """Yield the valid lines, oldest first; of an overlong file only those at its end."""
        try:
            with open_regular(self.path) as file:
                begin = max(0, file.seek(0, os.SEEK_END) - 2 * MAX_BYTES)
                file.seek(begin)
                lines = file.read(2 * MAX_BYTES).splitlines(keepends=True)
        except OSError:
            return
        for line in lines[1:] if begin else lines:
            if (parsed := _parse(line)) is not None:
                yield line, *parsed

    def _rewrite(self) -> None:
        """Keep the newest lines: `MAX_RUNS` per key, and at most half of `MAX_BYTES`."""
        runs: Counter[HistoryKey] = Counter()
        kept: list[bytes] = []
        length = 0
        for line, key, _ in reversed(list(self._lines())):
            runs[key] += 1
            if runs[key] <= MAX_RUNS and length + len(line) <= MAX_BYTES // 2:
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


def _parse(line: bytes) -> tuple[HistoryKey, float] | None:
    """Parse one line; None if it is not valid."""
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
        key = HistoryKey(*(fields[name] for name in HistoryKey._fields))
        needed_s = float(fields["needed_ms"]) / 1e3
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if not (all(isinstance(name, str) for name in key) and isfinite(needed_s)):
        return None
    return key, needed_s


def _shortened(key: HistoryKey) -> HistoryKey:
    return HistoryKey(*(name[:MAX_NAME_CHARACTERS] for name in key))
