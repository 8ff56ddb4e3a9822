"""How this process was launched: when it started, and what was already loaded.

The wait of a person at a prompt includes starting the interpreter and importing. With a
resident, the process that the person started is another one.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.sources.voicecache import VoiceCache

_LOADED_AT = time.monotonic()


@dataclass
class Launch:
    """What a worker of the resident knows about the command that it runs for another process.

    ``started_at`` is when that was started, on the clock of `time.monotonic`, ``pid`` is
    its number and ``parent`` is who started it. ``voices`` are loaded already.
    ``show_keys`` asks for the keys of its terminal, and ``press`` is what they do. ``note``
    is why a resident was not used.
    """

    started_at: float | None = None
    pid: int = field(default_factory=os.getpid)
    parent: int = field(default_factory=os.getppid)
    note: str | None = None
    voices: VoiceCache | None = None
    show_keys: Callable[[], None] | None = None
    press: Callable[[str], None] | None = None


this_launch = Launch()
"""The launch of this process; once its command has begun, only that may change it."""


def process_started_at() -> float:
    """Return the start of the process that a person started, in seconds of `time.monotonic`.

    On systems without ``/proc`` it is the time at which this module was loaded, about
    20 ms late.
    """
    if this_launch.started_at is not None:
        return this_launch.started_at
    started_at = started_at_of("self", time.monotonic() - time.process_time())
    return _LOADED_AT if started_at is None else started_at


def started_at_of(pid: int | str, latest: float) -> float | None:
    """Return the start of a process on the clock of `time.monotonic`, in seconds.

    Linux has it in ``/proc/PID/stat`` (field 22, proc(5)), since boot and rounded down to
    a clock tick of 10 ms. The middle of the possible range is returned, so it is at most
    5 ms off. ``latest`` narrows the range: it had been started by then. None if the system
    does not say.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        tick_s = 1 / os.sysconf("SC_CLK_TCK")
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    earliest = ticks * tick_s + time.monotonic() - since_boot
    return (earliest + max(earliest, min(earliest + tick_s, latest))) / 2
