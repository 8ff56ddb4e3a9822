"""The metrics of whole sessions."""

from __future__ import annotations

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
from tests.telemetry.shape import check_shape
from voicecli.playback.policy import BufferPolicy
from voicecli.session import Session
from voicecli.telemetry.metrics import Recorder

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
        interrupted_at=result.interrupted_at,
        spoken_s=result.spoken_s,
    )
    check_shape(metrics)
    assert metrics["ok"] is (ending in {"whole", "silence", "discarded"})
    assert (metrics["error"] is None) is (result.error is None)


def test_metrics_of_an_interrupted_run():
    recorder, result = stopped()
    metrics = recorder.result(interrupted_at=result.interrupted_at, spoken_s=result.spoken_s)
    assert (metrics["audio_s"], metrics["spoken_s"]) == (2.0, 1.5)
    assert (metrics["playback_ms"], metrics["stop_ms"]) == (1500.0, 0.0)
    assert (metrics["generation_ms"], metrics["rtf"]) == (None, None)
