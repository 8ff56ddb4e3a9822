"""Sinks of every kind on fake devices, checked against what a listener would have heard.

The sinks run on streams of `tests.playback.fakes` in virtual time: the test's
own thread is the producer, the writer of `BlockingSink` is a thread of the
scenario, callbacks and aborts from outside are events.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.playback.fakes import RATE_HZ, Device, FakePortAudio
from voicecli.audio.pcm import AudioFormat
from voicecli.playback import portaudio as device_module
from voicecli.playback.blocking import BLOCK_S, BlockingSink
from voicecli.playback.callback import CallbackSink
from voicecli.playback.null import NullSink
from voicecli.playback.policy import JITTER_S, AdaptivePolicy, BufferPolicy
from voicecli.playback.portaudio import find_output_device

FORMAT = AudioFormat(RATE_HZ, 1)
FRAME_S = 1 / RATE_HZ
POLICY = BufferPolicy.fixed(0.1)

KINDS = {
    "ring": (CallbackSink, Device()),
    "ring in bursts": (CallbackSink, Device(burst=3)),
    "ring, slow device": (CallbackSink, Device(latency_s=0.3)),
    "direct": (BlockingSink, Device()),
    "direct, running device": (BlockingSink, Device(host_api="Core Audio", starts_at_write=False)),
    "null": (NullSink, None),
}


AWAIT = object()
"""The next piece will come, but has not been asked for yet."""


class Rig:
    """One kind of sink on a device of its own."""

    def __init__(self, kind, clock, **habits):
        self.kind, self.clock = kind, clock
        self.maker, device = KINDS[kind]
        self.device = device and Device(**{**vars(device), "late_blocks": {}, **habits})
        self.portaudio = FakePortAudio(clock, [self.device])
        self.sink = None

    def make(self, policy=POLICY, **settings):
        if self.maker is NullSink:
            self.sink = NullSink(FORMAT, policy, self.clock, **settings)
            return self.sink
        spawn = () if self.maker is CallbackSink else (self.clock.spawn,)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(device_module, "_portaudio", lambda: self.portaudio)
            device = find_output_device(None)
            self.sink = self.maker(device, FORMAT, policy, self.clock, *spawn, **settings)
        return self.sink

    def play(self, *pieces):
        """Play pieces of samples, with pauses in seconds between them, to the end.

        `AWAIT` says that the next piece will come, but not yet.
        """
        self.sink.start()
        for piece in pieces:
            if isinstance(piece, float):
                self.clock.sleep(piece)
            elif piece is AWAIT:
                self.sink.await_input()
            else:
                self.sink.write(piece)
        self.sink.end_input()
        self.sink.drain()

    @property
    def can_be_heard(self):
        return self.device is not None

    @property
    def stream(self):
        return self.portaudio.streams[-1]

    @property
    def slack_s(self):
        """The delay with which frames may be heard on this device."""
        if self.device is None:
            return FRAME_S
        return (1 + self.device.burst / 4) * self.stream.latency + BLOCK_S

    def check(self):
        """Check the report against what was heard, and return it."""
        report = self.sink.report()
        if not self.can_be_heard:
            return report
        heard = self.stream.recording()
        assert report.heard_frames == pytest.approx(heard.frames, abs=1)
        if heard.frames:
            assert report.first_sound_at == pytest.approx(heard.first_at, abs=FRAME_S)
            assert report.last_sound_at == pytest.approx(heard.last_at, abs=FRAME_S)
        gaps = (*report.underruns, *report.text_waits, *report.pauses)
        silences = Counter()
        for gap in gaps:  # a pause may be a part of one
            silences[round(gap.at_s * RATE_HZ)] += gap.silence_s
        reported = sorted(silences.items())
        assert unmatched(reported, heard.gaps) == unmatched(heard.gaps, reported) == []
        return report

    def check_all_heard(self, samples):
        report = self.check()
        assert report.heard_frames == len(samples)
        if self.can_be_heard:
            assert np.array_equal(self.stream.recording().samples, samples)
        return report


def unmatched(gaps, others):
    """Return the gaps that the others lack; short ones may be within the tolerance."""
    tolerance_s = 2 * FRAME_S
    return [
        (at, silence_s)
        for at, silence_s in gaps
        if silence_s > tolerance_s
        and not any(
            at == pytest.approx(other_at) and silence_s == pytest.approx(other_s, abs=tolerance_s)
            for other_at, other_s in others
        )
    ]


LEARNED = AdaptivePolicy().with_history([0.2] * 5)
WAIT_S = 0.2 * LEARNED.safety + JITTER_S
TRUSTING = AdaptivePolicy().with_history([0.0] * 5)
