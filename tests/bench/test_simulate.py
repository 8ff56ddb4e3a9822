"""A simulation reports what a session on the null device reports, and waits for nothing."""

from __future__ import annotations

import itertools

import pytest

from tests.bench.scripts import AT_ONCE, POLICIES, RUNS, SCRIPTS, Observed, run_session, split
from tests.session.fakes import FORMAT, FakeClock, ScriptedSource, Watcher, cut_off, sound
from voicecli.bench import simulate as module
from voicecli.bench.components.sound import clip
from voicecli.bench.simulate import SimulatedPlayback, simulate
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
from voicecli.session.items import StreamStart
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.observers import Observers

OPENED = ScriptedSource.OPENED


def play(*steps, policy=AT_ONCE, info=None, observers=(), clock=None, **options):
    """Simulate one script."""
    clock = clock or FakeClock()
    source = ScriptedSource(list(steps), clock=clock, info=info)
    return simulate(source, clock=clock, policy=policy, observers=observers, **options)


# Beside a session


def without_cost(metrics):
    """Leave out the CPU time, which differs from run to run."""
    return {key: value for key, value in metrics.items() if key != "decode_ms"}


def observe(script, policy):
    """Simulate a script, and return what its observers know."""
    observed, clock = Observed(), FakeClock()
    try:
        run = simulate(
            script.source(clock), clock=clock, policy=policy, run_id="the run",
            observers=observed.observers,
        )  # fmt: skip
    except VoiceError:
        return observed  # `Failed` has the error
    assert without_cost(run.metrics) == without_cost(observed.metrics)
    assert run.arrivals == observed.recorder.arrival_curve()
    return observed


@pytest.mark.parametrize(("script", "policy"), RUNS)
def test_it_reports_what_a_session_on_the_null_device_reports(script, policy, monkeypatch):
    script, policy = SCRIPTS[script], POLICIES[policy]
    expected, observed = run_session(script, policy, monkeypatch), observe(script, policy)
    assert observed.metrics == expected.metrics
    assert observed.recorder.arrival_curve() == expected.recorder.arrival_curve()
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
        assert observed.watcher.all(kind) == expected.watcher.all(kind), kind
    assert [str(event.error) for event in observed.watcher.all(events.Failed)] == [
        str(event.error) for event in expected.watcher.all(events.Failed)
    ]
    assert observed.watcher.states[-1] == expected.watcher.states[-1]


def test_the_late_scripts_have_gaps():
    gaps = {
        name: observe(script, AT_ONCE).metrics["underruns"]["sink"]["count"]
        for name, script in SCRIPTS.items()
    }
    assert gaps["pcm in time"] == 0
    assert min(gaps[name] for name in gaps if "late" in name) > 0


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
def test_errors_are_raised_after_what_came_before_was_played(steps, error):
    watcher = Watcher()
    with pytest.raises(error):
        play(*steps, observers=[watcher])
    assert len(watcher.all(events.Failed)) == 1
    assert watcher.states == ["connecting", "draining", "failed"]


def test_an_unusable_source_makes_no_request():
    def prepares():
        raise ConfigError("no such voice")

    watcher = Watcher()
    with pytest.raises(ConfigError, match="no such voice"):
        simulate(
            ScriptedSource([], prepares=prepares),
            clock=FakeClock(), policy=AT_ONCE, observers=[watcher],
        )  # fmt: skip
    assert watcher.all(events.Requested) == []


def test_everything_decodable_is_played_before_the_source_s_error():
    """Even what a decoder holds back until it knows that nothing follows."""
    chunks = split(clip("flac", 1.0, 24_000), 700)
    recorder = Recorder("x")
    with pytest.raises(NetworkError):
        play(*chunks, cut_off(), info=SourceInfo("flac"), observers=[recorder])
    assert recorder.audio_s == pytest.approx(1.0)


def test_bytes_that_are_not_audio_close_the_source_at_once():
    asked = []
    mp4 = b"\0\0\0\x20ftypM4A " + bytes(8000)
    source = ScriptedSource([mp4, lambda: asked.append(1), b"\0\0"])
    with pytest.raises(UnsupportedFormat):
        simulate(source, clock=FakeClock(), policy=AT_ONCE)
    assert (asked, source.closed) == ([], 1)


