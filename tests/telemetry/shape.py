"""The shape of schema ``voicecli.metrics/1``, written down a second time."""

from __future__ import annotations

import json

import pytest

from voicecli.telemetry.metrics import SCHEMA
from voicecli.telemetry.waterfall import PARTS

# Those of the design's definitions and example, then what was added to them.
DESIGNED = {
    "schema", "ok", "interrupted", "error", "format", "endpoint", "audio_s", "bytes", "chunks",
    "launch_to_request_ms", "ttfb_ms", "first_frame_ms", "ttfa_ms", "ttfa_audible_ms",
    "generation_ms", "playback_ms", "rtf", "underruns", "rebuffers", "needed_prebuffer_ms",
    "buffer", "decode_ms", "stop_ms",
}  # fmt: skip
ADDED = {
    "run_id", "content_type", "rate_hz", "channels", "spoken_s", "retries", "recovered",
    "failed_over", "request_sent_ms",
    "response_ms", "leading_silence_ms", "connected_ms", "waterfall_ms",
    "segments", "segments_dropped", "sentences", "waits", "pauses", "stopped_by", "usage",
}  # fmt: skip


def check_shape(metrics):
    """Check that the keys are those of schema 1, and the values are JSON."""
    assert set(metrics) == DESIGNED | ADDED
    underruns = metrics["underruns"]
    assert set(underruns) == {"network", "sink", "device"}
    assert set(underruns["network"]) == {"count", "total_ms", "worst_ms", "events"}
    assert set(underruns["sink"]) == {"count", "total_ms", "events"}
    assert set(underruns["device"]) == {"count", "events"}
    for kind in underruns.values():
        assert len(kind["events"]) == kind["count"]
        assert all(set(event) == {"at_s", "ms", "cause"} for event in kind["events"])
        assert all(event["ms"] is not None for event in kind["events"])
    if metrics["waterfall_ms"] is not None:
        assert tuple(metrics["waterfall_ms"]) == PARTS
        assert sum(metrics["waterfall_ms"].values()) == pytest.approx(
            metrics["ttfa_audible_ms"], abs=0.2
        )
    assert set(metrics["buffer"]) == {"start_ms", "min_ms", "mean_ms"}
    if metrics["error"] is not None:
        assert set(metrics["error"]) - {"remedy"} == {"code", "message", "exit"}
    assert metrics["schema"] == SCHEMA == "voicecli.metrics/1"
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
