"""One case of a benchmark, and the outcome of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

from voicecli.bench.statistics import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.errors import VoiceError

Readings: TypeAlias = Mapping[str, Sequence[float]]
"""Values measured in one run, by metric; a metric's name ends in its unit: ``push_us``."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Readings of a run that made several requests, or that keeps more than readings.

    ``details`` has one item for each request that succeeded, ``failures`` an error for
    each that did not.
    """

    readings: Readings
    details: Sequence[Any]
    failures: Sequence[VoiceError] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure; the labels name its settings.

    ``measure`` runs it once and returns its readings. It raises `VoiceError` if the
    run failed. ``title`` is shown to people; by default it is all labels.
    """

    labels: Mapping[str, str | int]
    measure: Callable[[], Readings | Measured]
    title: str = ""

    @property
    def name(self) -> str:
        """The title, or all labels if there is none."""
        return self.title or " ".join(map(str, self.labels.values()))


def combinations(measure: Callable[..., Readings], **labels: Iterable[str | int]) -> list[Case]:
    """Return a case for each combination of the labels, which ``measure`` gets by name."""
    combined = (dict(zip(labels, values, strict=True)) for values in product(*labels.values()))
    return [Case(chosen, partial(measure, **chosen)) for chosen in combined]


@dataclass(slots=True)
class Outcome:
    """A case, the readings of its runs so far, and the failures.

    ``details`` holds those of `Measured`; ``warmups_failed`` counts failed warm-ups,
    which are not among the failures.
    """

    case: Case
    runs: int = 0
    readings: dict[str, list[float]] = field(default_factory=dict)
    failures: list[VoiceError] = field(default_factory=list)
    details: list[Any] = field(default_factory=list)
    warmups_failed: int = 0

    def add(self, measured: Readings | Measured) -> None:
        """Add the results of a run."""
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
        """Summarise the readings of a metric; None without any."""
        values = self.readings.get(metric)
        return Summary.of(values) if values else None

    def to_json(self, *, values: bool = False) -> dict[str, Any]:
        """Return labels, runs, failures and summaries, and all readings if ``values``."""
        result = {
            **self.case.labels,
            "runs": self.runs,
            "failures": [{"code": e.code, "message": e.message} for e in self.failures],
            "metrics": {
                metric: Summary.of(values).to_json()
                for metric, values in self.readings.items()
                if values
            },
        }
        return result | {"values": self.readings} if values else result
