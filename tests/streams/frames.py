"""Helpers for frames: joining them, collecting them, and frames of another library."""

from __future__ import annotations

import numpy as np
import pytest


def joined(frames):
    """All samples, of shape (frames, channels)."""
    return np.concatenate([frame.to_numpy() for frame in frames])


def cut(data, size):
    """``data`` in pieces of ``size``."""
    return [data[at : at + size] for at in range(0, len(data), size)]


async def collect(stream, items):
    """Append what ``stream`` yields to ``items``, also if it raises."""
    async for item in stream:
        items.append(item)


async def until_fault(stream, fault):
    """Iterate until ``fault`` is raised; return the items before it."""
    items = []
    with pytest.raises(fault):
        await collect(stream, items)
    assert [item async for item in stream] == []  # a fault is raised once
    return items


class ForeignFrame:
    """Looks like ``rtc.AudioFrame`` of livekit 1.1; its data may exceed its length."""

    def __init__(self, data, sample_rate, num_channels, samples_per_channel):
        self._data = data
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self.samples_per_channel = samples_per_channel

    @property
    def data(self):
        return memoryview(self._data).cast("B").cast("h")
