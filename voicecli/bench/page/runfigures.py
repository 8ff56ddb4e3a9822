"""Figures of the report over the time of one run; to be called inside `drawing.quiet`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.bench.page.captions import milliseconds
from voicecli.bench.page.drawing import AXIS_PX, Drawing, ink, number_ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from voicecli.bench.page.curves import Curve, Curves, Gap

_LEAST = 0.4
"""Part of the axis that the shortest run has to fill, to share it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far the axes of all curves reach: time and audio in seconds."""

    time_s: float
    audio_s: float
    level_s: float

    @classmethod
    def around(cls, shown: Iterable[Curves]) -> Limits:
        """The least that holds them all."""
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
        """Those of all, so that runs compare; None where some would be too small to see."""
        ends_s = [curves.ends_s for curves in shown]
        return cls.around(shown) if ends_s and min(ends_s) >= _LEAST * max(ends_s) else None


def arrival(name: str, curves: Curves, limits: Limits, says: str) -> str:
    """Audio decoded against audio heard; between the two lies the buffer."""
    drawing, axes = _time_axes(name, 210, "seconds of audio", limits.time_s)
    axes.set_ylim(0, limits.audio_s * 1.04)
    if curves.heard and curves.decoded:
        outline = [*curves.decoded, *reversed(curves.heard), (0.0, 0.0)]
        axes.fill(*zip(*outline, strict=True), color=ink("decoded"), alpha=0.14, linewidth=0)
    for line, label, width in ((curves.decoded, "decoded", 1.6), (curves.heard, "heard", 2.8)):
        if line:
            xs, ys = zip(*line, strict=True)
            axes.plot(xs, ys, color=ink(label), linewidth=width, label=label)
    _mark_gaps(drawing, axes, curves.gaps)
    if curves.decoded or curves.heard:
        axes.legend(loc="lower right", borderaxespad=0.2, handlelength=1.6)
    return drawing.svg("Audio decoded and audio heard over time", says)


def level(name: str, curves: Curves, limits: Limits, says: str) -> str:
    """How much audio was decoded and not yet heard, with the gaps marked."""
    drawing, axes = _time_axes(name, 160, "seconds in the buffer", limits.time_s)
    axes.set_ylim(0, limits.level_s * 1.08)
    if curves.level:
        xs, ys = zip(*curves.level, strict=True)
        axes.fill_between(xs, ys, color=ink("decoded"), alpha=0.14, linewidth=0)
        axes.plot(xs, ys, color=ink("decoded"), linewidth=1.6)
    _mark_gaps(drawing, axes, curves.gaps)
    return drawing.svg("Level of the buffer over time", says)


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
    """A band while it was silent, and a triangle above it: no need to tell colours apart."""
    for gap in gaps:
        band = axes.axvspan(gap.began_s, gap.ends_s, color=ink("gap"), alpha=0.28, linewidth=0)
        drawing.note(
            band, f"gap: {milliseconds(gap.length_s * 1e3)} ms at {gap.at_s:.2f} s, {gap.cause}"
        )
        axes.plot(
            [(gap.began_s + gap.ends_s) / 2], [1.03], transform=axes.get_xaxis_transform(),
            marker="v", markersize=7, color=ink("gap"), markeredgewidth=0, clip_on=False,
        )  # fmt: skip
