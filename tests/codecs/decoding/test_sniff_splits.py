"""What fuzzing found: bodies that were recognised differently in other pieces."""

from __future__ import annotations

from codecs import BOM_UTF32_BE, BOM_UTF32_LE

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import BadResponse


@pytest.mark.parametrize("data", [bytes(73) + b"\xd3", bytes(8) + b"P"])
@pytest.mark.parametrize("size", [1, 4, 5, 7, 100])
def test_the_last_piece_may_look_like_the_start_of_a_magic(size, data):
    """Three NULs and another byte may be the size of an MP4 atom, until the stream ends."""
    sniffer = Sniffer("opus", "application/json")
    for at in range(0, len(data), size):
        assert sniffer.feed(data[at : at + size]) is None
    with pytest.raises(BadResponse, match="text instead of audio"):
        sniffer.finish()


@given(seed=st.integers(0, 1 << 16), mark=st.sampled_from([BOM_UTF32_LE, BOM_UTF32_BE]))
def test_a_mark_of_utf_32_before_samples_makes_no_text(seed, mark):
    """Few random numbers are characters; one that is, far behind, was the whole text."""
    data = mark + np.random.default_rng(seed).bytes(700) + "©".encode("utf-32-le")
    for size in (1, 7, 64, 1000):
        sniffer = Sniffer("pcm", "audio/mpeg")
        found = [sniffer.feed(data[at : at + size]) for at in range(0, len(data), size)]
        assert next(filter(None, [*found, sniffer.finish()])) == "pcm"
