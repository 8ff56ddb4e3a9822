"""Outcomes without a measurement."""

from __future__ import annotations

from voicecli.bench.case import Case, Outcome


def outcome(labels=None, *, failures=(), **readings):
    made = Outcome(Case(labels or {"codec": "opus"}, dict))
    if readings:
        made.add(readings)
    made.failures.extend(failures)
    return made
