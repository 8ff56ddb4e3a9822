"""What changed since an earlier benchmark, and whether that is more than chance; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.bench.report import SCHEMA, number
from voicecli.bench.statistics import Interval, shift
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.bench.case import Outcome

KIND = "speech"
_KEY = ("endpoint", "format", "method")

LEAST_PART = 0.05
"""A change below this part of what was, however certain, is none that anybody minds."""


class _Compared(NamedTuple):
    """A metric of which less is better; ``least`` is the smallest change that matters."""

    metric: str
    least: float


_METRICS = (
    _Compared("launch_to_sound_ms", 5.0),
    _Compared("ttfb_ms", 5.0),
    _Compared("ttfa_ms", 5.0),
    _Compared("ttfa_audible_ms", 5.0),
    _Compared("rtf", 0.01),
    _Compared("needed_prebuffer_ms", 20.0),
    _Compared("gaps", 0.5),
    _Compared("missing_ms", 40.0),
)
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
    least: float

    @property
    def verdict(self) -> str:
        """``worse`` or ``better`` where it is certain and matters, else ``same`` or ``unsure``."""
        if self.interval is None:
            return "unsure"
        if abs(self.estimate) < max(self.least, LEAST_PART * abs(self.before)):
            return "same"
        if self.interval.low > 0:
            return "worse"
        return "better" if self.interval.high < 0 else "unsure"

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
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
        ends = "too few runs to tell"
        if self.interval is not None:
            ends = f"95 %: {_signed(self.interval.low)} to {_signed(self.interval.high)}"
        return (
            f"{self.case}: {self.metric} {number(self.before)} → {number(self.after)} "
            f"({_signed(self.estimate)}; {ends}): {self.verdict}"
        )


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def compare(before: Mapping[str, Any], outcomes: Sequence[Outcome]) -> list[Difference]:
    """How each case that was measured then and now has changed, by metric.

    ``before`` is the JSON of an earlier run, as `check` lets it pass.
    """
    known = {tuple(case.get(key) for key in _KEY): case for case in before["cases"]}
    differences = []
    for outcome in outcomes:
        old = known.get(tuple(outcome.case.labels[key] for key in _KEY))
        for metric, least in _METRICS if old else ():
            assert old is not None
            was, is_ = old["values"].get(metric), outcome.readings.get(metric)
            now, then = outcome.summary(metric), old["metrics"].get(metric)
            if was and is_ and now and then:
                change = shift(was, is_)
                differences.append(
                    Difference(outcome.case.name, metric, then["p50"], now.p50, *change, least)
                )
    return differences


def check(told: object, where: str) -> Mapping[str, Any]:
    """What was read from a file, if it is the JSON of this benchmark.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(told, dict) or (told.get("schema"), told.get("kind")) != (SCHEMA, KIND):
        raise ConfigError(
            f"{where} is no JSON of this benchmark",
            remedy="make one with: voicecli bench --json > old.json",
        )
    cases = told.get("cases")
    if not isinstance(cases, list) or not all(map(_is_case, cases)):
        raise ConfigError(f"the cases in {where} are damaged")
    return told


def _is_case(case: object) -> bool:
    if not isinstance(case, dict):
        return False
    values, metrics = case.get("values"), case.get("metrics")
    if not isinstance(values, dict) or not isinstance(metrics, dict):
        return False
    lists = all(isinstance(lot, list) and all(map(_is_number, lot)) for lot in values.values())
    return lists and all(
        isinstance(summary, dict) and _is_number(summary.get("p50")) for summary in metrics.values()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def unlike(before: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Names of the settings that differ from those of then: what is compared is not the same."""
    were = before.get("settings")
    were = were if isinstance(were, dict) else {}
    return [name for name in _SETTINGS if were.get(name) != settings.get(name)]
