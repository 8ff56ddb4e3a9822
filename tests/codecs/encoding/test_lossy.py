from __future__ import annotations

import pytest

from voicecli.codecs.encoding.lossy import codec_rate_hz
from voicecli.errors import ConfigError


@pytest.mark.parametrize(
    ("rate_hz", "coded_hz"), [(8_000, 8_000), (1_000, 8_000), (8_001, 24_000), (384_000, 24_000)]
)
def test_the_next_higher_rate_of_the_codec_is_chosen(rate_hz, coded_hz):
    assert codec_rate_hz(rate_hz, (8_000, 24_000)) == coded_hz


@pytest.mark.parametrize("rate_hz", [-1, 0, 999, 384_001])
def test_implausible_rates_are_refused(rate_hz):
    with pytest.raises(ConfigError, match=str(rate_hz)):
        codec_rate_hz(rate_hz, (8_000,))
