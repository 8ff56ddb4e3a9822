"""Settings of the interpreter for a quick start, and for sound without gaps after it."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from voicecli.sources.lazy_packages import deferred
from voicecli.telemetry.events import Progressed

if TYPE_CHECKING:
    from voicecli.telemetry.events import Event

SWITCH_INTERVAL_S = 0.001
"""How long a thread that computes may keep the interpreter lock while PortAudio's callback waits.

With Python's 5 ms, a machine whose cores are all busy gets gaps (`benchmarks/starved.py`).
"""


def speed_up_start() -> None:
    """Leave out what costs time before the first sound and is not needed for it."""
    # Importing creates hundreds of thousands of objects and no garbage; scanning them
    # costs 30 ms.
    gc.disable()
    # OpenBLAS, which comes with numpy, starts a thread for each processor. Each spins for 100 ms
    # just when the sound system is loaded. The largest matrix here mixes channels down.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # typer and openai import pydantic. It would scan every installed package for plugins, and
    # imports importlib.metadata for that, which alone takes 4 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with deferred(("importlib.metadata",), ("entry_points",)):
        import importlib.metadata  # noqa: F401, PLC0415  without running it


def favour_audio_callback(event: Event) -> None:
    """Once something was played (or discarded), let nothing hold up the audio callback.

    An observer. The garbage collector is turned on again; imported modules are frozen first:
    they are never garbage, and traversing all of them would take long.
    """
    if isinstance(event, Progressed) and event.snapshot.heard_s > 0 and not gc.isenabled():
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.freeze()
        gc.enable()
