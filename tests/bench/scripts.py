"""Answers that arrive at set times, and sessions on the null device that play them."""

from __future__ import annotations

import itertools
import random

from tests.session.fakes import FORMAT, FakeClock, ScriptedSource, Watcher, cut_off, sound
from tests.session.outputs import FakeOutput
from voicecli.bench.components.sound import clip
from voicecli.bench.simulate import CostlessRecorder
from voicecli.codecs.decoding.auto import AutoDecoder
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.session import Session, SessionSettings
from voicecli.session import session as session_module
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events

OPENED = ScriptedSource.OPENED
AT_ONCE = BufferPolicy.fixed(0.0)


class Script:
    """Chunks that arrive at set times, perhaps followed by a fault.

    Sessions decode on a thread of their own. Between two chunks the script waits for
    it, so that blocks are decoded at the same times in every run.
    """

    def __init__(self, chunks, gaps_s, *, info=None, fault=None, fails=False):
        self.chunks = chunks
        self.gaps_s = gaps_s
        self.info = info or SourceInfo("pcm", None, FORMAT.rate_hz, 1)
        self.fault = fault
        self.fails = fails or fault is not None

    def source(self, clock, after_each=lambda number: None):
        steps = [0.05, OPENED]
        for number, (gap_s, chunk) in enumerate(zip(self.gaps_s, self.chunks, strict=True)):
            steps += [gap_s, chunk, lambda number=number: after_each(number)]
        steps += [0.125, *([self.fault] if self.fault else [])]
        return ScriptedSource(steps, clock=clock, info=self.info)

    def frames_after_each(self):
        """Frames decoded by the end of each chunk."""
        info = self.info
        decoder = AutoDecoder(info.requested, info.content_type, info.rate_hz, info.channels)
        counts = (sum(pcm.frames for pcm in decoder.feed(chunk)) for chunk in self.chunks)
        return list(itertools.accumulate(counts))


class Observed:
    """What observers know about a run."""

    def __init__(self):
        self.recorder = CostlessRecorder("the run")
        self.watcher = Watcher()
        self.observers = [self.recorder, self.watcher]

    @property
    def metrics(self):
        spoken_s = 0.0
        for ended in self.watcher.all(events.PlaybackEnded):
            spoken_s = ended.report.heard_frames / self.recorder.result()["rate_hz"]
        return self.recorder.result(spoken_s=spoken_s)


def run_session(script, policy, monkeypatch, *, observers=lambda clock: []):
    """Play a script in a session; ``observers`` makes more of them, on its clock."""
    observed, clock = Observed(), FakeClock()
    output = FakeOutput(policy=policy)
    monkeypatch.setattr(session_module, "TICK_S", 0.002)
    frames = script.frames_after_each()
    open_sink = output.open

    def open_patient_sink(wanted, **options):
        """Open a sink that plays on, which moves the clock, only once a fault was reported."""
        sink = open_sink(wanted, **options)
        end_input = sink.end_input

        def end_once_reported():
            if script.fails:
                observed.watcher.wait_for_event(events.Failed)
            end_input()

        sink.end_input = end_once_reported
        return sink

    output.open = open_patient_sink

    def until_decoded(number):
        if frames[number]:
            assert output.opened.wait(20)
            output.sink.wait_for(frames[number])

    settings = SessionSettings(FetchLimits(retries=0))
    every = [*observed.observers, *observers(clock)]
    session = Session(output, settings, observers=every, clock=clock)
    session.run([script.source(clock, until_decoded)])
    return observed


def split(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def jittery(chunks, rate, seed):
    """Gaps that follow one another as those of a server at ``rate`` times real time do."""
    rng = random.Random(seed)
    mean_s = 2.0 / rate / len(chunks)
    return [round(rng.choice([0.0, 0.5, 1.0, 2.0]) * mean_s, 3) for _ in chunks]


def answer(codec, size, rate, *, seed=1, fault=None):
    chunks = split(clip(codec, 2.0, 24_000), size)
    info = SourceInfo(codec, None, 24_000, 1)
    return Script(chunks, jittery(chunks, rate, seed), info=info, fault=fault)


SCRIPTS = {
    "pcm in time": answer("pcm", 4801, 4.0),
    "pcm, late": answer("pcm", 4801, 0.8),
    "wav, late": answer("wav", 3001, 0.9, seed=2),
    "opus": answer("opus", 700, 1.2),
    "opus, late": answer("opus", 700, 0.7, seed=3),
    "mp3, late": answer("mp3", 701, 0.7, seed=4),
    "flac": answer("flac", 5000, 1.0, seed=5),
    "aac": answer("aac", 1000, 1.1, seed=6),
    "broken off": answer("opus", 700, 0.9, fault=cut_off()),
    "broken off at once": Script([], [], fault=cut_off()),
    "pcm cut inside a frame": Script([sound(0.5), sound(0.5)[:-1]], [0.1, 0.9], fails=True),
    "silent answer": Script([b"RIFF\xff\xff\xff\xffWAVE"], [0.1], info=SourceInfo("wav")),
    "nothing": Script([], []),
    "a complaint": Script([b'{"detail": "no"}'], [0.1], info=SourceInfo("mp3", "text/json")),
    "two rates": Script(
        [clip("wav", 0.5, 24_000), clip("wav", 0.5, 16_000)], [0.1, 0.8], info=SourceInfo("wav")
    ),
}
LATE = ["opus, late", "mp3, late", "two rates"]
"""Scripts in which every policy makes a difference."""

POLICIES = {
    "at once": AT_ONCE,
    "300 ms": BufferPolicy.fixed(0.3),
    "auto": AdaptivePolicy(),
    "learned": AdaptivePolicy((0.3, 0.2, 0.4)),
}

RUNS = [(script, "at once") for script in SCRIPTS]
RUNS += [(script, policy) for script in LATE for policy in POLICIES if policy != "at once"]
"""Every script under one policy, and some under all: names of both."""
