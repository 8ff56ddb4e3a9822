from __future__ import annotations

import json

import numpy as np
import pytest

from tests.session.fakes import (
    FORMAT,
    FakeClock,
    Run,
    ScriptedSource,
    UntilCancelled,
    Watcher,
    cut_off,
    seen,
    settings,
    sound,
)
from tests.session.outputs import FakeOutput, null_output
from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.errors import BadResponse, DeviceError, NetworkError
from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.policy import BufferPolicy
from voicecli.session import Session
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.metrics import SCHEMA, Recorder, describe
from voicecli.telemetry.waterfall import PARTS

# Those of the design's definitions and example, then what was added to them.
DESIGNED = {
    "schema", "ok", "interrupted", "error", "format", "endpoint", "audio_s", "bytes", "chunks",
    "launch_to_request_ms", "ttfb_ms", "first_frame_ms", "ttfa_ms", "ttfa_audible_ms",
    "generation_ms", "playback_ms", "rtf", "underruns", "rebuffers", "needed_prebuffer_ms",
    "buffer", "decode_ms", "stop_ms",
}  # fmt: skip
ADDED = {
    "run_id", "content_type", "rate_hz", "channels", "spoken_s", "retries", "request_sent_ms",
    "response_ms", "leading_silence_ms", "connected_ms", "waterfall_ms",
    "segments", "waits",
}  # fmt: skip


def check_shape(metrics):
    """The keys of schema 1, every nested one, and nothing that is no JSON."""
    assert set(metrics) == DESIGNED | ADDED
    underruns = metrics["underruns"]
    assert set(underruns) == {"network", "sink", "device"}
    assert set(underruns["network"]) == {"count", "total_ms", "worst_ms", "events"}
    assert set(underruns["sink"]) == {"count", "total_ms", "events"}
    assert set(underruns["device"]) == {"count", "events"}
    for kind in underruns.values():
        assert len(kind["events"]) == kind["count"]
        assert all(set(event) == {"at_s", "ms", "cause"} for event in kind["events"])
    if metrics["waterfall_ms"] is not None:
        assert tuple(metrics["waterfall_ms"]) == PARTS
        assert sum(metrics["waterfall_ms"].values()) == pytest.approx(
            metrics["ttfa_audible_ms"], abs=0.2
        )
    assert set(metrics["waits"]) == {"text"}
    assert set(metrics["waits"]["text"]) == {"count", "total_ms", "events"}
    assert set(metrics["buffer"]) == {"start_ms", "min_ms", "mean_ms"}
    if metrics["error"] is not None:
        assert set(metrics["error"]) - {"remedy"} == {"code", "message", "exit"}
    assert metrics["schema"] == SCHEMA == "voicecli.metrics/1"
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def block(seconds, value=1000, format=FORMAT):
    frames = format.frames(seconds)
    return Pcm(np.full((frames, format.channels), value, np.int16), format.rate_hz)


def test_metrics_of_nothing():
    metrics = Recorder("run1").result()
    check_shape(metrics)
    numbers = {"audio_s": 0.0, "spoken_s": 0.0, "bytes": 0, "chunks": 0, "retries": 0,
               "decode_ms": 0.0, "rebuffers": 0}  # fmt: skip
    known = {"schema": SCHEMA, "run_id": "run1", "ok": True, "interrupted": False, **numbers}
    nested = {"underruns", "buffer", "waits", "segments"}
    assert metrics["waits"] == {"text": {"count": 0, "total_ms": 0.0, "events": []}}
    assert metrics["segments"] == []
    assert {key: metrics[key] for key in known} == known
    assert {metrics[key] for key in set(metrics) - set(known) - nested} == {None}
    assert metrics["underruns"] == {
        "network": {"count": 0, "total_ms": 0.0, "worst_ms": 0.0, "events": []},
        "sink": {"count": 0, "total_ms": 0.0, "events": []},
        "device": {"count": 0, "events": []},
    }
    assert set(metrics["buffer"].values()) == {None}


