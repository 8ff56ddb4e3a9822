"""Figures of one run over time; call them inside `matplotlib_style`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.bench.page.captions import milliseconds
from voicecli.bench.page.drawing import AXIS_PX, Drawing, color, number_ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from voicecli.bench.page.curves import Curve, Curves, Gap

_MIN_SHARE = 0.4
"""Share of a common axis that the shortest run has to fill."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The ends of the axes, in seconds of time and of audio."""

    time_s: float
    audio_s: float
    level_s: float

    @classmethod
    def around(cls, shown: Iterable[Curves]) -> Limits:
        """Return the smallest limits that hold all curves."""
        curves = list(shown)

        def top(lines: Iterable[Curve]) -> float:
            return max((y for line in lines for _, y in line), default=0.0) or 1.0

        return cls(
            time_s=max((c.ends_s for c in curves), default=0.0) or 1.0,
            audio_s=top(line for c in curves for line in (c.decoded, c.heard)),
            level_s=top(c.level for c in curves),
        )

    @classmethod
    def shared(cls, shown: Sequence[Curves]) -> Limits | None:
        """Return common limits, or None if some run would be too small to see."""
        ends_s = [curves.ends_s for curves in shown]
        return cls.around(shown) if ends_s and min(ends_s) >= _MIN_SHARE * max(ends_s) else None


def arrival(name: str, curves: Curves, limits: Limits, description: str) -> str:
    """Draw the audio decoded and heard over time; the buffer lies between the two."""
    drawing, axes = _time_axes(name, 210, "seconds of audio", limits.time_s)
    axes.set_ylim(0, limits.audio_s * 1.04)
    if curves.heard and curves.decoded:
        outline = [*curves.decoded, *reversed(curves.heard), (0.0, 0.0)]
        axes.fill(*zip(*outline, strict=True), color=color("decoded"), alpha=0.14, linewidth=0)
    for line, label, width in ((curves.decoded, "decoded", 1.6), (curves.heard, "heard", 2.8)):
        if line:
            xs, ys = zip(*line, strict=True)
            axes.plot(xs, ys, color=color(label), linewidth=width, label=label)
    _mark_gaps(drawing, axes, curves.gaps)
    if curves.decoded or curves.heard:
        axes.legend(loc="lower right", borderaxespad=0.2, handlelength=1.6)
    return drawing.svg("Audio decoded and audio heard over time", description)


def level(name: str, curves: Curves, limits: Limits, description: str) -> str:
    """Draw how much audio was decoded and not yet heard, with the gaps marked."""
    drawing, axes = _time_axes(name, 160, "seconds in the buffer", limits.time_s)
    axes.set_ylim(0, limits.level_s * 1.08)
    if curves.level:
        xs, ys = zip(*curves.level, strict=True)
        axes.fill_between(xs, ys, color=color("decoded"), alpha=0.14, linewidth=0)
        axes.plot(xs, ys, color=color("decoded"), linewidth=1.6)
    _mark_gaps(drawing, axes, curves.gaps)
    return drawing.svg("Level of the buffer over time", description)


def _time_axes(name: str, height_px: float, what: str, time_s: float) -> tuple[Drawing, Axes]:
    drawing = Drawing(name, height_px)
    axes = drawing.axes(left=32, top=32, right=14, bottom=AXIS_PX)
    axes.set_title(what, loc="left", pad=15)
    axes.set_xlabel("seconds since the request")
    axes.set_xlim(0, time_s)
    axes.locator_params(axis="y", nbins=4)
    number_ticks(axes)
    return drawing, axes


def _mark_gaps(drawing: Drawing, axes: Axes, gaps: Sequence[Gap]) -> None:
    """Mark each gap with a band and a triangle, so that colours need not be told apart."""
    for gap in gaps:
        band = axes.axvspan(gap.began_s, gap.ends_s, color=color("gap"), alpha=0.28, linewidth=0)
        drawing.tooltip(
            band, f"gap: {milliseconds(gap.length_s * 1e3)} ms at {gap.at_s:.2f} s, {gap.cause}"
        )
        axes.plot(
            [(gap.began_s + gap.ends_s) / 2], [1.03], transform=axes.get_xaxis_transform(),
            marker="v", markersize=7, color=color("gap"), markeredgewidth=0, clip_on=False,
        )  # fmt: skip
