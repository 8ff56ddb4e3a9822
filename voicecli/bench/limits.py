"""Limits on measurements, as in ``--fail-if "ttfa_p95>400ms"``.

::

    limit      = metric [ "_" statistic ] operator number [ unit ]
    metric     = one of `METRICS`, with or without its unit as a suffix
    statistic  = p50 | p95 | p99 | mean | max
    operator   = > | >= | < | <=
    unit       = ms | s | %
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from voicecli.bench.report import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicecli.bench.case import Outcome


class _Metric(NamedTuple):
    """The readings behind a name, the statistic if none is given, and the unit."""

    readings: str
    statistic: str
    unit: str = ""


METRICS: Mapping[str, _Metric] = {
    "ttfb": _Metric("ttfb_ms", "p50", "ms"),
    "ttfa": _Metric("ttfa_ms", "p50", "ms"),
    "ttfa_audible": _Metric("ttfa_audible_ms", "p50", "ms"),
    "launch": _Metric("launch_to_sound_ms", "p50", "ms"),
    "generation": _Metric("generation_ms", "p50", "ms"),
    "leading_silence": _Metric("leading_silence_ms", "p50", "ms"),
    "prebuffer": _Metric("needed_prebuffer_ms", "p95", "ms"),
    "decode": _Metric("decode_ms", "p50", "ms"),
    "silence": _Metric("gap_ms", "max", "ms"),
    "missing": _Metric("missing_ms", "max", "ms"),
    "rtf": _Metric("rtf", "p50"),
    "bitrate": _Metric("kbit_s", "p50"),
    "gaps": _Metric("gaps", "max"),
    "network_gaps": _Metric("network_gaps", "max"),
    "device_gaps": _Metric("device_gaps", "max"),
    "continuity": _Metric("continuity_pct", "mean", "%"),
    "failures": _Metric("failures", "max"),
}
"""What can be limited, by name."""

_TO_MS = {"ms": 1.0, "s": 1e3}
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_GRAMMAR = re.compile(
    r"\s*(?P<name>[a-z_]+?)(?:_(?:ms|pct))?(?:_(?P<statistic>p50|p95|p99|mean|max))?\s*"
    r"(?P<operator>[<>]=?)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%)?\s*"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A condition that must not hold; ``bound`` is in the unit of the readings."""

    text: str
    metric: str
    statistic: str
    operator: str
    bound: float

    def breach(self, outcome: Outcome) -> str | None:
        """Say how a case breaks the limit; None if it does not.

        A limit on something that was not measured is broken: a check that could not
        be made must not pass.
        """
        value = self._value(outcome)
        if value is None:
            reason = f"no {self.statistic} of {self.metric} was measured"
        elif _OPERATORS[self.operator](value, self.bound):
            reason = f"it is {number(value)} {METRICS[self.metric].unit}".rstrip()
        else:
            return None
        return f"{outcome.case.name}: {self.text}: {reason}"

    def _value(self, outcome: Outcome) -> float | None:
        if self.metric == "failures":
            return float(len(outcome.failures))
        summary = outcome.summary(METRICS[self.metric].readings)
        return None if summary is None else getattr(summary, self.statistic)


def parse_limit(text: str) -> Limit:
    """Parse a limit.

    Raises:
        ValueError: the text is not a limit; the message says why.
    """
    found = _GRAMMAR.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a limit such as ttfa_p95>400ms")
    name = found["name"]
    metric = METRICS.get(name)
    if metric is None:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    unit = found["unit"] or metric.unit
    if unit != metric.unit and not (unit in _TO_MS and metric.unit == "ms"):
        raise ValueError(f"{name} is not measured in {unit}")
    return Limit(
        text=text.strip(),
        metric=name,
        statistic=found["statistic"] or metric.statistic,
        operator=found["operator"],
        bound=float(found["number"]) * _TO_MS.get(unit, 1.0),
    )
