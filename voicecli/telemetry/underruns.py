"""Gaps in the sound and their causes; pure.

They are counted in three ways, because each source knows something else:

- *network*: the gaps of a perfect player that got the same arrivals;
- *sink*: the gaps that were heard, each with its cause;
- *device*: those that the device itself flagged; their length is unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.playback.arrivals import Arrivals
    from voicecli.playback.base import SinkReport, Underrun

NETWORK, DECODER, MACHINE = "network", "decoder", "machine"
"""The audio had not arrived; it had arrived and was not decoded; it was there in time."""

NEEDED_AHEAD_S = 0.15
"""Devices ask for audio ahead: if it arrives this close to the gap, it may be too late."""

_INSIDE_S = 0.001

_SAME_PLACE_S = 0.03
"""Gaps this close are the same: the sink counts whole blocks."""


def cause(gap: Underrun, arrivals: Arrivals, received_at: Sequence[float]) -> str:
    """Return why there was a gap. ``received_at`` are the times of all chunks, in order."""
    arrived_at = arrivals.arrived_at(gap.at_s + _INSIDE_S)
    if arrived_at is None or gap.began_at is None or arrived_at < gap.began_at - NEEDED_AHEAD_S:
        return MACHINE
    chunks = bisect_right(received_at, arrived_at)
    decoding_s = arrived_at - received_at[chunks - 1] if chunks else 0.0
    return DECODER if decoding_s > gap.silence_s / 2 else NETWORK


def underruns(
    report: SinkReport, arrivals: Arrivals, received_at: Sequence[float]
) -> dict[str, Any]:
    """Return all gaps, counted in the three ways, as a JSON object."""
    gaps = report.underruns
    waits_s = [wait.at_s for wait in report.text_waits]
    implied = [
        (at_s, length_s)
        for at_s, length_s in arrivals.starvation(report.first_sound_at)
        # Sound that is late because its text was is not the network's fault.
        if not any(abs(at_s - wait_s) <= _SAME_PLACE_S for wait_s in waits_s)
    ]
    lengths_s = [length_s for _, length_s in implied]
    return {
        "network": {
            "count": len(implied),
            "total_ms": milliseconds(sum(lengths_s)),
            "worst_ms": milliseconds(max(lengths_s, default=0.0)),
            "events": [_event(at_s, length_s, NETWORK) for at_s, length_s in implied],
        },
        "sink": {
            "count": len(gaps),
            "total_ms": milliseconds(sum(gap.silence_s for gap in gaps)),
            "events": [
                _event(gap.at_s, gap.silence_s, cause(gap, arrivals, received_at)) for gap in gaps
            ],
        },
        "device": {
            "count": len(report.underflows_at_s),
            "events": [_event(at_s, None, MACHINE) for at_s in report.underflows_at_s],
        },
    }


def text_waits(report: SinkReport) -> dict[str, Any]:
    """Return the waits for text that had not been written yet, as JSON has them."""
    waits = report.text_waits
    return {
        "count": len(waits),
        "total_ms": milliseconds(sum(wait.silence_s for wait in waits)),
        "events": [
            {"at_s": round(wait.at_s, 4), "ms": milliseconds(wait.silence_s)} for wait in waits
        ],
    }


def _event(at_s: float, length_s: float | None, cause: str) -> dict[str, Any]:
    return {"at_s": round(at_s, 4), "ms": milliseconds(length_s), "cause": cause}


def milliseconds(seconds: float | None) -> float | None:
    """Convert seconds to ms, rounded to a tenth."""
    return None if seconds is None else round(seconds * 1e3, 1)
