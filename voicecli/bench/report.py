"""Results as a table of 80 columns, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections import Counter
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
"""Maximum width of a table, in characters."""

_NOTHING = "–"
_GAP = "  "
_ONE_DECIMAL, _NO_DECIMALS = 10, 100  # from these values on


class Column(NamedTuple):
    """A column of the table: two lines of title, and where its numbers come from.

    ``statistic`` is the field of `Summary` shown for the metric. If it is None,
    ``metric`` is a label of the cases.
    """

    group: str
    title: str
    metric: str
    statistic: str | None = None

    def value(self, outcome: Outcome) -> Any:
        """Return the label or the statistic of an outcome; None without measurements."""
        if self.statistic is None:
            return outcome.case.labels[self.metric]
        summary = outcome.summary(self.metric)
        return None if summary is None else getattr(summary, self.statistic)


def table(outcomes: Sequence[Outcome], columns: Sequence[Column]) -> str:
    """Format a line for each outcome, numbers right-aligned and labels left-aligned.

    The columns of a group stand closer together, under the group's title.
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


def tables(outcomes: Sequence[Outcome], columns: Sequence[Column], width: int) -> list[str]:
    """Format one table, or several of at most ``width`` columns that repeat the labels."""
    labels = [column for column in columns if column.statistic is None]
    numbers = [column for column in columns if column.statistic is not None]
    found, chosen = [], labels
    for column in numbers:
        wider = table(outcomes, [*chosen, column])
        if chosen != labels and max(map(len, wider.split("\n"))) > width:
            found.append(table(outcomes, chosen))
            chosen = labels
        chosen = [*chosen, column]
    return [*found, table(outcomes, chosen)]


def cells(outcomes: Sequence[Outcome], columns: Sequence[Column]) -> list[list[str]]:
    """Return the table as unaligned cells; the first row has the titles with their groups."""
    head = [f"{column.group} {column.title}".strip() for column in columns]
    return [head, *([_cell(outcome, column) for column in columns] for outcome in outcomes)]


def _aligned(cell: str, column: Column, width: int) -> str:
    return cell.ljust(width) if column.statistic is None else cell.rjust(width)


def _cell(outcome: Outcome, column: Column) -> str:
    value = column.value(outcome)
    if column.statistic is None:
        return str(value)
    if isinstance(value, Interval):
        return f"{number(value.low)}–{number(value.high)}"
    return _NOTHING if value is None else number(value)


def number(value: float) -> str:
    """Format about three significant digits; whole numbers stay as they are."""
    if value == int(value) or abs(value) >= _NO_DECIMALS:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= _ONE_DECIMAL else f"{value:.2f}"


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Format a line for each kind of failure of each case: how often, and why."""
    lines = []
    for outcome in outcomes:
        total = outcome.runs + len(outcome.failures)
        for message, count in Counter(error.message for error in outcome.failures).items():
            lines.append(f"{outcome.case.name}: {count} of {total} runs failed: {message}")
    return lines


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """Format a CSV line for each metric of each case; the first line names the columns."""
    statistics = [field.name for field in fields(Summary) if field.name != "interval"]
    labels = list(outcomes[0].case.labels) if outcomes else []
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
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
    return file.getvalue()


def machine() -> dict[str, Any]:
    """Describe the machine and the software of the measurements."""
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
    """Build the JSON object of a benchmark, with all readings if ``values``."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "ok": not interrupted and not any(outcome.failures for outcome in outcomes),
        "interrupted": interrupted,
        "settings": dict(settings),
        "machine": machine(),
        "cases": [outcome.to_json(values=values) for outcome in outcomes],
    }
