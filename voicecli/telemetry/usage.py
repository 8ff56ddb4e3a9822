"""Add up what answers used, and join their reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicecli.sources.base import AnswerReport

if TYPE_CHECKING:
    from voicecli.sources.base import Usage


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """Return the sum; its dollars are unknown if those of either are."""
    if one is None or other is None:
        return one or other
    dollars = (one.cost_usd, other.cost_usd)
    return one._replace(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        audio_tokens=one.audio_tokens + other.audio_tokens,
        cost_usd=None if dollars[0] is None or dollars[1] is None else dollars[0] + dollars[1],
    )


def joined(one: AnswerReport, other: AnswerReport) -> AnswerReport:
    """Join the reports of two answers that each spoke a part of one segment; costs add up."""
    return AnswerReport(
        said=" … ".join(filter(None, (one.said, other.said))) or None,
        is_reworded=one.is_reworded or other.is_reworded,
        usage=added(one.usage, other.usage),
        is_cached=other.is_cached,
    )


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return the usage as a JSON object."""
    cost_usd = usage.cost_usd
    return {**usage._asdict(), "cost_usd": None if cost_usd is None else round(cost_usd, 7)}
