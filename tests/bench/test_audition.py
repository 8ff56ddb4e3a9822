"""An audition tells what a session on the null device tells, and waits for nothing."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from tests.session.fakes import (
    FORMAT,
    FakeClock,
    FakeSpeaker,
    ScriptedSource,
    Watcher,
    cut_off,
    sound,
)
from voicecli.bench import audition as module
from voicecli.bench.audition import CostlessRecorder, audition
from voicecli.bench.sound import clip
from voicecli.clock import SystemClock, VirtualClock
from voicecli.codecs.registry import AutoDecoder
from voicecli.errors import (
    BadResponse,
    ConfigError,
    NetworkError,
    NothingToSay,
    TruncatedStream,
    UnsupportedFormat,
    VoiceError,
)
from voicecli.metrics import Recorder
from voicecli.observers import Observers
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.playback.speaker import SpeakerSettings
from voicecli.session import Session, SessionSettings
from voicecli.session import session as session_module
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.base import SourceInfo

OPENED = ScriptedSource.OPENED
AT_ONCE = BufferPolicy.fixed(0.0)


def hear(*steps, policy=AT_ONCE, info=None, observers=(), clock=None, **options):
    """An audition of one script."""
    clock = clock or FakeClock()
    source = ScriptedSource(list(steps), clock=clock, info=info)
    return audition(source, clock=clock, policy=policy, observers=observers, **options)


# As a session hears it


class Script:
    """Chunks that come at set times, after which it may break off; for both to hear.

    Sessions decode on a thread of their own: between two chunks the script waits
    for it, so that what is decoded when is the same in every run.
    """

    def __init__(self, chunks, gaps_s, *, info=None, fault=None):
        self.chunks = chunks
        self.gaps_s = gaps_s
        self.info = info or SourceInfo("pcm", None, FORMAT.rate_hz, 1)
        self.fault = fault

    def source(self, clock, after_each=lambda number: None):
        steps = [0.05, OPENED]
        for number, (gap_s, chunk) in enumerate(zip(self.gaps_s, self.chunks, strict=True)):
            steps += [gap_s, chunk, lambda number=number: after_each(number)]
        steps += [0.125, *([self.fault] if self.fault else [])]
        return ScriptedSource(steps, clock=clock, info=self.info)

    def frames_after_each(self):
        """How many frames are decoded by each chunk, those before it included."""
        info = self.info
        decoder = AutoDecoder(info.requested, info.content_type, info.rate_hz, info.channels)
        counts = (sum(pcm.frames for pcm in decoder.feed(chunk)) for chunk in self.chunks)
        return list(itertools.accumulate(counts))


class Heard:
    """What observers know of a run."""

    def __init__(self):
        self.recorder = CostlessRecorder("the run")
        self.watcher = Watcher()
        self.observers = [self.recorder, self.watcher]

    @property
    def metrics(self):
        (ended,) = self.watcher.all("playback_ended") or [(0.0, None)]
        return self.recorder.result(spoken_s=ended[1].heard_frames if ended[1] else 0.0)


def by_session(script, policy, monkeypatch):
    heard, clock = Heard(), FakeClock()
    speaker = FakeSpeaker(clock)
    monkeypatch.setattr(session_module, "Speaker", speaker.made_by)
    monkeypatch.setattr(session_module, "TICK_S", 0.002)
    frames = script.frames_after_each()

    def until_decoded(number):
        if frames[number]:
            assert speaker.opened.wait(20)
            speaker.sink.wait_for(frames[number])

    settings = SessionSettings(SpeakerSettings(policy, "null"), FetchLimits(retries=0))
    session = Session(settings, observers=heard.observers, clock=clock)
    session.run([script.source(clock, until_decoded)])
    return heard


def by_audition(script, policy):
    heard, clock = Heard(), FakeClock()
    try:
        run = audition(
            script.source(clock), clock=clock, policy=policy, run_id="the run",
            observers=heard.observers, measures_cpu=False,
        )  # fmt: skip
    except VoiceError:
        return heard  # which error it was, `failed` told
    assert run.metrics == {**heard.metrics, "spoken_s": run.metrics["spoken_s"]}
    return heard


def split(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def jittery(chunks, rate, seed):
    """Gaps that follow one another as those of a server at ``rate`` times real time do."""
    rng = random.Random(seed)
    mean_s = 2.0 / rate / len(chunks)
    return [rng.choice([0.0, 0.5, 1.0, 2.0]) * mean_s for _ in chunks]


def spoken(codec, size, rate, *, seed=1, fault=None):
    chunks = split(clip(codec, 2.0, 24_000), size)
    info = SourceInfo(codec, None, 24_000, 1)
    return Script(chunks, jittery(chunks, rate, seed), info=info, fault=fault)


SCRIPTS = {
    "pcm in time": spoken("pcm", 4801, 4.0),
    "pcm, late": spoken("pcm", 4801, 0.8),
    "wav, late": spoken("wav", 3001, 0.9, seed=2),
    "opus": spoken("opus", 700, 1.2),
    "opus, late": spoken("opus", 700, 0.7, seed=3),
    "mp3, late": spoken("mp3", 701, 0.7, seed=4),
    "flac": spoken("flac", 5000, 1.0, seed=5),
    "aac": spoken("aac", 1000, 1.1, seed=6),
    "broken off": spoken("opus", 700, 0.9, fault=cut_off()),
    "broken off at once": Script([], [], fault=cut_off()),
    "pcm cut inside a frame": Script([sound(0.5), sound(0.5)[:-1]], [0.1, 0.9]),
    "silent answer": Script([b"RIFF\xff\xff\xff\xffWAVE"], [0.1], info=SourceInfo("wav")),
    "nothing": Script([], []),
    "a complaint": Script([b'{"detail": "no"}'], [0.1], info=SourceInfo("mp3", "text/json")),
    "two rates": Script(
        [clip("wav", 0.5, 24_000), clip("wav", 0.5, 16_000)], [0.1, 0.8], info=SourceInfo("wav")
    ),
}
POLICIES = {
    "at once": AT_ONCE,
    "300 ms": BufferPolicy.fixed(0.3),
    "auto": AdaptivePolicy(),
    "learned": AdaptivePolicy((0.3, 0.2, 0.4)),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_it_tells_what_a_session_on_the_null_device_tells(script, policy, monkeypatch):
    script, policy = SCRIPTS[script], POLICIES[policy]
    expected, heard = by_session(script, policy, monkeypatch), by_audition(script, policy)
    assert heard.metrics == expected.metrics
    assert heard.recorder.arrival_curve() == expected.recorder.arrival_curve()
    for hook in ("requested", "request_sent", "answered", "received", "received_bytes",
                 "received_all", "recognised", "playback_started", "underran"):  # fmt: skip
        assert heard.watcher.all(hook) == expected.watcher.all(hook), hook
    assert [str(error) for _, error in heard.watcher.all("failed")] == [
        str(error) for _, error in expected.watcher.all("failed")
    ]
    assert heard.watcher.states[-1] == expected.watcher.states[-1]


def test_the_scripts_hold_what_they_are_there_for():
    holes = {
        name: by_audition(script, AT_ONCE).metrics["underruns"]["sink"]["count"]
        for name, script in SCRIPTS.items()
    }
    assert holes["pcm in time"] == 0
    assert min(holes[name] for name in holes if "late" in name) > 0


# What it raises


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([cut_off(), OPENED], NetworkError),
        ([b"\0\0", cut_off()], NetworkError),
        ([NothingToSay("nothing")], NothingToSay),
        ([sound(0.1), b"\0"], TruncatedStream),
        ([], BadResponse),
    ],
)
def test_faults_are_raised_once_what_came_was_played(steps, error):
    watcher = Watcher()
    with pytest.raises(error):
        hear(*steps, observers=[watcher])
    assert len(watcher.all("failed")) == 1
    assert watcher.states == ["connecting", "draining", "failed"]


def test_a_source_that_cannot_be_asked():
    def warms():
        raise ConfigError("no such voice")

    watcher = Watcher()
    with pytest.raises(ConfigError, match="no such voice"):
        audition(
            ScriptedSource([], warms=warms),
            clock=FakeClock(), policy=AT_ONCE, observers=[watcher],
        )  # fmt: skip
    assert watcher.all("requested") == []


def test_what_was_decoded_is_heard_before_the_source_s_fault():
    """The tail that a decoder holds back until it knows that nothing follows, too."""
    chunks = split(clip("mp3", 1.0, 24_000), 700)
    recorder = Recorder("x")
    with pytest.raises(NetworkError):
        hear(*chunks, cut_off(), info=SourceInfo("mp3"), observers=[recorder])
    assert recorder.audio_s == pytest.approx(1.0, abs=0.06)


def test_a_source_is_left_at_once_when_its_bytes_are_no_sound():
    asked = []
    mp4 = b"\0\0\0\x20ftypM4A " + bytes(8000)
    source = ScriptedSource([mp4, lambda: asked.append(1), b"\0\0"])
    with pytest.raises(UnsupportedFormat):
        audition(source, clock=FakeClock(), policy=AT_ONCE)
    assert (asked, source.left) == ([], 1)


def test_a_defect_leaves_the_source_and_passes():
    source = ScriptedSource([b"\0\0", ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        audition(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.left == 1


# How the source is driven


def test_warming_up_and_what_it_says_meanwhile_are_before_the_request():
    clock, watcher = FakeClock(), Watcher()
    source = ScriptedSource([b"\0\0"], clock=clock)

    def warm():
        clock.advance(5.0)
        source._sent()

    source.warm = warm
    run = audition(source, clock=clock, policy=AT_ONCE, observers=[watcher])
    assert watcher.all("requested") == [(1005.0, "a script")]
    assert len(watcher.all("request_sent")) == 1, "the second time, on entering"
    assert run.metrics["ttfb_ms"] == 0.0


def test_connections_are_told():
    class Dialling(ScriptedSource):
        def when_connected(self, callback):
            self._connected = callback

        def __enter__(self):
            self._clock.advance(0.02)
            self._connected()
            return super().__enter__()

    clock = FakeClock()
    run = audition(Dialling([b"\0\0"], clock=clock), clock=clock, policy=AT_ONCE)
    assert run.metrics["connected_ms"] == run.metrics["request_sent_ms"] == 20.0


def test_runs_have_names():
    assert hear(b"\0\0", run_id="mine").metrics["run_id"] == "mine"
    assert hear(b"\0\0").metrics["run_id"] != hear(b"\0\0").metrics["run_id"]


# Time


def test_nothing_waits_for_sound_to_be_heard():
    """On the machine's own clock: an hour's quarter of audio, in no time."""
    seconds = 900
    run = hear(*[sound(1.0)] * seconds, clock=SystemClock())
    assert run.metrics["spoken_s"] == seconds
    assert run.metrics["playback_ms"] >= seconds * 1e3
    assert run.metrics["underruns"]["sink"]["count"] == 0
    assert run.metrics["generation_ms"] < seconds * 1e3


def test_a_full_device_holds_up_the_decoder_and_not_the_source():
    clock, watcher = FakeClock(), Watcher()
    hear(*[sound(10.0)] * 5, clock=clock, observers=[watcher])
    assert [at for at, _ in watcher.all("received")] == [1000.0] * 5
    assert [at for at, *_ in watcher.all("decoded")] == [1000.0, 1000.0, 1000.0, 1000.0, 1010.0]
    assert clock.waits == []


def test_after_a_full_device_the_clock_leads_again():
    watcher = Watcher()
    hear(sound(50.0), sound(1.0), 25.0, sound(1.0), observers=[watcher])
    assert [at for at, *_ in watcher.all("decoded")] == [1000.0, 1020.0, 1025.0]


def test_what_decoding_costs_is_told_unless_it_is_not_wanted():
    chunks = split(clip("mp3", 20.0, 24_000), 4000)
    info = SourceInfo("mp3")
    assert hear(*chunks, info=info).metrics["decode_ms"] > 0
    costless = hear(*chunks, info=info, measures_cpu=False)
    assert costless.metrics["decode_ms"] == 0
    assert costless.metrics["audio_s"] == pytest.approx(20.0, abs=0.05)


def test_in_virtual_time_two_auditions_are_one():
    def once():
        clock = VirtualClock()
        return hear(
            *split(clip("opus", 2.0, 24_000), 700), info=SourceInfo("opus"),
            clock=clock, run_id="one", measures_cpu=False,
        )  # fmt: skip

    assert once() == once()


# Bounds


def test_an_endless_answer_ends(monkeypatch):
    monkeypatch.setattr(module, "MOST_AUDIO_S", 120.0)

    class Endless(ScriptedSource):
        def __iter__(self):
            return itertools.repeat(sound(1.0))

    source = Endless([])
    with pytest.raises(BadResponse, match="longer than 2 minutes"):
        audition(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.left == 1


def test_an_answer_in_crumbs_ends(monkeypatch):
    monkeypatch.setattr(module, "MOST_CHUNKS", 3)
    assert hear(*[b"\0\0"] * 3).metrics["chunks"] == 3
    with pytest.raises(BadResponse, match="more than 3 pieces"):
        hear(*[b"\0\0"] * 4)


# For those who drive it themselves


def test_an_interruption_is_silence_from_then_on():
    clock, watcher = FakeClock(), Watcher()
    hearing = module.Hearing(clock, AT_ONCE, Observers([watcher]))
    sink = hearing.open(FORMAT)
    sink.start()
    sink.write(np.zeros((FORMAT.frames(40.0), 1), np.int16))
    assert hearing.now == 1010.0
    clock.advance(1.5)
    hearing.interrupt()
    assert hearing.conclude() == 1.5
    assert watcher.states == ["connecting", "cancelled"]
    ((at, report),) = watcher.all("playback_ended")
    assert at == report.last_sound_at == 1001.5


def test_an_interruption_before_anything():
    watcher = Watcher()
    hearing = module.Hearing(FakeClock(), AT_ONCE, Observers([watcher]))
    hearing.interrupt()
    assert hearing.conclude() == 0.0
    assert watcher.all("playback_ended") == []
