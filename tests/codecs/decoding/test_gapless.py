from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.feeding import joined
from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.gapless import GaplessTrimmer


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12),
    head=st.integers(0, 80),
    tail=st.integers(0, 80),
    known=st.booleans(),
)
def test_head_and_tail_are_cut_wherever_the_blocks_lie(sizes, head, tail, known):
    total = sum(sizes)
    whole = np.arange(total, dtype=np.float32)[:, None]
    trimmer = GaplessTrimmer(head, tail, total if known else None)
    out, at = [], 0
    for size in sizes:
        out += trimmer.process(Pcm(whole[at : at + size], 24000))
        at += size
    assert not trimmer.is_short
    out += trimmer.finish()
    assert np.array_equal(joined(out).ravel(), whole[head : max(head, total - tail)].ravel())
    assert all(block.frames for block in out)


@given(
    sizes=st.lists(st.integers(20, 50), min_size=1, max_size=12),
    tail=st.integers(0, 40),
    more=st.integers(0, 19),
    known=st.booleans(),
)
def test_a_tail_extended_before_the_last_block_is_cut(sizes, tail, more, known):
    total = sum(sizes)
    whole = np.arange(total, dtype=np.float32)[:, None]
    trimmer = GaplessTrimmer(0, tail, total if known else None)
    out, at = [], 0
    for size in sizes:
        if at + size == total:
            trimmer.extend_tail(more)
        out += trimmer.process(Pcm(whole[at : at + size], 24000))
        at += size
    out += trimmer.finish()
    kept = max(0, total - tail - (0 if known else more))
    assert np.array_equal(joined(out).ravel(), whole[:kept].ravel())


def test_a_file_shorter_than_its_total_keeps_its_tail():
    pcm = Pcm(np.zeros((100, 1), np.float32), 24000)
    trimmer = GaplessTrimmer(10, 50, 120)
    assert [block.frames for block in trimmer.process(pcm)] == [60]
    assert trimmer.is_short
    assert [block.frames for block in trimmer.finish()] == [30]
