"""Count the tokens of a Realtime answer, and what they cost; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.sources.base import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Prices(NamedTuple):
    """Dollars for a million tokens."""

    text_in: float
    text_cached: float
    text_out: float
    audio_in: float
    audio_cached: float
    audio_out: float


_PRICES = {
    "gpt-realtime-2.1-mini": _Prices(0.60, 0.06, 2.40, 10.0, 0.30, 20.0),
    "gpt-realtime-2.1": _Prices(4.0, 0.40, 24.0, 32.0, 0.40, 64.0),
    "gpt-realtime-1.5": _Prices(4.0, 0.40, 16.0, 32.0, 0.40, 64.0),
}
"""On 2026-11-27, from https://developers.openai.com/api/docs/models."""

_SNAPSHOT = re.compile(r"-\d{4}-\d\d-\d\d$")


def usage_of(response: Mapping[str, Any], model: str) -> Usage | None:
    """Return what a finished response used; None if the server does not say.

    ``cost_usd`` is None for models whose prices are unknown.
    """
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    into, out = _table(usage, "input_token_details"), _table(usage, "output_token_details")
    cached = _table(into, "cached_tokens_details")
    text, audio = _count(into, "text_tokens"), _count(into, "audio_tokens")
    cached_text, cached_audio = _count(cached, "text_tokens"), _count(cached, "audio_tokens")
    cost_usd = None
    if prices := _PRICES.get(_SNAPSHOT.sub("", model)):
        cost_usd = 1e-6 * (
            prices.text_in * max(0, text - cached_text)
            + prices.text_cached * cached_text
            + prices.audio_in * max(0, audio - cached_audio)
            + prices.audio_cached * cached_audio
            + prices.text_out * _count(out, "text_tokens")
            + prices.audio_out * _count(out, "audio_tokens")
        )
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        audio_tokens=_count(out, "audio_tokens"),
        cost_usd=cost_usd,
    )


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _count(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key)
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return min(max(0, value), 1_000_000_000) if is_count and isinstance(value, int) else 0
