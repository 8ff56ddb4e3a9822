from __future__ import annotations

import numpy as np
import pytest

from tests.session.fakes import (
    FORMAT,
)
from tests.telemetry.shape import check_shape
from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.errors import BadResponse, DeviceError, NetworkError
from voicecli.playback.base import SinkReport, SinkSnapshot, Underrun
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.metrics import SCHEMA, Recorder, describe


def block(seconds, value=1000, format=FORMAT):
    frames = format.frames(seconds)
    return Pcm(np.full((frames, format.channels), value, np.int16), format.rate_hz)


def test_metrics_of_nothing():
    metrics = Recorder("run1").result()
    check_shape(metrics)
    numbers = {"audio_s": 0.0, "spoken_s": 0.0, "bytes": 0, "chunks": 0, "retries": 0,
               "recovered": 0, "failed_over": 0,
               "decode_ms": 0.0, "rebuffers": 0, "segments_dropped": 0}  # fmt: skip
    known = {"schema": SCHEMA, "run_id": "run1", "ok": True, "interrupted": False, **numbers}
    nested = {"underruns", "buffer", "waits", "segments", "sentences", "pauses"}
    assert metrics["waits"] == {
        "text": {"count": 0, "total_ms": 0.0, "events": []},
        "turn_ms": 0.0,
    }
    assert metrics["segments"] == []
    assert metrics["sentences"] == {"spoken": 0, "known": 0}
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
        underruns=(Underrun(0.5, 0.625, 101.375), Underrun(1.25, 0.0625, 102.75, is_device=True)),
        arrived_at=100.78125,
        released_at=100.8125,
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
        "recovered": 0,
        "failed_over": 0,
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
                    {"at_s": 1.25, "ms": 62.5, "cause": "device"},
                ],
            },
            "device": {
                "count": 1,
                "events": [{"at_s": 1.25, "ms": 62.5, "cause": "device"}],
            },
        },
        "waits": {"text": {"count": 0, "total_ms": 0.0, "events": []}, "turn_ms": 0.0},
        "stopped_by": None,
        "usage": None,
        "sentences": {"spoken": 0, "known": 0},
        "segments": [],
        "segments_dropped": 0,
        "pauses": {"count": 0, "total_ms": 0.0, "events": []},
        "rebuffers": 1,
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
    metrics = recorder.result(interrupted_at=asked_at)
    assert metrics["stop_ms"] == stop_ms
    assert metrics["ok"] is (asked_at is None)


def test_stop_ms_needs_a_sink():
    assert Recorder("run1").result(interrupted_at=1.0)["stop_ms"] is None


def test_an_error_has_its_exit_status():
    recorder = Recorder("run1")
    recorder(events.Failed(1.0, BadResponse("no audio", remedy="try another model")))
    metrics = recorder.result()
    assert metrics["ok"] is False
    assert metrics["error"] == {
        "code": "bad_response", "message": "no audio", "exit": 4, "remedy": "try another model",
    }  # fmt: skip
    assert describe(DeviceError("none")) == {"code": "device", "message": "none", "exit": 6}


STEADY = [10.0 + number * 0.102 for number in range(12)]
"""Progress is never reported exactly in time."""


@pytest.mark.parametrize(
    ("progress_at", "why"),
    [
        (STEADY, "device"),
        ([*STEADY[:2], *(at + 0.06 for at in STEADY[2:])], "device"),  # a busy machine
        ([*STEADY[:2], 10.32, 10.42], "machine"),  # continued before it was due twice
        ([*STEADY[:2], 10.301, 10.4], "machine"),
        ([*STEADY[:1], 10.31, 10.41], "machine"),
    ],
)
def test_a_short_stop_of_the_process_is_told_from_one_of_the_device(progress_at, why):
    """A process or a sound server stood still for 0.2 s, of which 0.16 s were heard."""
    recorder = Recorder("run1")
    playing = SinkSnapshot(playing=True, rebuffering=False, buffered_s=0.5, heard_s=0.2)
    for at in progress_at:
        recorder(events.Progressed(at, playing))
    gap = Underrun(0.26, 0.16, 10.14, is_device=True)
    recorder(events.PlaybackEnded(11.0, SinkReport(first_sound_at=9.9, underruns=(gap,))))
    (event,) = recorder.result()["underruns"]["sink"]["events"]
    assert event["cause"] == why


def test_a_stop_of_the_process_just_after_the_start_is_known():
    recorder = Recorder("run1")
    playing = SinkSnapshot(playing=True, rebuffering=False, buffered_s=0.5, heard_s=0.2)
    recorder(events.Waited(10.0))
    for at in (10.6, 10.7):
        recorder(events.Progressed(at, playing))
    gap = Underrun(0.1, 0.4, 10.18, is_device=True)
    recorder(events.PlaybackEnded(11.0, SinkReport(first_sound_at=10.05, underruns=(gap,))))
    (event,) = recorder.result()["underruns"]["sink"]["events"]
    assert event["cause"] == "machine"


def test_a_segment_is_recovered_when_its_rest_comes():
    recorder = Recorder("run1")
    recorder(events.Requested(0.0, "a", 0))
    recorder(events.Decoded(1.0, block(0.25), 0.0, 0))
    for at in (2.0, 3.0):
        recorder(events.Replaced(at, 0, NetworkError("cut"), "a", "a", 0))
    recorder(events.Decoded(3.5, block(0.25), 0.0, 1))
    assert recorder.result()["recovered"] == 0
    recorder(events.Decoded(4.0, block(0.25), 0.0, 0))
    recorder(events.Decoded(5.0, block(0.25), 0.0, 0))
    assert recorder.result()["recovered"] == 1
    recorder(events.Replaced(6.0, 1, NetworkError("refused"), "a", "b"))  # before its sound
    recorder(events.Decoded(7.0, block(0.25), 0.0, 1))
    assert (recorder.result()["recovered"], recorder.result()["failed_over"]) == (1, 1)


def test_the_time_between_two_requests_is_not_generation():
    recorder = Recorder("run1")
    for number, at in enumerate((100.0, 150.0)):
        recorder(events.Requested(at, "a", number))
        recorder(events.Received(at + 0.5, bytes(100), number))
        recorder(events.Decoded(at + 0.5, block(1.0), 0.0, number))
    recorder(events.ReceivedAll(150.5))
    metrics = recorder.result()
    assert (metrics["generation_ms"], metrics["rtf"]) == (50_500.0, 0.5)
