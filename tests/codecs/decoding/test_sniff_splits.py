"""What fuzzing found: bodies that were recognised differently in other pieces."""

from __future__ import annotations

import pytest

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
