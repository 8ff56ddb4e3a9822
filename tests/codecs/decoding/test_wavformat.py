from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.containers import fmt
from voicecli.codecs.decoding.wavformat import WavFormat
from voicecli.errors import CorruptStream


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 768_001, 0xFFFFFFFF])
def test_implausible_rates_are_refused(rate_hz):
    with pytest.raises(CorruptStream, match=f" {rate_hz} Hz"):
        WavFormat.parse(fmt(1, rate_hz)[8:])


@pytest.mark.parametrize("rate_hz", [1_000, 768_000])
def test_the_lowest_and_the_highest_rate_are_accepted(rate_hz):
    assert WavFormat.parse(fmt(1, rate_hz)[8:]).rate_hz == rate_hz


def test_samples_are_views_if_aligned_and_copies_otherwise():
    layout = WavFormat.parse(fmt(2, 8_000)[8:])
    data = b"x" + bytes(range(16))
    block = layout.block(data, 2, 8)
    assert np.shares_memory(block.samples, np.frombuffer(data, np.uint8))
    assert block.samples.tobytes() == data[2:10]
    block = layout.block(data, 1, 8)
    assert block.samples.flags.aligned
    assert block.samples.tobytes() == data[1:9]
