from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.codecs.encoding.blocks import Blocks


@given(
    size=st.integers(1, 40),
    lengths=st.lists(st.integers(0, 100), max_size=10),
    channels=st.integers(1, 3),
)
def test_blocks_and_the_remainder_are_the_input(size, lengths, channels):
    frames = sum(lengths)
    samples = np.arange(frames * channels, dtype=np.float32).reshape(frames, channels)
    blocks = Blocks(size, channels, np.float32)
    got = []
    for piece in np.split(samples, np.cumsum(lengths)):
        for block in blocks.push(piece):
            assert block.shape == (size, channels)
            assert block.flags.c_contiguous
            got.append(block.copy())
    assert len(got) == frames // size
    assert np.array_equal(np.concatenate([*got, blocks.remainder]), samples)
    assert blocks.frames == frames


@given(size=st.integers(1, 40), frames=st.integers(0, 100), extra=st.integers(0, 3))
def test_padding_is_silence_up_to_the_requested_blocks(size, frames, extra):
    blocks = Blocks(size, 1, np.int16)
    got = [block.copy() for block in blocks.push(np.ones((frames, 1), np.int16))]
    expected = -(-frames // size) + extra
    got += [block.copy() for block in blocks.pad(expected)]
    assert len(got) == expected
    assert sum(int(block.sum()) for block in got) == frames
    assert len(blocks.remainder) == 0
    assert list(blocks.pad(expected)) == []
