"""What is measured, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from voicecli.bench.statistics import Summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.errors import VoiceError

Readings: TypeAlias = Mapping[str, Sequence[float]]
"""Measurements of one run by metric; a metric's name ends in its unit, such as ``push_us``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure, under settings that the labels tell.

    ``measure`` runs it once and returns its readings. It raises `VoiceError` where
    the run failed for a reason of the outside world.
    """

    labels: Mapping[str, str | int]
    measure: Callable[[], Readings]


@dataclass(slots=True)
class Outcome:
    """A case, all readings of its runs so far, and the runs that failed."""

    case: Case
    runs: int = 0
    readings: dict[str, list[float]] = field(default_factory=dict)
    failures: list[VoiceError] = field(default_factory=list)

    def add(self, readings: Readings) -> None:
        """Add those of a run that went well."""
        self.runs += 1
        for metric, values in readings.items():
            self.readings.setdefault(metric, []).extend(values)

    def summary(self, metric: str) -> Summary | None:
        """What the readings of a metric come to; None without any."""
        values = self.readings.get(metric)
        return Summary.of(values) if values else None

    def to_json(self) -> dict[str, Any]:
        """Labels, runs, failures, and a summary of each metric."""
        return {
            **self.case.labels,
            "runs": self.runs,
            "failures": [{"code": e.code, "message": e.message} for e in self.failures],
            "metrics": {
                metric: Summary.of(values).to_json()
                for metric, values in self.readings.items()
                if values
            },
        }
