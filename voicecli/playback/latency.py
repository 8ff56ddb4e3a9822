"""Choose how much audio a sound device buffers: as little as plays without gaps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.config.learnedfile import MAX_NAME_CHARACTERS, LearnedFile

if TYPE_CHECKING:
    from voicecli.playback.base import SinkReport

LATENCY_S = 0.04
"""Audio that a device buffers; it takes 1.25 times as much.

What the device has taken is still heard after a pause, so this is how long a pause takes to
fall silent. With half of it the device starves on a busy machine.
"""

BUSY_LATENCY_S = 0.1
"""The same on an overloaded machine: 50 ms starved beside two busy loops."""

MAX_LATENCY_S = 0.5
"""The largest buffer that is tried."""

_CURABLE_S = 0.25
"""Gaps longer than this have another cause than a small buffer."""

_DECAY = 0.9
"""Factor by which a run without gaps shrinks a larger buffer."""

_ENVIRONMENT = ("PULSE_LATENCY_MSEC", "PIPEWIRE_LATENCY", "PIPEWIRE_QUANTUM")


def ignore_environment() -> None:
    """Remove the variables that make sound servers change the buffer silently.

    With ``PULSE_LATENCY_MSEC`` the device holds more or less than it reports, so that tails
    are cut or the stream starves.
    """
    for name in _ENVIRONMENT:
        os.environ.pop(name, None)


class LatencyFile(LearnedFile):
    """The file of the buffers that devices needed: ``{"ALSA pulse": 80}``, in ms."""

    name = "devices.json"

    def get(self, device: str) -> float:
        """Return the buffer that a device needed, in seconds; 0 if it is not known."""
        return self.all().get(device[:MAX_NAME_CHARACTERS], 0.0)

    def all(self) -> dict[str, float]:
        """Return what every known device needed, in seconds, oldest first."""
        return {
            device: value / 1e3
            for device, value in self._read().items()
            if isinstance(value, int | float) and 0 < value <= MAX_LATENCY_S * 1e3
        }

    def put(self, device: str, latency_s: float) -> None:
        """Remember what a device needs."""
        self._write(device[:MAX_NAME_CHARACTERS], round(latency_s * 1e3, 1))


class DeviceLatency:
    """The buffer of one device.

    ``device`` names it and the server it is on; ``fixed_s`` is a buffer to be used as it is;
    without a ``file`` nothing is remembered.
    """

    def __init__(
        self, device: str, fixed_s: float | None = None, file: LatencyFile | None = None
    ) -> None:
        self._device = device
        self._fixed_s = fixed_s
        self._file = file

    @property
    def may_grow(self) -> bool:
        """Whether a device that opens slowly gets a larger buffer at once."""
        return self._fixed_s is None

    def choose_s(self) -> float:
        """Return the buffer to open the device with, in seconds."""
        if self._fixed_s is not None:
            return self._fixed_s
        known_s = self._file.get(self._device) if self._file is not None else 0.0
        return max(known_s, BUSY_LATENCY_S if is_machine_busy() else LATENCY_S)

    def learn(self, latency_s: float, report: SinkReport) -> None:
        """Remember the buffer for the next run, after one with a buffer of ``latency_s``."""
        if self._file is None or self._fixed_s is not None:
            return
        known_s = self._file.get(self._device)
        next_s = next_latency_s(latency_s, known_s, report)
        if next_s != known_s:
            self._file.put(self._device, next_s)


def next_latency_s(latency_s: float, known_s: float, report: SinkReport) -> float:
    """Return the buffer for the run after one with ``latency_s``; ``known_s`` was remembered.

    It doubles if the device ran empty, and shrinks gradually if not.
    """
    gaps = [gap for gap in report.underruns if gap.is_device and gap.silence_s < _CURABLE_S]
    if gaps:
        return min(MAX_LATENCY_S, 2 * latency_s)
    if known_s == 0:
        return 0.0
    return max(known_s * _DECAY, LATENCY_S)


def is_machine_busy() -> bool:
    """Return whether more than three threads a core are ready to run, if the system says so."""
    try:
        runnable = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return False
    return runnable > 3 * (os.cpu_count() or 1)
