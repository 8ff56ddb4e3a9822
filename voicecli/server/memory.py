"""Memory of worker threads.

glibc gives each thread a heap of its own and rarely returns memory from it. With dozens
of worker threads a server keeps several times the memory that it uses.
"""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX = -8
"""From glibc's ``malloc.h``; see mallopt(3)."""


def limit_heaps(count: int = 2) -> None:
    """Let the threads started from now on share ``count`` heaps, if this is glibc."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, count)
