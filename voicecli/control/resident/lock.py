"""The resident's lock: one process has it, and its file names that process."""

from __future__ import annotations

import fcntl
import os
import time

from voicecli.control.runtime import runtime_folder

LOCK_NAME = "resident.lock"

_PROBE_S = 0.05
"""More than `holder` takes, which has the lock for a moment if nobody else has."""


def lock_path(folder: str) -> str:
    """Return the path of the lock in a runtime folder."""
    return os.path.join(folder, LOCK_NAME)


def take(folder: str) -> int | None:
    """Take the lock, and return its descriptor; None if another process has it.

    Forked processes have to close the descriptor, or they keep the lock.

    Raises:
        OSError: the file cannot be opened or written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(lock_path(folder), flags, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PROBE_S)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d" % os.getpid(), 0)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


def holder() -> int | None:
    """Return the process that has the lock; None if none has, or if it is not named.

    The kernel releases the lock of a process that ends, so a number that was left behind by
    one is not returned, except between the moment when another takes the lock and its `pwrite`.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        lock = os.open(lock_path(runtime_folder()), flags)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        name = os.read(lock, 20)
        return int(name) if name.isdigit() and int(name) > 1 else None
    except OSError:
        return None
    finally:
        os.close(lock)
    return None
