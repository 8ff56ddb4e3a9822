"""Figures with a row for each case on a common axis; call them inside `matplotlib_style`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from voicecli.bench.page.captions import milliseconds, part_name
from voicecli.bench.page.drawing import AXIS_PX, WIDTH_PX, Drawing, color, number_ticks
from voicecli.bench.statistics import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

_EDGE_PX = 4
_SIDE_PX = 18
"""Margin beside the axes, for half a tick label."""
_ROW_PX = 52
_TITLE_PX = 13
"""Baseline of a row's text, below its top."""
_MIDDLE_PX = 32
"""Middle of a row's drawing, below its top."""
_BAR_PX = 20
_DIGIT_PX = 13
"""Minimum width of a part with its number inside."""
_DOT_PX = 6
_SPREAD_PX = 12
"""How far a row's drawing may reach from its middle."""
_LETTER_PX, _BOLD_PX = 6.6, 7.4
"""Approximate width of letters, in the widest of the usual fonts."""


def waterfall(name: str, rows: Sequence[tuple[str, Mapping[str, float]]], description: str) -> str:
    """Draw what the first sound of each case waited for: its parts in ms, end to end."""
    drawing, axes = _rows(name, len(rows))
    max_ms = max((sum(parts.values()) for _, parts in rows), default=0.0) or 1.0
    axes.set_xlim(0, max_ms)
    for index, (title, parts) in enumerate(rows):
        _head(drawing, axes, index, title, f"{milliseconds(sum(parts.values()))} ms")
        middle, before_ms = index * _ROW_PX + _MIDDLE_PX, 0.0
        for place, (part, ms) in enumerate(parts.items(), start=1):
            width_px = ms / max_ms * _span_px()
            (bar,) = axes.barh(
                middle, ms, left=before_ms, height=_BAR_PX, color=color(f"part-{place}"),
                edgecolor=color("card"), linewidth=1.0 if width_px > _EDGE_PX else 0.0,
            )  # fmt: skip
            drawing.tooltip(bar, f"{title}: {part_name(part)} {milliseconds(ms)} ms")
            if width_px >= _DIGIT_PX:
                axes.text(
                    before_ms + ms / 2, middle, str(place), color=color("on-part"), weight="bold",
                    ha="center", va="center_baseline",
                )  # fmt: skip
            before_ms += ms
    return drawing.svg("Where the wait for the first sound goes", description)


def distribution(name: str, rows: Sequence[tuple[str, Sequence[float]]], description: str) -> str:
    """Draw a dot for each measurement of a case, a line at p50 and a dashed one at p95."""
    drawing, axes = _rows(name, len(rows))
    axes.set_xlim(*_axis_limits([value for _, values in rows for value in values]))
    for index, (title, values) in enumerate(rows):
        middle = index * _ROW_PX + _MIDDLE_PX
        if not values:
            _head(drawing, axes, index, title, "not heard")
            continue
        ordered = sorted(values)
        p50, p95 = percentile(ordered, 50), percentile(ordered, 95)
        _head(drawing, axes, index, title, f"{milliseconds(p50)} · {milliseconds(p95)} ms")
        _dots(drawing, axes, middle, title, ordered)
        for at, line in ((p50, "solid"), (p95, (0, (2, 1.5)))):
            axes.plot(
                [at, at], [middle - _SPREAD_PX - 2, middle + _SPREAD_PX + 2],
                color=color("ink"), linewidth=1.6, linestyle=line, zorder=3,
            )  # fmt: skip
    return drawing.svg("How the time to first audio is distributed", description)


def _rows(name: str, count: int) -> tuple[Drawing, Axes]:
    """Make axes with milliseconds to the right and pixels down, a row for each case."""
    height_px = max(count, 1) * _ROW_PX
    drawing = Drawing(name, height_px + AXIS_PX)
    axes = drawing.axes(left=_SIDE_PX, top=0, right=_SIDE_PX, bottom=AXIS_PX)
    axes.set_ylim(height_px, 0)
    axes.set_yticks([])
    axes.set_xlabel("milliseconds since the request")
    number_ticks(axes)
    return drawing, axes


def _span_px() -> float:
    """Return the width of the axes."""
    return WIDTH_PX - 2 * _SIDE_PX


def _head(drawing: Drawing, axes: Axes, index: int, title: str, result: str) -> None:
    """Write the text of a row: its title on the left, its result on the right."""
    at = index * _ROW_PX + _TITLE_PX
    cells = int((WIDTH_PX - 2 * _EDGE_PX - _BOLD_PX * (len(result) + 1)) / _LETTER_PX)
    shown = drawing.placeholder(_shortened(title, cells))
    beside = (_SIDE_PX - _EDGE_PX) / _span_px()
    for x, text, side, weight in (
        (-beside, shown, "left", "normal"),
        (1 + beside, result, "right", "bold"),
    ):
        axes.text(
            x, at, text, transform=axes.get_yaxis_transform(), va="baseline", ha=side,
            weight=weight, color=color("ink"),
        )  # fmt: skip


def _shortened(text: str, cells: int) -> str:
    """Shorten a text to ``cells``, keeping both ends: formats come first, ports last."""
    if cell_len(text) <= cells:
        return text
    front = set_cell_size(text, cells // 2).rstrip()
    back = set_cell_size(text[::-1], cells - cells // 2 - 1).rstrip()[::-1]
    return f"{front}…{back}"


def _axis_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return limits of the axis in ms, with a margin around the values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = max((high - low) * 0.06, high * 0.01, 0.5)
    return low - margin, high + margin


def _dots(
    drawing: Drawing, axes: Axes, middle: float, title: str, ordered: Sequence[float]
) -> None:
    """Draw each value as a dot, stacking those that would overlap; many of them overlap."""
    low, high = axes.get_xlim()
    columns: defaultdict[int, list[float]] = defaultdict(list)
    for value in ordered:
        columns[int((value - low) / (high - low) * _span_px() / _DOT_PX)].append(value)
    step_px = min(_DOT_PX, 2 * _SPREAD_PX / max(map(len, columns.values())))
    ys = [
        middle + (number - (len(column) - 1) / 2) * step_px
        for column in columns.values()
        for number in range(len(column))
    ]
    (dots,) = axes.plot(
        ordered, ys, linestyle="none", marker="o", markersize=_DOT_PX - 0.5, markeredgewidth=0,
        color=color("decoded"),
    )  # fmt: skip
    extent = f"{milliseconds(ordered[0])} to {milliseconds(ordered[-1])} ms"
    drawing.tooltip(dots, f"{title}: {len(ordered)} runs, {extent}")
