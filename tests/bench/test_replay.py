"""A replay gives the figures of the recorded run, every time."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.scripts import AT_ONCE, POLICIES, RUNS, SCRIPTS, Script, run_session
from tests.session.fakes import FakeClock, ScriptedSource, cut_off, sound
from tests.telemetry.trace.traces import Recorded, traces
from voicecli.bench import simulate
from voicecli.bench.components.sound import clip
from voicecli.bench.replay import replay
from voicecli.bench.simulate import CostlessRecorder
from voicecli.errors import NetworkError, VoiceError
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.sources.base import SourceInfo
from voicecli.telemetry.trace import Trace, TraceWriter, read_trace
from voicecli.telemetry.trace.lines import (
    Answer,
    Chunk,
    Decoded,
    End,
    Event,
    Fault,
    Header,
    Recognised,
)

HEADER = Header("r", "2026-11-20T14:03:09.120Z", "http://here/v1", format="pcm")
WITH_AUDIO = Header("r", "2026-11-20T14:03:09.120Z", "http://here/v1", has_audio=True)
ANSWER = Answer(100.0, "pcm", None, 8000, 1)
ALL = Event(900.0, "received_all")
BLOCK = Decoded(200.0, 4000, 8000)


def reread(text, tmp_path):
    path = tmp_path / "trace"
    path.write_text(text, encoding="utf-8")
    return read_trace(path)


def figures(*lines, end=None, policy=AT_ONCE, header=HEADER):
    return replay(Trace(header, lines, end), policy).metrics


def within_rounding(value, key=""):
    """The same metrics, give or take the last digit that they are rounded to."""
    if isinstance(value, dict):
        return {name: within_rounding(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [within_rounding(each) for each in value]
    digit = 0.1 if key.endswith("ms") else 1e-4
    return pytest.approx(value, rel=0, abs=1.1 * digit) if isinstance(value, float) else value


# As it was


@pytest.mark.parametrize("with_audio", [True, False])
@pytest.mark.parametrize(("script", "policy"), RUNS)
def test_a_replay_has_the_figures_of_the_run(script, policy, with_audio, monkeypatch, tmp_path):
    script, policy = SCRIPTS[script], POLICIES[policy]
    file = io.StringIO()

    def writers(clock):
        return [TraceWriter(file, "the run", clock, with_audio=with_audio)]

    run = run_session(script, policy, monkeypatch, observers=writers)
    trace = reread(file.getvalue(), tmp_path)
    once, twice = replay(trace, policy), replay(trace, policy)
    assert once == twice
    expected = run.metrics
    if not any("received_all" in line for line in trace.lines):
        # Without sound, a run may end before its last byte is reported; a trace ends with it.
        assert trace.end.fault is not None
        expected |= {"generation_ms": None}
    assert once.metrics == within_rounding(expected)
    assert once.arrivals == run.recorder.arrival_curve()


def test_another_policy_plays_the_same_arrivals_differently(monkeypatch, tmp_path):
    file = io.StringIO()
    script = SCRIPTS["opus, late"]
    run_session(script, AT_ONCE, monkeypatch, observers=lambda c: [TraceWriter(file, "x", c)])
    trace = reread(file.getvalue(), tmp_path)
    at_once = replay(trace, AT_ONCE).metrics
    needed_ms = at_once["needed_prebuffer_ms"]
    assert at_once["underruns"]["sink"]["count"] > 0
    patient = replay(trace, AdaptivePolicy((needed_ms / 1e3,) * 5)).metrics
    assert patient["underruns"]["sink"]["count"] == 0
    assert patient["ttfa_ms"] > at_once["ttfa_ms"]
    assert patient["needed_prebuffer_ms"] == needed_ms


@given(trace=traces(st.sampled_from([8000, 22_050, 48_000]), most_frames=100_000))
def test_any_trace_can_be_replayed_with_the_same_figures_twice(trace):
    once = replay(trace, AT_ONCE)
    assert json.loads(json.dumps(once.metrics, allow_nan=False)) == once.metrics
    assert replay(trace, AT_ONCE) == once


# Without audio


def test_without_audio_the_decoded_blocks_come_from_the_trace():
    metrics = figures(
        ANSWER, Chunk(150.0, 10), Recognised(200.0, "opus", 8000, 2), BLOCK,
        Decoded(1000.0, 800, 8000, 550.0), ALL, end=End(2000.0, "whole"),
    )  # fmt: skip
    keys = (
        "ok", "format", "rate_hz", "channels", "bytes", "chunks", "ttfb_ms", "first_frame_ms",
        "ttfa_ms", "ttfa_audible_ms", "generation_ms", "playback_ms", "audio_s", "spoken_s",
    )  # fmt: skip
    assert {key: metrics[key] for key in keys} == {
        "ok": True, "format": "opus", "rate_hz": 8000, "channels": 2, "bytes": 10, "chunks": 1,
        "ttfb_ms": 150.0, "first_frame_ms": 200.0, "ttfa_ms": 200.0, "ttfa_audible_ms": 750.0,
        "generation_ms": 900.0, "playback_ms": 1100.0, "audio_s": 0.6, "spoken_s": 0.6,
    }  # fmt: skip
    (event,) = metrics["underruns"]["sink"]["events"]
    assert (event["at_s"], event["ms"]) == (0.5, 300.0)


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("silent_ms", [0.0, 10.0, 250.0, 490.0])
def test_the_replay_has_the_onset_of_the_run(rate_hz, silent_ms, tmp_path):
    """Wherever the blocks are cut, and though 10 ms are no whole number of frames."""
    import numpy as np

    window = round(rate_hz / 100)
    silent = np.zeros(round(silent_ms / 10) * window, "<i2")
    audio = np.concatenate([silent, np.full(rate_hz, 500, "<i2")]).tobytes()
    chunks = [audio[at : at + 302] for at in range(0, len(audio), 302)]
    recorded = Recorded(ScriptedSource(chunks, info=SourceInfo("pcm", None, rate_hz, 1)))
    onsets = [line["onset_ms"] for line in map(json.loads, recorded.text.splitlines())
              if "onset_ms" in line]  # fmt: skip
    assert onsets == [pytest.approx(silent_ms, rel=0.01)]
    metrics = replay(reread(recorded.text, tmp_path), AT_ONCE).metrics
    assert metrics["leading_silence_ms"] == onsets[0]


def test_silence_has_no_onset():
    assert figures(ANSWER, BLOCK, ALL)["leading_silence_ms"] is None


def test_a_trace_with_an_impossible_rate_is_an_error():
    metrics = figures(ANSWER, Decoded(200.0, 800, 1), ALL)
    assert metrics["error"]["code"] == "bad_response"


# How it ended


@pytest.mark.parametrize("has_audio", [True, False])
def test_a_recorded_failure_fails_again_at_its_time(has_audio):
    chunk = Chunk(200.0, 8000, sound(0.5) if has_audio else None)
    metrics = figures(
        ANSWER, chunk, BLOCK, end=End(5000.0, "failed", Fault("network", "cut off", "call")),
        policy=BufferPolicy.fixed(2.0), header=WITH_AUDIO if has_audio else HEADER,
    )  # fmt: skip
    assert metrics["ok"] is False
    assert metrics["error"] == {
        "code": "network", "message": "cut off", "exit": 4, "remedy": "call",
    }  # fmt: skip
    assert metrics["ttfa_ms"] == 5000.0, "until then more might have come"
    assert metrics["spoken_s"] == 0.5


def test_a_failure_after_the_last_byte_without_audio():
    end = End(1000.0, "failed", Fault("truncated_stream", "half a page"))
    assert figures(ANSWER, BLOCK, ALL, end=end)["error"]["code"] == "truncated_stream"


@pytest.mark.parametrize("lines", [[ALL], []])
def test_a_device_that_failed_is_not_replayed(lines):
    end = End(1000.0, "failed", Fault("device", "unplugged"))
    metrics = figures(ANSWER, BLOCK, *lines, end=end)
    assert (metrics["error"], metrics["spoken_s"]) == (None, 0.5)


@pytest.mark.parametrize("has_audio", [True, False])
def test_an_interruption_while_bytes_come(has_audio):
    chunk = Chunk(150.0, 8000, sound(0.5) if has_audio else None)
    lines = [ANSWER, chunk, Decoded(150.0, 4000, 8000), Recognised(150.0, "pcm", 8000, 1)]
    header = WITH_AUDIO if has_audio else HEADER
    metrics = figures(*lines, end=End(400.0, "interrupted"), header=header)
    assert (metrics["interrupted"], metrics["ok"], metrics["error"]) == (True, False, None)
    assert (metrics["spoken_s"], metrics["stop_ms"]) == (0.25, 0.0)


@pytest.mark.parametrize("has_audio", [True, False])
def test_an_interruption_after_the_last_byte(has_audio):
    """The tail that the decoder held back was decoded by then."""
    audio = clip("mp3", 1.0, 24_000)
    lines = [
        Answer(100.0, "mp3"),
        Chunk(150.0, len(audio), audio if has_audio else None),
        Decoded(150.0, 24_000, 24_000),
        Recognised(150.0, "mp3", 24_000, 1),
        Event(160.0, "received_all"),
    ]
    header = WITH_AUDIO if has_audio else HEADER
    metrics = figures(*lines, end=End(650.0, "interrupted"), header=header)
    assert metrics["interrupted"] is True
    assert metrics["audio_s"] == pytest.approx(1.0, abs=0.05)
    assert metrics["spoken_s"] == 0.5


@pytest.mark.parametrize("has_audio", [True, False])
def test_an_interruption_before_any_sound(has_audio):
    header = WITH_AUDIO if has_audio else HEADER
    metrics = figures(ANSWER, end=End(400.0, "interrupted"), header=header)
    assert (metrics["interrupted"], metrics["spoken_s"], metrics["ttfa_ms"]) == (True, 0.0, None)


@pytest.mark.parametrize("has_audio", [True, False])
def test_a_trace_cut_short_ends_with_an_error(has_audio):
    chunk = Chunk(150.0, 8000, sound(0.5) if has_audio else None)
    header = WITH_AUDIO if has_audio else HEADER
    metrics = figures(ANSWER, chunk, Decoded(150.0, 4000, 8000), header=header)
    assert metrics["error"]["message"] == "the trace was cut short after 8000 bytes"
    assert metrics["spoken_s"] == 0.5


def test_a_trace_without_an_end_line_may_be_whole():
    assert figures(ANSWER, BLOCK, ALL)["ok"] is True


# What else happened


def test_retries_are_counted(tmp_path):
    refused = NetworkError("reset", retryable=True)
    source = ScriptedSource([refused, ScriptedSource.OPENED], [sound(0.5)])
    trace = reread(Recorded(source, retries=1).text, tmp_path)
    metrics = replay(trace, AT_ONCE).metrics
    assert (metrics["retries"], metrics["ok"], metrics["ttfb_ms"]) == (1, True, 500.0)


@pytest.mark.parametrize("has_audio", [True, False])
def test_several_sources_are_several_streams(has_audio, tmp_path):
    sources = [ScriptedSource([sound(0.5)]), ScriptedSource([sound(0.25)])]
    trace = reread(Recorded(*sources, with_audio=has_audio).text, tmp_path)
    assert replay(trace, AT_ONCE).metrics["audio_s"] == 0.75


def test_half_a_sample_of_one_source_does_not_reach_the_next(tmp_path):
    sources = [ScriptedSource([sound(0.5)[:-1]]), ScriptedSource([sound(0.25)])]
    recorded = Recorded(*sources, with_audio=True)
    assert recorded.result.error.code == "truncated_stream"
    metrics = replay(reread(recorded.text, tmp_path), AT_ONCE).metrics
    assert metrics["error"]["code"] == "truncated_stream"


def test_audio_of_server_sent_events_is_recorded_without_them():
    answer = ANSWER._replace(content_type="text/event-stream; charset=utf-8")
    metrics = figures(answer, Chunk(150.0, 8000, sound(0.5)), ALL, header=WITH_AUDIO)
    assert (metrics["ok"], metrics["format"]) == (True, "pcm")
    assert metrics["content_type"] == "text/event-stream; charset=utf-8"


def test_an_empty_answer_fails_as_in_a_session():
    assert figures(ANSWER, ALL, header=WITH_AUDIO)["error"]["code"] == "bad_response"


@pytest.mark.parametrize("has_audio", [True, False])
def test_too_long_an_answer_is_an_error(has_audio, monkeypatch):
    monkeypatch.setattr(simulate, "MAX_AUDIO_S", 1.0)
    chunk = Chunk(150.0, 24_000, sound(1.5) if has_audio else None)
    header = WITH_AUDIO if has_audio else HEADER
    metrics = figures(ANSWER, chunk, Decoded(150.0, 12_000, 8000), ALL, header=header)
    assert metrics["error"]["code"] == "bad_response"


def test_a_broken_answer_is_played_to_its_end(monkeypatch, tmp_path):
    script = Script([sound(0.5), sound(0.25)], [0.1, 0.2], fault=cut_off())
    file = io.StringIO()
    run_session(script, AT_ONCE, monkeypatch, observers=lambda c: [TraceWriter(file, "x", c)])
    metrics = replay(reread(file.getvalue(), tmp_path), AT_ONCE).metrics
    assert (metrics["spoken_s"], metrics["error"]["code"]) == (0.75, "network")


@pytest.mark.parametrize("with_audio", [True, False])
@pytest.mark.parametrize("name", ["opus, late", "mp3, late", "broken off", "nothing"])
def test_a_simulation_is_recorded_like_a_session(name, with_audio, tmp_path):
    clock, file, script = FakeClock(), io.StringIO(), SCRIPTS[name]
    recorder = CostlessRecorder("x")
    writer = TraceWriter(file, "x", clock, with_audio=with_audio)
    with contextlib.suppress(VoiceError):
        simulate.simulate(
            script.source(clock), clock=clock, policy=AT_ONCE, observers=[recorder, writer]
        )
    run = replay(reread(file.getvalue(), tmp_path), AT_ONCE)
    spoken_s = run.metrics["spoken_s"]
    assert run.metrics == within_rounding(recorder.result(spoken_s=spoken_s))
    assert run.arrivals == recorder.arrival_curve()
    assert (spoken_s > 0) is (name != "nothing")
