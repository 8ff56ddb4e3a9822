"""Signals to encode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(frames: int, channels: int = 1, seed: int = 1) -> NDArray[np.int16]:
    """White noise of shape (frames, channels): no two stretches are alike."""
    rng = np.random.default_rng(seed)
    return rng.integers(-20_000, 20_000, (frames, channels)).astype("<i2")


def tone(frames: int, channels: int = 1, rate_hz: int = 48_000) -> NDArray[np.int16]:
    """440 Hz at half scale, of shape (frames, channels)."""
    wave = np.rint(16_000 * np.sin(2 * np.pi * 440 * np.arange(frames) / rate_hz))
    return np.repeat(wave.astype("<i2")[:, None], channels, axis=1)
