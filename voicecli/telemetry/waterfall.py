"""How the wait for the first audible sound divides; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.playback.base import SinkReport

PARTS = ("connect", "request", "first_byte", "first_frame", "prebuffer", "device", "silence")
"""The parts of the wait, in order."""


def waterfall(
    t0: float | None,
    times: Mapping[str, float],
    report: SinkReport,
    silence_ms: float | None,
) -> dict[str, float] | None:
    """Divide the wait into its parts, in ms; None if nothing was audible.

    ``times`` are clock seconds under the names of the metrics. The parts follow
    one another without overlap and add up to ``ttfa_audible_ms``: an event that
    did not happen, or came after the next one, takes no time. ``device`` is what the
    device takes from opening to the first sample heard, including a preroll.
    """
    if t0 is None or report.first_sound_at is None or silence_ms is None:
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
    # Backwards, so that nothing ends later than what follows it.
    latest, marks = first_sound_at, []
    for end in reversed(ends):
        latest = min(latest, end) if end is not None else latest
        marks.append(None if end is None else latest)
    marks.reverse()
    parts: dict[str, float] = {}
    before_ms = 0.0
    for name, mark in zip(PARTS, marks, strict=False):
        mark_ms = before_ms if mark is None else max(before_ms, round((mark - t0) * 1e3, 1))
        parts[name] = round(mark_ms - before_ms, 1)
        before_ms = mark_ms
    return parts | {"silence": silence_ms}
