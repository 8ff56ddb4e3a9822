"""Where the time and the sound went: gaps with their causes, the first sound's wait; pure.

Three ledgers of gaps are kept apart, as each knows something else:

- *network*: the holes of a perfect player that got the same arrivals;
- *sink*: the holes that were heard, each with its cause;
- *device*: what the device itself flagged, which nobody can measure the length of.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.playback.arrivals import Arrivals
    from voicecli.playback.base import SinkReport, Underrun

NETWORK, DECODER, MACHINE = "network", "decoder", "machine"
"""Why a hole was: the audio had not come; it had come and was not decoded; it was there."""

ASKED_AHEAD_S = 0.15
"""Audio that comes later than so long before it is needed may have come too late."""

_INSIDE_S = 0.001

WATERFALL = ("connect", "request", "first_byte", "first_frame", "prebuffer", "device", "silence")
"""The parts of the wait for the first audible sound, in order."""


def cause(hole: Underrun, arrivals: Arrivals, received_at: Sequence[float]) -> str:
    """Why there was a hole. ``received_at`` are the times of all chunks, in order."""
    arrived_at = arrivals.arrived_at(hole.at_s + _INSIDE_S)
    if arrived_at is None or hole.began_at is None or arrived_at < hole.began_at - ASKED_AHEAD_S:
        return MACHINE
    chunks = bisect_right(received_at, arrived_at)
    waited_s = arrived_at - received_at[chunks - 1] if chunks else 0.0
    return DECODER if waited_s > hole.silence_s / 2 else NETWORK


def underruns(
    report: SinkReport | None, arrivals: Arrivals, received_at: Sequence[float]
) -> dict[str, Any]:
    """The three ledgers, as JSON has them."""
    holes = report.underruns if report else ()
    implied = arrivals.starvation(report.first_sound_at if report else None)
    lengths_s = [length_s for _, length_s in implied]
    return {
        "network": {
            "count": len(implied),
            "total_ms": milliseconds(sum(lengths_s)),
            "worst_ms": milliseconds(max(lengths_s, default=0.0)),
            "events": [_event(at_s, length_s, NETWORK) for at_s, length_s in implied],
        },
        "sink": {
            "count": len(holes),
            "total_ms": milliseconds(sum(hole.silence_s for hole in holes)),
            "events": [
                _event(hole.at_s, hole.silence_s, cause(hole, arrivals, received_at))
                for hole in holes
            ],
        },
        "device": {
            "count": report.device_underflows if report else 0,
            "events": [
                _event(at_s, None, MACHINE) for at_s in (report.underflows_at_s if report else ())
            ],
        },
    }


def waterfall(
    t0: float | None,
    times: Mapping[str, float],
    report: SinkReport | None,
    silence_ms: float | None,
) -> dict[str, float] | None:
    """How the wait for the first audible sound divides, in ms; None where nothing was audible.

    ``times`` are clock seconds under the names of the metrics. The parts follow
    one another without overlap and add up to ``ttfa_audible_ms``: an event that
    did not happen, or was overtaken by the next, takes none. ``device`` is what
    the device takes from opening to the ear, a preroll included.
    """
    if t0 is None or report is None or report.first_sound_at is None or silence_ms is None:
        return None
    first_sound_at = report.first_sound_at
    frame_at = times.get("first_frame_ms")
    opening_s = max(0.0, report.arrived_at - frame_at) if report.arrived_at and frame_at else 0.0
    released_at = report.released_at
    ends = [
        times.get("connected_ms"),
        times.get("request_sent_ms"),
        times.get("ttfb_ms"),
        frame_at,
        None if released_at is None else released_at - opening_s,
        first_sound_at,
    ]
    # From the end: nothing is later than what follows it. Rounded where the parts meet.
    latest, marks = first_sound_at, []
    for end in reversed(ends):
        latest = min(latest, end) if end is not None else latest
        marks.append(None if end is None else latest)
    marks.reverse()
    parts: dict[str, float] = {}
    before_ms = 0.0
    for name, mark in zip(WATERFALL, marks, strict=False):
        mark_ms = before_ms if mark is None else max(before_ms, round((mark - t0) * 1e3, 1))
        parts[name] = round(mark_ms - before_ms, 1)
        before_ms = mark_ms
    return parts | {"silence": silence_ms}


def _event(at_s: float, length_s: float | None, why: str) -> dict[str, Any]:
    return {"at_s": round(at_s, 4), "ms": milliseconds(length_s), "cause": why}


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as JSON has them: in ms, to a tenth."""
    return None if seconds is None else round(seconds * 1e3, 1)
