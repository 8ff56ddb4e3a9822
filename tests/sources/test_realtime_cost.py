import pytest

from voicecli.sources.realtime_cost import usage_of

USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
"""As in OpenAI's guide "Managing costs"."""


@pytest.mark.parametrize("model", ["gpt-realtime-2.1-mini", "gpt-realtime-2.1-mini-2026-07-01"])
def test_tokens_and_dollars(model):
    usage = usage_of({"usage": USAGE}, model)
    assert (usage.input_tokens, usage.output_tokens, usage.audio_tokens) == (132, 121, 91)
    dollars = 55 * 0.6 + 64 * 0.06 + 13 * 10 + 30 * 2.4 + 91 * 20
    assert usage.cost_usd == pytest.approx(dollars * 1e-6)


def test_a_model_of_unknown_price():
    usage = usage_of({"usage": USAGE}, "gpt-realtime-9")
    assert usage.output_tokens == 121
    assert usage.cost_usd is None


@pytest.mark.parametrize("usage", [None, [], "x"])
def test_no_usage(usage):
    assert usage_of({"usage": usage}, "gpt-realtime-2.1") is None


def test_nonsense_counts_as_nothing():
    usage = {"input_tokens": -5, "output_tokens": True, "output_token_details": [1]}
    found = usage_of({"usage": usage}, "gpt-realtime-2.1")
    assert found == (0, 0, 0, 0.0)
