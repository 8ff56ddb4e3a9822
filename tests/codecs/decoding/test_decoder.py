from __future__ import annotations

import numpy as np
import pytest

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.errors import CorruptStream, TruncatedStream


def block(value=1.0):
    return Pcm(np.full((4, 1), value, np.float32), 24000)


class Echo(PushDecoder):
    """Decodes each byte to a block and each ``!`` to a fault, and ends with ``ends``."""

    def __init__(self, ends=()):
        super().__init__()
        self.ends = ends

    def _push(self, data):
        for byte in data:
            if byte == ord("!"):
                raise CorruptStream("!")
            yield block(byte)

    def _finish(self):
        for end in self.ends:
            if isinstance(end, Exception):
                raise end
            yield end


def test_blocks_before_a_fault_are_returned_first():
    decoder = Echo()
    assert decoder.fault is None
    assert len(decoder.feed(b"ab!c")) == 2
    assert isinstance(decoder.fault, CorruptStream)
    for call in (decoder.flush, lambda: decoder.feed(b"d")):
        with pytest.raises((CorruptStream, ValueError)):
            call()


def test_a_fault_alone_is_raised_at_once_and_again():
    decoder = Echo()
    for data in (b"!", b"a"):
        with pytest.raises(CorruptStream):
            decoder.feed(data)


def test_flush_returns_blocks_then_raises_the_fault():
    decoder = Echo([block(), TruncatedStream("cut")])
    assert len(decoder.flush()) == 1
    with pytest.raises(TruncatedStream):
        decoder.flush()


def test_a_second_flush_without_fault_returns_nothing():
    decoder = Echo([block()])
    assert len(decoder.flush()) == 1
    assert decoder.flush() == []


def test_feeding_a_finished_decoder_raises_value_error():
    decoder = Echo()
    decoder.flush()
    with pytest.raises(ValueError, match="flush"):
        decoder.feed(b"a")


def test_the_format_is_that_of_the_latest_block():
    decoder = Echo()
    assert decoder.format is None
    decoder.feed(b"a!")
    assert decoder.format == block().format