def test_every_number_of_a_run():
    """Times in binary fractions, so that the figures are exact."""
    recorder = Recorder("run1", launched_at=99.75)
    recorder(events.Requested(100.0, "http://127.0.0.1:8880/v1"))
    recorder(events.Connected(100.03125))
    recorder(events.RequestSent(100.0625))
    recorder(events.Connected(100.125))  # for something else
    recorder(events.Answered(100.25, SourceInfo("opus", "audio/ogg")))
    recorder(events.Received(100.5, bytes(129)))
    recorder(events.Recognised(100.75, "opus", FORMAT))
    recorder(events.Decoded(100.75, block(0.25, value=0), 0.001))
    recorder(events.Received(101.0, bytes(1000)))
    recorder(events.Decoded(101.0, block(0.25), 0.002))
    recorder(events.Received(102.0, bytes(1000)))
    recorder(events.Decoded(102.0, block(1.5), 0.0045))
    recorder(events.ReceivedAll(102.5))
    report = SinkReport(
        first_sound_at=100.875,
        last_sound_at=104.125,
        heard_frames=16_000,
        underruns=(Underrun(0.5, 0.625, 101.375), Underrun(1.25, 0.0625, 102.75)),
        device_underflows=1,
        underflows_at_s=(1.5,),
        arrived_at=100.78125,
        released_at=100.8125,
        rebuffers=2,
        start_buffered_s=0.25,
        min_buffered_s=0.0,
        mean_buffered_s=0.5,
    )
    recorder(events.PlaybackEnded(104.125, report))
    assert recorder.ttfa_ms == 875.0
    assert recorder.audio_s == 2.0
    metrics = recorder.result(spoken_s=2.0)
    check_shape(metrics)
    assert metrics == {
        "schema": SCHEMA,
        "run_id": "run1",
        "ok": True,
        "interrupted": False,
        "error": None,
        "format": "opus",
        "content_type": "audio/ogg",
        "rate_hz": 8000,
        "channels": 1,
        "endpoint": "http://127.0.0.1:8880/v1",
        "audio_s": 2.0,
        "spoken_s": 2.0,
        "bytes": 2129,
        "chunks": 3,
        "retries": 0,
        "launch_to_request_ms": 250.0,
        "connected_ms": 31.2,
        "request_sent_ms": 62.5,
        "response_ms": 250.0,
        "ttfb_ms": 500.0,
        "first_frame_ms": 750.0,
        "generation_ms": 2500.0,
        "ttfa_ms": 875.0,
        "ttfa_audible_ms": 1125.0,
        "leading_silence_ms": 250.0,
        "waterfall_ms": {
            "connect": 31.2,
            "request": 31.3,
            "first_byte": 437.5,
            "first_frame": 250.0,
            "prebuffer": 31.2,
            "device": 93.8,
            "silence": 250.0,
        },
        "playback_ms": 4125.0,
        "rtf": 1.25,
        "decode_ms": 7.5,
        "stop_ms": None,
        "underruns": {
            # Half a second arrived by 101.0 and was played by 101.375; the rest came at 102.0.
            "network": {
                "count": 1,
                "total_ms": 625.0,
                "worst_ms": 625.0,
                "events": [{"at_s": 0.5, "ms": 625.0, "cause": "network"}],
            },
            "sink": {
                "count": 2,
                "total_ms": 687.5,
                "events": [
                    {"at_s": 0.5, "ms": 625.0, "cause": "network"},
                    {"at_s": 1.25, "ms": 62.5, "cause": "machine"},
                ],
            },
            "device": {
                "count": 1,
                "events": [{"at_s": 1.5, "ms": None, "cause": "machine"}],
            },
        },
        "waits": {"text": {"count": 0, "total_ms": 0.0, "events": []}},
        "segments": [],
        "rebuffers": 2,
        # The last block came 1.25 s after the first, with 0.5 s of audio before it.
        "needed_prebuffer_ms": 750.0,
        "buffer": {"start_ms": 250.0, "min_ms": 0.0, "mean_ms": 500.0},
    }


