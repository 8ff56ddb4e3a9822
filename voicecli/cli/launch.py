"""When this process was started, as precisely as the operating system tells.

What a person at a prompt waits for begins at the return key, not at our first
line of Python: starting the interpreter and importing are part of it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_LOADED_AT = time.monotonic()


def process_started_at() -> float:
    """The start of this process on the clock of `time.monotonic`, in seconds.

    Linux tells it in ``/proc/self/stat`` (field 22, proc(5)) since boot, cut
    down to a clock tick of 10 ms; the middle of what remains possible is
    returned, so it is at most 5 ms off. The CPU time spent so far narrows it:
    a process cannot have computed for longer than it has lived. Elsewhere it is
    the moment at which this module was loaded, which comes some 20 ms late.
    """
    try:
        stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        tick_s = 1 / os.sysconf("SC_CLK_TCK")
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError, IndexError, AttributeError):
        return _LOADED_AT
    now = time.monotonic()
    boot_to_monotonic = now - since_boot
    earliest = ticks * tick_s + boot_to_monotonic
    latest = min(earliest + tick_s, now - time.process_time())
    return (earliest + max(earliest, latest)) / 2
