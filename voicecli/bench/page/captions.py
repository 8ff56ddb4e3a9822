"""Captions that give the numbers of the report's figures; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.bench.statistics import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.bench.page.curves import Curves
    from voicecli.bench.speech import SpeechRun

_WHOLE_MS = 100
"""Longer times are shown without decimals."""

_MAX_GAPS = 6
"""The most gaps that are listed one by one."""


def part_name(part: str) -> str:
    """Make a part of the waterfall readable."""
    return part.replace("_", " ")


def milliseconds(ms: float) -> str:
    """Format a time, with a decimal below 100 ms."""
    return f"{ms:.0f}" if ms >= _WHOLE_MS else f"{round(ms, 1):g}"


def waterfall(title: str, parts_ms: Mapping[str, float]) -> str:
    """Say what the first audible sound of a case waited for."""
    parts = ", ".join(f"{part_name(part)} {milliseconds(ms)}" for part, ms in parts_ms.items())
    return f"{title}: {parts}; total {milliseconds(sum(parts_ms.values()))} ms."


def distribution(title: str, values_ms: Sequence[float]) -> str:
    """Say where the measurements of a case lie."""
    if not values_ms:
        return f"{title}: nothing was heard."
    ordered = sorted(values_ms)
    count = "1 run" if len(ordered) == 1 else f"{len(ordered)} runs"
    return (
        f"{title}: {count}, {milliseconds(ordered[0])} to {milliseconds(ordered[-1])} ms, "
        f"p50 {milliseconds(percentile(ordered, 50))}, p95 {milliseconds(percentile(ordered, 95))}."
    )


def arrival(curves: Curves) -> str:
    """Say when the audio arrived, and when it was heard."""
    arrived, heard = "Nothing arrived.", "Nothing was heard."
    if curves.decoded:
        _, decoded_s = curves.decoded[-1]
        decoded_by_s = next(at for at, so_far_s in curves.decoded if so_far_s == decoded_s)
        arrived = f"{decoded_s:.2f} s of audio, all decoded after {decoded_by_s:.2f} s."
    if curves.heard:
        (first_s, _), (last_s, _) = curves.heard[0], curves.heard[-1]
        heard = f"First sound after {milliseconds(first_s * 1e3)} ms, last after {last_s:.2f} s."
    return f"{arrived} {heard}"


def level(run: SpeechRun, curves: Curves) -> str:
    """Say how full the buffer was, and list the gaps."""
    buffer = run.metrics["buffer"]
    levels = [
        f"{milliseconds(buffer[key])} ms {when}"
        for key, when in (
            ("start_ms", "at the start"),
            ("min_ms", "minimum"),
            ("mean_ms", "on average"),
        )
        if buffer[key] is not None
    ]
    return f"{', '.join(levels)}. {gaps(curves)}" if levels else gaps(curves)


def gaps(curves: Curves) -> str:
    """List each gap: how long, where in the audio, and why."""
    if not curves.gaps:
        return "No gaps."
    listed = [
        f"{milliseconds(gap.length_s * 1e3)} ms at {gap.at_s:.2f} s ({gap.cause})"
        for gap in curves.gaps[:_MAX_GAPS]
    ]
    more = len(curves.gaps) - len(listed)
    count = "1 gap" if len(curves.gaps) == 1 else f"{len(curves.gaps)} gaps"
    return f"{count}: {', '.join(listed)}{f', and {more} more' if more else ''}."
