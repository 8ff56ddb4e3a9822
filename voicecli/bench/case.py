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
class Measured:
    """Readings of a run that was several things at once, or of which more is kept.

    ``details`` is what is kept of each thing that went well, ``failures`` tells why
    others did not.
    """

    readings: Readings
    details: Sequence[Any]
    failures: Sequence[VoiceError] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure, under settings that the labels tell.

    ``measure`` runs it once and returns its readings. It raises `VoiceError` where
    the run failed for a reason of the outside world. ``title`` is for people; by
    default it is all labels.
    """

    labels: Mapping[str, str | int]
    measure: Callable[[], Readings | Measured]
    title: str = ""

    @property
    def name(self) -> str:
        """The title."""
        return self.title or " ".join(map(str, self.labels.values()))


@dataclass(slots=True)
class Outcome:
    """A case, all readings of its runs so far, and the runs that failed.

    ``details`` is what was kept of runs that went well; ``warmups_failed`` counts
    those that failed and would not have counted.
    """

    case: Case
    runs: int = 0
    readings: dict[str, list[float]] = field(default_factory=dict)
    failures: list[VoiceError] = field(default_factory=list)
    details: list[Any] = field(default_factory=list)
    warmups_failed: int = 0

    def add(self, measured: Readings | Measured) -> None:
        """Add what a run came to."""
        if isinstance(measured, Measured):
            self.runs += len(measured.details)
            self.details += measured.details
            self.failures += measured.failures
            readings = measured.readings
        else:
            self.runs += 1
            readings = measured
        for metric, values in readings.items():
            self.readings.setdefault(metric, []).extend(values)

    def summary(self, metric: str) -> Summary | None:
        """What the readings of a metric come to; None without any."""
        values = self.readings.get(metric)
        return Summary.of(values) if values else None

    def to_json(self, *, values: bool = False) -> dict[str, Any]:
        """Labels, runs, failures, and a summary of each metric; with all ``values`` if wanted."""
        told = {
            **self.case.labels,
            "runs": self.runs,
            "failures": [{"code": e.code, "message": e.message} for e in self.failures],
            "metrics": {
                metric: Summary.of(values).to_json()
                for metric, values in self.readings.items()
                if values
            },
        }
        return told | {"values": self.readings} if values else told
