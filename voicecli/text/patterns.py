"""Regular expressions compiled when they are first used.

Sets of Chinese characters take milliseconds to compile, and most texts need few of them.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _LazyPattern:
    """Compiles itself at the first use of a method, and then keeps the method."""

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def lazy_pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """Return what behaves like ``re.compile(source, flags)`` and costs nothing yet."""
    return cast("re.Pattern[str]", _LazyPattern(source, flags))
