"""Results as a table for people, 80 columns wide, and as JSON for machines."""

from __future__ import annotations

import csv
import io
import os
import platform
from dataclasses import fields
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli import __version__
from voicecli.bench.statistics import Interval, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.bench.case import Outcome

SCHEMA = "voicecli.bench/1"

TERMINAL = 80
"""Characters that a table may be wide."""

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
    titles = [column.title for column in columns]
    _, *rows = cells(outcomes, columns)
    widths = [max(map(len, texts)) for texts in zip(titles, *rows, strict=True)]
    heads: list[str] = []
    parts: list[list[str]] = [[] for _ in (titles, *rows)]
    for group, members in groupby(range(len(columns)), lambda index: columns[index].group):
        indices = list(members)
        width = sum(widths[index] for index in indices) + len(indices) - 1
        widths[indices[0]] += max(0, len(group) - width)
        heads.append(group.rjust(width))
        for part, texts in zip(parts, (titles, *rows), strict=True):
            part.append(" ".join(_aligned(texts[i], columns[i], widths[i]) for i in indices))
    return "\n".join(_GAP.join(part).rstrip() for part in (heads, *parts))


def cells(outcomes: Sequence[Outcome], columns: Sequence[Column]) -> list[list[str]]:
    """The same as texts, not aligned; the first row has the titles, each with its group's."""
    head = [f"{column.group} {column.title}".strip() for column in columns]
    return [head, *([_cell(outcome, column) for column in columns] for outcome in outcomes)]


def _aligned(cell: str, column: Column, width: int) -> str:
    return cell.ljust(width) if column.statistic is None else cell.rjust(width)


def _cell(outcome: Outcome, column: Column) -> str:
    if column.statistic is None:
        return str(outcome.case.labels[column.metric])
    summary = outcome.summary(column.metric)
    value = None if summary is None else getattr(summary, column.statistic)
    if isinstance(value, Interval):
        return f"{number(value.low)}–{number(value.high)}"
    return _NOTHING if value is None else number(value)


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


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """A line for each metric of each case, for spreadsheets; the first line names the columns."""
    statistics = [field.name for field in fields(Summary) if field.name != "interval"]
    labels = list(outcomes[0].case.labels) if outcomes else []
    told = io.StringIO()
    lines = csv.writer(told, lineterminator="\n")
    lines.writerow([*labels, "failures", "metric", *statistics, "ci95_low", "ci95_high"])
    for outcome in outcomes:
        for metric in outcome.readings:
            summary = outcome.summary(metric)
            if summary is None:
                continue
            row = [outcome.case.labels[label] for label in labels]
            row += [len(outcome.failures), metric]
            row += [getattr(summary, name) for name in statistics]
            lines.writerow([*row, *(summary.interval or ("", ""))])
    return told.getvalue()


def machine() -> dict[str, Any]:
    """What the measurements were made with."""
    return {
        "voicecli": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def as_json(
    kind: str,
    settings: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    *,
    interrupted: bool,
    values: bool = False,
) -> dict[str, Any]:
    """The one JSON object of a benchmark, with all ``values`` if wanted; keys are only added."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "ok": not interrupted and not any(outcome.failures for outcome in outcomes),
        "interrupted": interrupted,
        "settings": dict(settings),
        "machine": machine(),
        "cases": [outcome.to_json(values=values) for outcome in outcomes],
    }
