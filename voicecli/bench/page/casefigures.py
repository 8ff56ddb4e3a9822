"""Figures of the report with a row for each case; to be called inside `drawing.quiet`.

Cases are below one another, so that they compare along one axis, in milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from voicecli.bench.page.captions import milliseconds, part_name
from voicecli.bench.page.drawing import AXIS_PX, WIDTH_PX, Drawing, ink, number_ticks
from voicecli.bench.statistics import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_EDGE_PX = 4
_SIDE_PX = 18
"""Beside the axes of rows: half of a number of milliseconds."""
_ROW_PX = 52
_TITLE_PX = 13
"""Where a row's words stand, below its top."""
_MIDDLE_PX = 32
"""Where the middle of what a row shows is, below its top."""
_BAR_PX = 20
_DIGIT_PX = 13
"""The least width of a part that has its number inside."""
_DOT_PX = 6
_BIN_PX = 4
_SPREAD_PX = 12
"""How far what a row shows may reach from its middle."""
_LETTER_PX, _BOLD_PX = 6.6, 7.4
"""About as wide as letters are, in the widest of the usual fonts."""


def waterfall(name: str, rows: Sequence[tuple[str, Mapping[str, float]]], says: str) -> str:
    """What the first audible sound waited for: a row a case, its parts in ms one after another."""
    drawing, axes = _rows(name, len(rows))
    most_ms = max((sum(parts.values()) for _, parts in rows), default=0.0) or 1.0
    axes.set_xlim(0, most_ms)
    for index, (title, parts) in enumerate(rows):
        _head(drawing, axes, index, title, f"{milliseconds(sum(parts.values()))} ms")
        middle, before_ms = index * _ROW_PX + _MIDDLE_PX, 0.0
        for place, (part, ms) in enumerate(parts.items(), start=1):
            width_px = ms / most_ms * _span_px()
            (bar,) = axes.barh(
                middle, ms, left=before_ms, height=_BAR_PX, color=ink(f"part-{place}"),
                edgecolor=ink("card"), linewidth=1.0 if width_px > _EDGE_PX else 0.0,
            )  # fmt: skip
            drawing.note(bar, f"{title}: {part_name(part)} {milliseconds(ms)} ms")
            if width_px >= _DIGIT_PX:
                axes.text(
                    before_ms + ms / 2, middle, str(place), color=ink("on-part"), weight="bold",
                    ha="center", va="center_baseline",
                )  # fmt: skip
            before_ms += ms
    return drawing.svg("Where the wait for the first sound goes", says)


def distribution(name: str, rows: Sequence[tuple[str, Sequence[float]]], says: str) -> str:
    """Measurements in ms: a row a case, a dot a run; where dots would not fit, their density.

    A line at p50 and a dashed one at p95. Dots stand in columns around the middle,
    so that a row is as high as it is crowded however many runs there are.
    """
    drawing, axes = _rows(name, len(rows))
    axes.set_xlim(*_around([value for _, values in rows for value in values]))
    for index, (title, values) in enumerate(rows):
        middle = index * _ROW_PX + _MIDDLE_PX
        if not values:
            _head(drawing, axes, index, title, "not heard")
            continue
        ordered = sorted(values)
        p50, p95 = percentile(ordered, 50), percentile(ordered, 95)
        _head(drawing, axes, index, title, f"{milliseconds(p50)} · {milliseconds(p95)} ms")
        are_dots = _crowd(drawing, axes, middle, title, ordered)
        for at, line in ((p50, "solid"), (p95, (0, (2, 1.5)))):
            axes.plot(
                [at, at], [middle - _SPREAD_PX - 2, middle + _SPREAD_PX + 2],
                color=ink("ink"), linewidth=1.6, linestyle=line, zorder=1.5 if are_dots else 3,
            )  # fmt: skip
    return drawing.svg("How the time to first audio is distributed", says)


