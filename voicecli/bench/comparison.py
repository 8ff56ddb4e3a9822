"""Compare a benchmark with an earlier one, and separate change from chance; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.bench.report import SCHEMA, number
from voicecli.bench.statistics import Interval, shift
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.bench.case import Outcome

KIND = "speech"
_KEY = ("endpoint", "format", "method")

MIN_CHANGE = 0.05
"""Relative change below which a difference does not matter, however certain it is."""


_METRICS = {
    "launch_to_sound_ms": 5.0,
    "ttfb_ms": 5.0,
    "ttfa_ms": 5.0,
    "ttfa_audible_ms": 5.0,
    "rtf": 0.01,
    "needed_prebuffer_ms": 20.0,
    "gaps": 0.5,
    "missing_ms": 40.0,
}
"""What is compared, and the smallest change that matters; less is better in each."""

_SETTINGS = ("texts", "device", "simulate", "network", "concurrency", "buffer_ms")


@dataclass(frozen=True, slots=True)
class Difference:
    """How one metric of one case changed; ``estimate`` and ``interval`` in its unit."""

    case: str
    metric: str
    before: float
    after: float
    estimate: float
    interval: Interval | None
    min_change: float

    @property
    def verdict(self) -> str:
        """``worse`` or ``better`` if certain and large enough, else ``same`` or ``unsure``."""
        if self.interval is None:
            return "unsure"
        if abs(self.estimate) < max(self.min_change, MIN_CHANGE * abs(self.before)):
            return "same"
        if self.interval.low > 0:
            return "worse"
        return "better" if self.interval.high < 0 else "unsure"

    def to_json(self) -> dict[str, Any]:
        """Return the difference as it stands in JSON."""
        ends = None if self.interval is None else [round(end, 4) for end in self.interval]
        return {
            "case": self.case,
            "metric": self.metric,
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "difference": round(self.estimate, 4),
            "ci95": ends,
            "verdict": self.verdict,
        }

    def __str__(self) -> str:
        ends = "too few runs"
        if self.interval is not None:
            ends = f"95 %: {_signed(self.interval.low)} to {_signed(self.interval.high)}"
        return (
            f"{self.case}: {self.metric} {number(self.before)} → {number(self.after)} "
            f"({_signed(self.estimate)}; {ends}): {self.verdict}"
        )


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def compare(before: Mapping[str, Any], outcomes: Sequence[Outcome]) -> list[Difference]:
    """Compare each case that is in both benchmarks, metric by metric.

    ``before`` is the JSON of an earlier run, as returned by `check`.
    """
    earlier = {tuple(case.get(key) for key in _KEY): case for case in before["cases"]}
    differences = []
    for outcome in outcomes:
        old = earlier.get(tuple(outcome.case.labels[key] for key in _KEY))
        if old is None:
            continue
        for metric, min_change in _METRICS.items():
            values, median = old["values"].get(metric), old["metrics"].get(metric)
            now = outcome.summary(metric)
            if values and median and now:
                change = shift(values, outcome.readings[metric])
                medians = median["p50"], now.p50
                differences.append(
                    Difference(outcome.case.name, metric, *medians, *change, min_change)
                )
    return differences


def check(data: object, source: str) -> Mapping[str, Any]:
    """Return ``data`` if it is the JSON of this benchmark; ``source`` names the file.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(data, dict) or (data.get("schema"), data.get("kind")) != (SCHEMA, KIND):
        raise ConfigError(
            f"{source} is not the JSON of this benchmark",
            remedy="make one with: voicecli bench --json > old.json",
        )
    cases = data.get("cases")
    if not isinstance(cases, list) or not all(map(_is_case, cases)):
        raise ConfigError(f"the cases in {source} are damaged")
    return data


def _is_case(case: object) -> bool:
    """Check the parts that `compare` reads."""
    try:
        values = [value for readings in case["values"].values() for value in readings]  # type: ignore[index]
        medians = [summary["p50"] for summary in case["metrics"].values()]  # type: ignore[index]
    except (AttributeError, KeyError, TypeError):
        return False
    return all(type(value) in (int, float) for value in (*values, *medians))


def differing_settings(before: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Name the settings that differ between the two benchmarks."""
    earlier = before.get("settings")
    earlier = earlier if isinstance(earlier, dict) else {}
    return [name for name in _SETTINGS if earlier.get(name) != settings.get(name)]
