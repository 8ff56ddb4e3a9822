"""Cache answers on this machine: one SQLite file for any number of processes.

SQLite's transactions make a process that is killed at any moment harmless, and writers wait
for one another. `diskcache` has the same file underneath, but neither checksums nor privacy,
and unpickles what it finds. The text is not kept, only a hash of the whole request. The
sound is kept with a checksum, and dropped if they no longer agree. Only the owner can read the
folder and the file. Nothing here raises but `AnswerCache.clear`: a cache that cannot be
used is ignored.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from voicecli.sources.base import SourceInfo

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 256 * 1024 * 1024
"""Upper bound on the sound that is kept: an hour and a half of 24 kHz PCM, a day of opus."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Larger answers are not kept."""

_WAIT_S = 2.0
"""How long a process waits for another one that writes."""

_FOLDER_MODE = 0o700

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, used_at REAL NOT NULL, "
    "size INTEGER NOT NULL, checksum BLOB NOT NULL, info TEXT NOT NULL, data BLOB NOT NULL)"
)
_INDEX = "CREATE INDEX IF NOT EXISTS answers_used_at ON answers (used_at)"


class CachedAnswer(NamedTuple):
    """The bytes of an answer and what was known about them."""

    info: SourceInfo
    data: bytes


class CacheSize(NamedTuple):
    """How much is kept: answers, bytes of sound, and bytes of the file."""

    answers: int
    bytes: int
    file_bytes: int


class AnswerCache:
    """The cache in ``folder``, or where the platform keeps caches; any thread or process.

    At most ``max_bytes`` of sound are kept, the most recently used.
    """

    def __init__(self, folder: Path | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self.fault: str | None = None
        """Why the cache could not be used; None again once an answer was kept."""

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        if self._folder is None:
            import platformdirs  # noqa: PLC0415  mostly loaded by now

            self._folder = platformdirs.user_cache_path("voicecli", appauthor=False) / "answers"
        return self._folder / "answers.sqlite3"

    def get(self, key: bytes) -> CachedAnswer | None:
        """Return the cached answer to a request, or None."""
        answer = None
        with self._ignoring_faults(), self._opened() as database:
            query = "SELECT checksum, info, data FROM answers WHERE key = ?"
            row = database.execute(query, (key,)).fetchone()
            if row is not None:
                answer = _verified(*row)
                if answer is None:
                    database.execute("DELETE FROM answers WHERE key = ?", (key,))
                else:
                    database.execute("PRAGMA busy_timeout = 0")  # a hit must not wait
                    used = "UPDATE answers SET used_at = ? WHERE key = ?"
                    database.execute(used, (time.time(), key))
        return answer

    def put(self, key: bytes, answer: CachedAnswer) -> None:
        """Keep an answer; the least recently used ones make room for it."""
        size = len(answer.data)
        if not 0 < size <= min(MAX_ANSWER_BYTES, self._max_bytes):
            return
        info = json.dumps(answer.info._asdict())
        row = (key, time.time(), size, _checksum(info, answer.data), info, answer.data)
        with self._ignoring_faults(), self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM answers WHERE key = ?", (key,))
            self._make_room(database, size)
            database.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
            database.execute("COMMIT")
            self.fault = None  # another process may only have been writing

    def drop(self, key: bytes) -> None:
        """Keep an answer no longer."""
        with self._ignoring_faults():
            if self.path.exists():
                with self._opened() as database:
                    database.execute("DELETE FROM answers WHERE key = ?", (key,))

    def size(self) -> CacheSize:
        """Return how much is kept."""
        answers = size = file_bytes = 0
        with self._ignoring_faults():
            if self.path.exists():
                with self._opened() as database:
                    query = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM answers"
                    answers, size = database.execute(query).fetchone()
                    file_bytes = self.path.stat().st_size
        return CacheSize(answers, size, file_bytes)

    def clear(self) -> bool:
        """Delete everything; False if there was nothing.

        Raises:
            OSError: the file exists and cannot be deleted.
        """
        existed = False
        for suffix in ("", "-journal"):
            path = self.path.with_name(self.path.name + suffix)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                existed = True
        return existed

    def _make_room(self, database: sqlite3.Connection, size: int) -> None:
        (kept,) = database.execute("SELECT COALESCE(SUM(size), 0) FROM answers").fetchone()
        excess = kept + size - self._max_bytes
        oldest = database.execute("SELECT key, size FROM answers ORDER BY used_at")
        dropped = []
        for key, freed in oldest if excess > 0 else ():
            if excess <= 0:
                break
            dropped.append((key,))
            excess -= freed
        database.executemany("DELETE FROM answers WHERE key = ?", dropped)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # noqa: PLC0415  only with a cache

        self._make_file()
        database = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
        try:
            database.execute("PRAGMA auto_vacuum = FULL")  # the file shrinks as well
            # If the process dies nothing is lost; if the machine does, checksums show the damage.
            database.execute("PRAGMA synchronous = OFF")
            database.execute(_SCHEMA)
            database.execute(_INDEX)
            yield database
        finally:
            database.close()

    def _make_file(self) -> None:
        """Make the folder and the file, for their owner; SQLite's own files follow its mode."""
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.stat()
        _check_owner(found)
        if found.st_mode & 0o777 != _FOLDER_MODE:
            folder.chmod(_FOLDER_MODE)
        # Without O_NONBLOCK, a named pipe would be waited for.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        try:
            _check_owner(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _ignoring_faults(self) -> Iterator[None]:
        """Ignore a cache that cannot be used; one that is damaged is deleted."""
        import sqlite3  # noqa: PLC0415  only with a cache

        try:
            yield
        except sqlite3.DatabaseError as error:
            is_usable = isinstance(error, sqlite3.OperationalError)  # but locked, full, read-only
            if is_usable and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                self.fault = str(error)
                return
            try:
                self.clear()  # damaged, or a table of another shape
            except OSError as stuck:
                self.fault = f"{error}; it cannot be deleted: {stuck.strerror}"
        except OSError as error:
            self.fault = f"{error.strerror or error}: {self.path.parent}"


def _check_owner(found: os.stat_result) -> None:
    """Check that a folder or file is ours: its owner could put any sound into it.

    Raises:
        PermissionError: it is somebody else's, as with ``sudo`` in the home of a user.
    """
    if found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"it belongs to another user, number {found.st_uid}")


def _verified(checksum: object, info: object, data: object) -> CachedAnswer | None:
    """Return a stored answer if its checksum is right, else None."""
    if not isinstance(info, str) or not isinstance(data, bytes):
        return None
    if _checksum(info, data) != checksum:
        return None
    stored = json.loads(info)  # perhaps by another version
    fields = {name: stored[name] for name in SourceInfo._fields if name in stored}
    return CachedAnswer(SourceInfo(**fields | {"warnings": ()}), data)


def _checksum(info: str, data: bytes) -> bytes:
    return hashlib.sha256(info.encode() + b"\0" + data).digest()