def test_the_arrival_curve_accumulates_decoded_audio():
    recorder = Recorder("id")
    assert recorder.arrival_curve() == ()
    recorder(events.Requested(10.0, "x"))
    recorder(events.Decoded(10.25, block(0.5), 0.0))
    recorder(events.Decoded(10.5, block(0.25), 0.0))
    assert recorder.arrival_curve() == ((250.0, 0.5), (500.0, 0.75))


def test_several_requests_count_from_the_first():
    recorder = Recorder("run1", launched_at=0.0)
    first, second = NetworkError("reset"), SourceInfo("mp3", "audio/mpeg")
    recorder(events.Requested(10.0, "first"))
    recorder(events.Retrying(11.0, first, 0.5))
    recorder(events.Requested(12.0, "second"))
    recorder(events.RequestSent(12.5))
    recorder(events.RequestSent(15.0))
    recorder(events.Answered(13.0, SourceInfo()))
    recorder(events.Answered(14.0, second))
    recorder(events.Answered(15.0, SourceInfo(None, "audio/wav")))
    recorder(events.Recognised(15.0, "mp3", FORMAT))
    recorder(events.Recognised(16.0, "wav", AudioFormat(48_000, 2)))
    metrics = recorder.result()
    assert metrics["endpoint"] == "first"
    assert metrics["retries"] == 1
    assert metrics["launch_to_request_ms"] == 10_000.0
    assert (metrics["request_sent_ms"], metrics["response_ms"]) == (2500.0, 3000.0)
    assert metrics["content_type"] == "audio/mpeg"
    assert (metrics["format"], metrics["rate_hz"], metrics["channels"]) == ("mp3", 8000, 1)


def test_without_audio_there_is_no_rtf():
    recorder = Recorder("run1")
    recorder(events.Requested(10.0, "x"))
    recorder(events.ReceivedAll(12.0))
    metrics = recorder.result()
    assert (metrics["generation_ms"], metrics["rtf"]) == (2000.0, None)


def test_unheard_speech_has_no_audible_start():
    recorder = Recorder("run1")
    recorder(events.Requested(10.0, "x"))
    recorder(events.Decoded(11.0, block(0.5), 0.0))
    recorder(events.PlaybackEnded(12.0, SinkReport(heard_frames=4000)))
    metrics = recorder.result()
    assert metrics["leading_silence_ms"] == 0.0
    assert (metrics["ttfa_ms"], metrics["ttfa_audible_ms"]) == (None, None)
    assert metrics["playback_ms"] is None


@pytest.mark.parametrize(
    ("asked_at", "silent_at", "stop_ms"),
    [(12.0, 12.0625, 62.5), (12.0, 11.0, 0.0), (None, 12.0, None), (12.0, None, None)],
    ids=["stopped", "was silent already", "not asked", "never sounded"],
)
def test_stop_ms_ends_with_the_sound(asked_at, silent_at, stop_ms):
    recorder = Recorder("run1")
    recorder(events.Requested(10.0, "x"))
    started = None if silent_at is None else 10.5
    recorder(
        events.PlaybackEnded(12.0, SinkReport(first_sound_at=started, last_sound_at=silent_at))
    )
    metrics = recorder.result(interrupted=asked_at is not None, interrupted_at=asked_at)
    assert metrics["stop_ms"] == stop_ms
    assert metrics["ok"] is (asked_at is None)


def test_stop_ms_needs_a_sink():
    assert Recorder("run1").result(interrupted=True, interrupted_at=1.0)["stop_ms"] is None


def test_an_error_has_its_exit_status():
    recorder = Recorder("run1")
    recorder(events.Failed(1.0, BadResponse("no audio", remedy="try another model")))
    metrics = recorder.result()
    assert metrics["ok"] is False
    assert metrics["error"] == {
        "code": "bad_response", "message": "no audio", "exit": 4, "remedy": "try another model",
    }  # fmt: skip
    assert describe(DeviceError("none")) == {"code": "device", "message": "none", "exit": 6}


# With a session


GAP = {"at_s": 0.5, "ms": 500.0, "cause": "network"}


