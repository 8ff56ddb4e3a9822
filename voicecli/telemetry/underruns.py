"""Gaps in the sound and their causes; pure.

They are counted in three ways, because each source knows something else:

- *network*: the gaps of a perfect player that got the same arrivals;
- *sink*: the gaps that were heard, each with its cause;
- *device*: those heard although the audio was there: the device or this process did not run.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from voicecli.playback.arrivals import Arrivals
from voicecli.telemetry.events import PROGRESS_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.playback.base import SinkReport, Underrun

NETWORK, DECODER, MACHINE, DEVICE = "network", "decoder", "machine", "device"
"""The audio had not arrived; it had arrived and was not decoded; it was there in time, and
the process did not run, or the device did not."""

NEEDED_AHEAD_S = 0.15
"""Devices ask for audio ahead: if it arrives this close to the gap, it may be too late."""

_INSIDE_S = 0.001

_SAME_PLACE_S = 0.03
"""Gaps this close are the same: the sink counts whole blocks."""


def cause(
    gap: Underrun,
    arrivals: Arrivals,
    received_at: Sequence[float],
    stops: Sequence[tuple[float, float]] = (),
) -> str:
    """Return why there was a gap.

    ``received_at`` are the times of all chunks, in order. ``stops`` are pairs of times at
    which playback was checked, the second too late: the process did not run between them,
    except in the first `PROGRESS_S`. If it did not run for half of a device's gap, the gap
    is the machine's.
    """
    if gap.is_device:
        return MACHINE if _is_of_stop(gap, stops) else DEVICE
    arrived_at = arrivals.arrived_at(gap.at_s + _INSIDE_S)
    if arrived_at is None or gap.began_at is None or arrived_at < gap.began_at - NEEDED_AHEAD_S:
        return MACHINE
    chunks = bisect_right(received_at, arrived_at)
    decoding_s = arrived_at - received_at[chunks - 1] if chunks else 0.0
    return DECODER if decoding_s > gap.silence_s / 2 else NETWORK


def _is_of_stop(gap: Underrun, stops: Sequence[tuple[float, float]]) -> bool:
    return _stopped_s(gap, stops) > gap.silence_s / 2


def _stopped_s(gap: Underrun, stops: Sequence[tuple[float, float]]) -> float:
    began_at = gap.began_at or 0.0
    ended_at = began_at + gap.silence_s
    return sum(
        max(0.0, min(until, ended_at) - max(at + PROGRESS_S, began_at)) for at, until in stops
    )


def underruns(
    report: SinkReport,
    arrivals: Arrivals,
    received_at: Sequence[float],
    stops: Sequence[tuple[float, float]] = (),
) -> dict[str, Any]:
    """Return all gaps, counted in the three ways, as a JSON object."""
    gaps = [
        _event(gap.at_s, gap.silence_s, cause(gap, arrivals, received_at, stops))
        for gap in report.underruns
    ]
    of_device = [event for event, gap in zip(gaps, report.underruns, strict=True) if gap.is_device]
    waits_s = [wait.at_s for wait in report.text_waits]
    implied = [
        (at_s, length_s)
        for at_s, length_s in while_running(arrivals, report, stops).starvation(
            report.first_sound_at
        )
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
            "total_ms": milliseconds(sum(gap.silence_s for gap in report.underruns)),
            "events": gaps,
        },
        "device": {"count": len(of_device), "events": of_device},
    }


def while_running(
    arrivals: Arrivals, report: SinkReport, stops: Sequence[tuple[float, float]] = ()
) -> Arrivals:
    """Return the arrivals as if no time had passed while the sound was paused or nothing ran.

    Nothing can be late then. ``stops`` as for `cause`; only those count that stopped the sound.
    """
    still = [((pause.began_at or 0.0), pause.silence_s) for pause in report.pauses]
    of_machine = [gap for gap in report.underruns if gap.is_device and _is_of_stop(gap, stops)]
    still += [
        (since, until - since)
        for since, until in stops
        if any(_stopped_s(gap, [(since, until)]) for gap in of_machine)
    ]
    if not still:
        return arrivals
    shifted = Arrivals()
    for at, duration_s in arrivals:
        still_s = sum(min(length_s, max(0.0, at - since)) for since, length_s in still)
        shifted.add(at - still_s, duration_s)
    return shifted


def text_waits(report: SinkReport) -> dict[str, Any]:
    """Return the waits for text that had not been written yet, as a JSON object."""
    return _silences(report.text_waits)


def pauses(report: SinkReport) -> dict[str, Any]:
    """Return the pauses that the listener made, as a JSON object."""
    return _silences(report.pauses)


def _silences(waits: Sequence[Underrun]) -> dict[str, Any]:
    return {
        "count": len(waits),
        "total_ms": milliseconds(sum(wait.silence_s for wait in waits)),
        "events": [
            {"at_s": round(wait.at_s, 4), "ms": milliseconds(wait.silence_s)} for wait in waits
        ],
    }


def _event(at_s: float, length_s: float, cause: str) -> dict[str, Any]:
    return {"at_s": round(at_s, 4), "ms": milliseconds(length_s), "cause": cause}


def milliseconds(seconds: float | None) -> float | None:
    """Convert seconds to ms, rounded to a tenth."""
    return None if seconds is None else round(seconds * 1e3, 1)
