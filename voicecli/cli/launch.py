"""When this process was started, as precisely as the operating system reports it.

The wait of a person at a prompt includes starting the interpreter and importing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_LOADED_AT = time.monotonic()


def process_started_at() -> float:
    """Return the start of this process on the clock of `time.monotonic`, in seconds.

    Linux has it in ``/proc/self/stat`` (field 22, proc(5)), since boot and rounded
    down to a clock tick of 10 ms. The middle of the possible range is returned, so
    it is at most 5 ms off. The CPU time used so far narrows the range. On other
    systems it is the time at which this module was loaded, about 20 ms late.
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