def test_metrics_of_a_session():
    """The source moves the clock, and only once what it sent has reached the sink."""
    clock = FakeClock()
    output = FakeOutput(policy=BufferPolicy.fixed(0.25))

    def heard_of(seconds):
        def wait():
            seen(output.opened)
            output.sink.wait_for(FORMAT.frames(seconds))

        return wait

    quiet_then_loud = sound(0.02, 0) + sound(0.48)
    source = ScriptedSource(
        [
            0.5, ScriptedSource.OPENED,
            0.25, quiet_then_loud, heard_of(0.5),
            1.0, sound(0.5), heard_of(1.0),
            0.25, sound(1.0), heard_of(2.0),
        ],
        clock=clock,
    )  # fmt: skip
    recorder = Recorder("run1", launched_at=999.75)
    session = Session(output, settings(), observers=[recorder], clock=clock)
    result = session.run([source])
    metrics = recorder.result(spoken_s=result.spoken_s)
    check_shape(metrics)
    expected = {
        "ok": True,
        "audio_s": 2.0,
        "spoken_s": 2.0,
        "bytes": 32_000,
        "chunks": 3,
        "launch_to_request_ms": 250.0,
        "request_sent_ms": 0.0,
        "response_ms": 500.0,
        "ttfb_ms": 750.0,
        "first_frame_ms": 750.0,
        "ttfa_ms": 750.0,
        "ttfa_audible_ms": 770.0,
        "leading_silence_ms": 20.0,
        "generation_ms": 2000.0,
        # 0.75 s to the first sound, 2 s of it, and the gap of 0.5 s
        "playback_ms": 3250.0,
        "rtf": 1.0,
        "rebuffers": 1,
        "needed_prebuffer_ms": 500.0,
        "underruns": {
            "network": {"count": 1, "total_ms": 500.0, "worst_ms": 500.0, "events": [GAP]},
            "sink": {"count": 1, "total_ms": 500.0, "events": [GAP]},
            "device": {"count": 0, "events": []},
        },
    }
    assert {key: metrics[key] for key in expected} == expected
    assert metrics["buffer"]["start_ms"] == 500.0


def stopped():
    """Interrupted in the middle of the second of two seconds."""
    clock = FakeClock(holds=True)
    watcher, recorder = Watcher(), Recorder("run1")
    session = Session(null_output(), settings(), observers=[recorder, watcher], clock=clock)
    run = Run(session, [ScriptedSource([sound(2.0), UntilCancelled()])])
    watcher.wait_for_state("playing")
    clock.advance(1.5)
    session.cancel()
    result = run.result()
    return recorder, result


def finished(*steps, output="null"):
    recorder = Recorder("run1")
    clock = FakeClock()
    session = Session(null_output(output=output), settings(), observers=[recorder], clock=clock)
    return recorder, session.run([ScriptedSource(list(steps))])


ENDINGS = {
    "whole": lambda: finished(sound(0.5)),
    "silence": lambda: finished(sound(0.5, 0)),
    "discarded": lambda: finished(sound(0.5), output="discard"),
    "cut off": lambda: finished(sound(0.5), cut_off()),
    "nothing": lambda: finished(cut_off()),
    "empty": finished,
    "half a frame": lambda: finished(sound(0.5) + b"\x01"),
    "interrupted": stopped,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_has_the_same_keys(ending):
    recorder, result = ENDINGS[ending]()
    metrics = recorder.result(
        interrupted=result.interrupted_at is not None,
        interrupted_at=result.interrupted_at,
        spoken_s=result.spoken_s,
    )
    check_shape(metrics)
    assert metrics["ok"] is (ending in {"whole", "silence", "discarded"})
    assert (metrics["error"] is None) is (result.error is None)


def test_metrics_of_an_interrupted_run():
    recorder, result = stopped()
    metrics = recorder.result(
        interrupted=True, interrupted_at=result.interrupted_at, spoken_s=result.spoken_s
    )
    assert (metrics["audio_s"], metrics["spoken_s"]) == (2.0, 1.5)
    assert (metrics["playback_ms"], metrics["stop_ms"]) == (1500.0, 0.0)
    assert (metrics["generation_ms"], metrics["rtf"]) == (None, None)