def _rows(name: str, count: int) -> tuple[Drawing, Axes]:
    """Axes in ms to the right and pixels down, with a row for each case."""
    height_px = max(count, 1) * _ROW_PX
    drawing = Drawing(name, height_px + AXIS_PX)
    axes = drawing.axes(left=_SIDE_PX, top=0, right=_SIDE_PX, bottom=AXIS_PX)
    axes.set_ylim(height_px, 0)
    axes.set_yticks([])
    axes.set_xlabel("milliseconds since the request")
    number_ticks(axes)
    return drawing, axes


def _span_px() -> float:
    """Width of the axes of rows."""
    return WIDTH_PX - 2 * _SIDE_PX


def _head(drawing: Drawing, axes: Axes, index: int, title: str, result: str) -> None:
    """A row's words: what it is on the left, what came of it on the right."""
    at = index * _ROW_PX + _TITLE_PX
    cells = int((WIDTH_PX - 2 * _EDGE_PX - _BOLD_PX * (len(result) + 1)) / _LETTER_PX)
    shown = drawing.text(_cut(title, cells))
    beside = (_SIDE_PX - _EDGE_PX) / _span_px()
    for x, text, side, weight in (
        (-beside, shown, "left", "normal"),
        (1 + beside, result, "right", "bold"),
    ):
        axes.text(
            x, at, text, transform=axes.get_yaxis_transform(), va="baseline", ha=side,
            weight=weight, color=ink("ink"),
        )  # fmt: skip


def _cut(text: str, cells: int) -> str:
    """At most so many cells wide, both ends kept: formats are in front, ports behind."""
    if cell_len(text) <= cells:
        return text
    front = set_cell_size(text, cells // 2).rstrip()
    back = set_cell_size(text[::-1], cells - cells // 2 - 1).rstrip()[::-1]
    return f"{front}…{back}"


def _around(values: Sequence[float]) -> tuple[float, float]:
    """Limits with some air beside the least and the greatest, in ms."""
    least, greatest = min(values, default=0.0), max(values, default=1.0)
    air = max((greatest - least) * 0.06, greatest * 0.01, 0.5)
    return least - air, greatest + air


def _crowd(
    drawing: Drawing, axes: Axes, middle: float, title: str, ordered: Sequence[float]
) -> bool:
    """What was measured, as dots, or as a shape where they are too many; True for dots."""
    least, greatest = axes.get_xlim()
    ms_per_px = (greatest - least) / _span_px()
    columns = _columns(ordered, least, _DOT_PX * ms_per_px)
    are_dots = max(map(len, columns.values())) * _DOT_PX <= 2 * _SPREAD_PX
    if are_dots:
        shape = _dots(axes, middle, columns)
    else:
        shape = _density(axes, middle, _columns(ordered, least, _BIN_PX * ms_per_px))
    told = f"{milliseconds(ordered[0])} to {milliseconds(ordered[-1])} ms"
    drawing.note(shape, f"{title}: {len(ordered)} runs, {told}")
    return are_dots


def _columns(
    values: Sequence[float], least: float, width_ms: float
) -> dict[float, Sequence[float]]:
    """The values in each column of a width, by the column's middle."""
    columns: dict[float, list[float]] = {}
    for value in values:
        place = int((value - least) / width_ms)
        columns.setdefault(least + (place + 0.5) * width_ms, []).append(value)
    return dict(columns)


def _dots(axes: Axes, middle: float, columns: Mapping[float, Sequence[float]]) -> Artist:
    """Each where its value is, those of a column above one another."""
    xs: list[float] = []
    ys: list[float] = []
    for values in columns.values():
        xs += values
        ys += [middle + (i - (len(values) - 1) / 2) * _DOT_PX for i in range(len(values))]
    (dots,) = axes.plot(
        xs, ys, linestyle="none", marker="o", markersize=_DOT_PX - 0.5, markeredgewidth=0,
        color=ink("decoded"),
    )  # fmt: skip
    return dots


def _density(axes: Axes, middle: float, columns: Mapping[float, Sequence[float]]) -> Artist:
    """Each column as high as it is full."""
    most = max(map(len, columns.values()))
    reach = [_SPREAD_PX * len(values) / most for values in columns.values()]
    return axes.vlines(
        list(columns), [middle - r for r in reach], [middle + r for r in reach],
        color=ink("decoded"), linewidth=_BIN_PX - 0.5,
    )  # fmt: skip
