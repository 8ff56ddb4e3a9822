from __future__ import annotations

import pytest

from tests.codecs.streams import fmt
from voicecli.codecs.wavformat import WavFormat
from voicecli.errors import CorruptStream


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 768_001, 0xFFFFFFFF])
def test_rates_that_nothing_has_are_refused(rate_hz):
    with pytest.raises(CorruptStream, match=f" {rate_hz} Hz"):
        WavFormat.parse(fmt(1, rate_hz)[8:])


@pytest.mark.parametrize("rate_hz", [1_000, 768_000])
def test_the_least_and_the_most_are_taken(rate_hz):
    assert WavFormat.parse(fmt(1, rate_hz)[8:]).rate_hz == rate_hz
