"""Keep memory small where the built-in voice speaks, on dozens of threads or for days.

glibc gives each thread a heap of its own and rarely returns memory from it. The voice's
arrays are large and of many sizes, and each client of a server that reads slowly keeps one
sentence of samples; as mapped blocks these do not fragment a heap, and are returned at once.
"""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
"""From glibc's ``malloc.h``; see mallopt(3)."""

_MAPPED_BYTES = 128 * 1024
"""The threshold that glibc begins with, and raises unless it is set."""


def limit_heaps(count: int = 2) -> None:
    """Let the threads started from now on share ``count`` heaps, if this is glibc."""
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, count)
        library.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def return_unused() -> None:
    """Return what loading the voice left behind to the system, if this is glibc."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
