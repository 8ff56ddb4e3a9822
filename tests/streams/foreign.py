"""Frames of another library: LiveKit's, in all that can be seen from outside."""

from __future__ import annotations


class Foreign:
    """``rtc.AudioFrame`` of livekit 1.1: its data may go on behind its length."""

    def __init__(self, data, sample_rate, num_channels, samples_per_channel):
        self._data = data
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self.samples_per_channel = samples_per_channel

    @property
    def data(self):
        return memoryview(self._data).cast("B").cast("h")