def test_a_bug_of_the_source_closes_it_and_passes_through():
    source = ScriptedSource([b"\0\0", ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        simulate(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.closed == 1


def test_a_bug_of_a_decoder_closes_the_source_as_well(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(auto.AutoDecoder, "feed", broken)
    source = ScriptedSource([b"\0\0", b"\0\0"])
    with pytest.raises(ZeroDivisionError) as raised:
        simulate(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.closed == 1
    assert raised.tb, "which keeps alive whatever was not closed"


# How the source is driven


def test_preparing_comes_before_the_request():
    clock, watcher = FakeClock(), Watcher()
    source = ScriptedSource([b"\0\0"], clock=clock, prepares=lambda: clock.advance(5.0))
    run = simulate(source, clock=clock, policy=AT_ONCE, observers=[watcher])
    assert watcher.all(events.Requested) == [events.Requested(1005.0, "a script")]
    assert run.metrics["ttfb_ms"] == 0.0


def test_there_are_no_retries():
    source = ScriptedSource([NetworkError("reset", retryable=True), OPENED], [b"\0\0"])
    with pytest.raises(NetworkError):
        simulate(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.opened == 1


def test_runs_have_names():
    assert play(b"\0\0", run_id="mine").metrics["run_id"] == "mine"
    assert play(b"\0\0").metrics["run_id"] != play(b"\0\0").metrics["run_id"]


# Time


def test_nothing_waits_for_sound():
    """On the machine's own clock: a quarter of an hour of audio."""
    seconds = 900
    run = play(*[sound(1.0)] * seconds, clock=SystemClock())
    assert run.metrics["spoken_s"] == seconds
    assert run.metrics["playback_ms"] >= seconds * 1e3
    assert run.metrics["underruns"]["sink"]["count"] == 0
    assert run.metrics["generation_ms"] < seconds * 1e3


def test_a_full_device_delays_the_decoder_and_not_the_source():
    clock, watcher = FakeClock(), Watcher()
    play(*[sound(10.0)] * 5, clock=clock, observers=[watcher])
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
    play(sound(50.0), sound(1.0), 25.0, sound(1.0), observers=[watcher])
    assert [event.at for event in watcher.all(events.Decoded)] == [1000.0, 1020.0, 1025.0]


def test_the_cost_of_decoding_is_measured():
    chunks = split(clip("mp3", 20.0, 24_000), 4000)
    info = SourceInfo("mp3")
    assert play(*chunks, info=info).metrics["decode_ms"] > 0


def test_in_virtual_time_two_simulations_are_equal():
    def once():
        clock = VirtualClock()
        return play(
            *split(clip("opus", 2.0, 24_000), 700), info=SourceInfo("opus"),
            clock=clock, run_id="one",
        )  # fmt: skip

    first, second = once(), once()
    assert without_cost(first.metrics) == without_cost(second.metrics)
    assert first.arrivals == second.arrivals


# Bounds


def test_an_endless_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "MAX_AUDIO_S", 120.0)

    class Endless(ScriptedSource):
        def _chunks(self, steps):
            return itertools.repeat(sound(1.0))

    source = Endless([])
    with pytest.raises(BadResponse, match="longer than 2 minutes"):
        simulate(source, clock=FakeClock(), policy=AT_ONCE)
    assert source.closed == 1


def test_an_answer_in_too_many_chunks_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHUNKS", 3)
    assert play(*[b"\0\0"] * 3).metrics["chunks"] == 3
    with pytest.raises(BadResponse, match="more than 3 chunks"):
        play(*[b"\0\0"] * 4)


# Interrupting


def test_an_interruption_ends_the_sound_at_the_clock_s_time():
    clock, watcher = FakeClock(), Watcher()
    playback = SimulatedPlayback(clock, AT_ONCE, Observers([watcher]))

    def items():
        yield StreamStart(SourceInfo("pcm", None, FORMAT.rate_hz, 1))
        yield sound(40.0)
        yield sound(1.0)
        clock.advance(1.5)
        playback.interrupt()
        playback.interrupt()

    playback.play(items())
    assert [event.at for event in watcher.all(events.Decoded)] == [1000.0, 1010.0]
    assert playback.conclude() == 1.5
    assert watcher.states == ["connecting", "cancelled"]
    (ended,) = watcher.all(events.PlaybackEnded)
    assert ended.at == ended.report.last_sound_at == 1001.5


def test_an_interruption_before_anything():
    watcher = Watcher()
    playback = SimulatedPlayback(FakeClock(), AT_ONCE, Observers([watcher]))
    playback.interrupt()
    assert playback.conclude() == 0.0
    assert watcher.all(events.PlaybackEnded) == []
