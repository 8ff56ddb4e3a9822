"""Results as a table for people, 80 columns wide, and as JSON for machines."""

from __future__ import annotations

import os
import platform
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.bench.cases import Outcome

SCHEMA = "voicecli.bench/1"

_NOTHING = "–"
_GAP = "  "
_FINE, _ROUGH = 10, 100  # from here up one digit behind the point, and none


class Column(NamedTuple):
    """A column of the table: two lines of title, and whence its numbers.

    ``metric`` is a label of the cases where ``statistic`` is None, else the
    metric of which the statistic (a field of `Summary`) is shown.
    """

    group: str
    title: str
    metric: str
    statistic: str | None = None


def table(outcomes: Sequence[Outcome], columns: Sequence[Column]) -> str:
    """A line for each outcome, numbers to the right, labels to the left.

    A group's title stands once, above its columns, which stand closer together.
    """
    rows = [[_cell(outcome, column) for column in columns] for outcome in outcomes]
    titles = [column.title for column in columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    heads: list[str] = []
    parts: list[list[str]] = [[] for _ in (titles, *rows)]
    for group, members in groupby(range(len(columns)), lambda index: columns[index].group):
        indices = list(members)
        width = sum(widths[index] for index in indices) + len(indices) - 1
        widths[indices[0]] += max(0, len(group) - width)
        heads.append(group.rjust(width))
        for part, cells in zip(parts, (titles, *rows), strict=True):
            part.append(" ".join(_aligned(cells[i], columns[i], widths[i]) for i in indices))
    return "\n".join(_GAP.join(part).rstrip() for part in (heads, *parts))


def _aligned(cell: str, column: Column, width: int) -> str:
    return cell.ljust(width) if column.statistic is None else cell.rjust(width)


def _cell(outcome: Outcome, column: Column) -> str:
    if column.statistic is None:
        return str(outcome.case.labels[column.metric])
    summary = outcome.summary(column.metric)
    return _NOTHING if summary is None else number(getattr(summary, column.statistic))


def number(value: float) -> str:
    """Three digits or so that matter; whole numbers as they are."""
    if value == int(value) or abs(value) >= _ROUGH:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= _FINE else f"{value:.2f}"


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each kind of failure of each case: how often, and why."""
    lines = []
    for outcome in outcomes:
        what = outcome.case.name
        for message in dict.fromkeys(fault.message for fault in outcome.failures):
            count = sum(fault.message == message for fault in outcome.failures)
            total = outcome.runs + len(outcome.failures)
            lines.append(f"{what}: {count} of {total} runs failed: {message}")
    return lines


def as_json(
    kind: str, settings: Mapping[str, Any], outcomes: Sequence[Outcome], *, interrupted: bool
) -> dict[str, Any]:
    """The one JSON object of a benchmark; keys are only ever added."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "ok": not interrupted and not any(outcome.failures for outcome in outcomes),
        "interrupted": interrupted,
        "settings": dict(settings),
        "machine": {
            "voicecli": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
        },
        "cases": [outcome.to_json() for outcome in outcomes],
    }
