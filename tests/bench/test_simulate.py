"""An audition tells what a session on the null device tells, and waits for nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.bench.scripts import AT_ONCE, POLICIES, SCRIPTS, Heard, by_session, split
from tests.session.fakes import FORMAT, FakeClock, ScriptedSource, Watcher, cut_off, sound
from voicecli.audio.pcm import Pcm
from voicecli.bench import simulate as module
from voicecli.bench.components.sound import clip
from voicecli.bench.simulate import audition
from voicecli.clock import SystemClock, VirtualClock
from voicecli.codecs.decoding import auto
from voicecli.errors import (
    BadResponse,
    ConfigError,
    NetworkError,
    NothingToSay,
    TruncatedStream,
    UnsupportedFormat,
    VoiceError,
)
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.observers import Observers

OPENED = ScriptedSource.OPENED


def hear(*steps, policy=AT_ONCE, info=None, observers=(), clock=None, **options):
    """An audition of one script."""
    clock = clock or FakeClock()
    source = ScriptedSource(list(steps), clock=clock, info=info)
    return audition(source, clock=clock, policy=policy, observers=observers, **options)


def block(seconds, rate_hz=FORMAT.rate_hz):
    return Pcm(np.zeros((round(seconds * rate_hz), 1), np.int16), rate_hz)


# As a session hears it


def by_audition(script, policy):
    heard, clock = Heard(), FakeClock()
    try:
        run = audition(
            script.source(clock), clock=clock, policy=policy, run_id="the run",
            observers=heard.observers, measures_cpu=False,
        )  # fmt: skip
    except VoiceError:
        return heard  # which error it was, `failed` told
    assert run.metrics == heard.metrics
    assert run.arrivals == heard.recorder.arrival_curve()
    return heard


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_it_tells_what_a_session_on_the_null_device_tells(script, policy, monkeypatch):
    script, policy = SCRIPTS[script], POLICIES[policy]
    expected, heard = by_session(script, policy, monkeypatch), by_audition(script, policy)
    assert heard.metrics == expected.metrics
    assert heard.recorder.arrival_curve() == expected.recorder.arrival_curve()
    for kind in (
        events.Requested,
        events.RequestSent,
        events.Answered,
        events.Received,
        events.ReceivedAll,
        events.Recognised,
        events.PlaybackStarted,
        events.UnderrunEnded,
    ):
        assert heard.watcher.all(kind) == expected.watcher.all(kind), kind
    assert [str(event.error) for event in heard.watcher.all(events.Failed)] == [
        str(event.error) for event in expected.watcher.all(events.Failed)
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
    assert len(watcher.all(events.Failed)) == 1
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
    assert watcher.all(events.Requested) == []


def test_what_was_decoded_is_heard_before_the_source_s_fault():
    """What a decoder holds back until it knows that nothing follows, too."""
    chunks = split(clip("flac", 1.0, 24_000), 700)
    recorder = Recorder("x")
    with pytest.raises(NetworkError):
        hear(*chunks, cut_off(), info=SourceInfo("flac"), observers=[recorder])
    assert recorder.audio_s == pytest.approx(1.0)


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


def test_a_defect_of_a_decoder_leaves_the_source_as_well(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(auto.AutoDecoder, "feed", broken)
    source = ScriptedSource([b"\0\0", b"\0\0"])
    with pytest.raises(ZeroDivisionError) as raised:
        audition(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.left == 1
    assert raised.tb, "which keeps alive whatever was not closed"


# How the source is driven


def test_warming_up_and_what_it_says_meanwhile_are_before_the_request():
    clock, watcher = FakeClock(), Watcher()
    source = ScriptedSource([b"\0\0"], clock=clock)

    def warm():
        clock.advance(5.0)
        source._sent()

    source.warm = warm
    run = audition(source, clock=clock, policy=AT_ONCE, observers=[watcher])
    assert watcher.all(events.Requested) == [events.Requested(1005.0, "a script")]
    assert len(watcher.all(events.RequestSent)) == 1, "the second time, on entering"
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
    assert [event.at for event in watcher.all(events.Received)] == [1000.0] * 5
    assert [event.at for event in watcher.all(events.Decoded)] == [
        1000.0,
        1000.0,
        1000.0,
        1000.0,
        1010.0,
    ]
    assert clock.waits == []


def test_after_a_full_device_the_clock_leads_again():
    watcher = Watcher()
    hear(sound(50.0), sound(1.0), 25.0, sound(1.0), observers=[watcher])
    assert [event.at for event in watcher.all(events.Decoded)] == [1000.0, 1020.0, 1025.0]


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


def test_blocks_that_were_decoded_elsewhere():
    clock, watcher = FakeClock(), Watcher()
    hearing = module.IdealHearing(clock, AT_ONCE, Observers([watcher]))
    hearing.take(block(0.5))
    hearing.take(block(0.5, rate_hz=24_000))
    hearing.take(block(0.25))
    hearing.end()
    assert hearing.conclude() == 1.25, "in frames of the first block"
    assert [event.at for event in watcher.all(events.Decoded)] == [1000.0] * 3
    assert watcher.states == ["connecting", "draining", "done"]


def test_no_blocks_at_all():
    hearing = module.IdealHearing(FakeClock(), AT_ONCE, Observers([]))
    hearing.end()
    assert hearing.conclude() == 0.0


def test_an_endless_number_of_blocks_ends(monkeypatch):
    monkeypatch.setattr(module, "MOST_AUDIO_S", 1.0)
    hearing = module.IdealHearing(FakeClock(), AT_ONCE, Observers([]))
    hearing.take(block(1.0))
    with pytest.raises(BadResponse):
        hearing.take(block(0.1))


def test_an_interruption_is_silence_from_then_on():
    clock, watcher = FakeClock(), Watcher()
    hearing = module.IdealHearing(clock, AT_ONCE, Observers([watcher]))
    hearing.take(block(40.0))
    hearing.take(block(1.0))
    assert [event.at for event in watcher.all(events.Decoded)] == [1000.0, 1010.0]
    clock.advance(1.5)
    hearing.interrupt()
    hearing.interrupt()
    assert hearing.conclude() == 1.5
    assert watcher.states == ["connecting", "cancelled"]
    (ended,) = watcher.all(events.PlaybackEnded)
    assert ended.at == ended.report.last_sound_at == 1001.5


def test_an_interruption_before_anything():
    watcher = Watcher()
    hearing = module.IdealHearing(FakeClock(), AT_ONCE, Observers([watcher]))
    hearing.interrupt()
    assert hearing.conclude() == 0.0
    assert watcher.all(events.PlaybackEnded) == []


def test_the_device_s_clock_knows_the_time_of_day():
    assert module._Pace(FakeClock(now=5.0)).wall() == 5.0 + 1e9
