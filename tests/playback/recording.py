"""What a listener would have heard of a fake stream."""

from __future__ import annotations

import numpy as np


class Recording:
    """What a listener heard: every frame that is not silent, and when."""

    def __init__(self, blocks, rate_hz, channels):
        self.rate_hz = rate_hz
        empty = np.zeros((0, channels))
        samples = np.concatenate([empty, *(s for _, s in blocks)])
        times = np.concatenate(
            [np.zeros(0), *(at + np.arange(s.shape[0]) / rate_hz for at, s in blocks)]
        )
        sounding = samples.any(axis=1)
        self.samples = samples[sounding]
        self.times = times[sounding]

    @property
    def frames(self):
        return len(self.samples)

    @property
    def first_at(self):
        return self.times[0]

    @property
    def last_at(self):
        return self.times[-1] + 1 / self.rate_hz

    @property
    def gaps(self):
        """(frames before it, seconds) of every gap in the sound."""
        steps = np.diff(self.times) - 1 / self.rate_hz
        return [(int(i) + 1, float(steps[i])) for i in np.flatnonzero(steps > 0.5 / self.rate_hz)]
