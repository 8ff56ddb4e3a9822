"""A few bytes may expand enormously: each call returns only so many samples."""

from __future__ import annotations

import pytest

from tests.codecs.bombs import aac_bomb, flac_bomb, mp3_bomb, opus_bomb, surround_bomb, wav_bomb
from voicecli.codecs import AutoDecoder, make_decoder
from voicecli.codecs.decoding.decoder import MAX_STEP_BYTES

MAX_BLOCK_BYTES = 6 << 20
"""A page of 255 Opus packets of 120 ms, in stereo at 48 kHz."""


BOMBS = [flac_bomb(), opus_bomb(), mp3_bomb(), aac_bomb(), surround_bomb(), wav_bomb(20 << 20)]


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_decoder, AutoDecoder], ids=["named", "auto"])
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.codec)
def test_no_call_returns_more_than_a_bounded_number_of_samples(bomb, make):
    decoder = make(bomb.codec)
    frames = steps = total_bytes = 0

    def take(blocks):
        nonlocal frames, steps, total_bytes
        size_bytes = sum(block.samples.nbytes for block in blocks)
        assert size_bytes < MAX_STEP_BYTES + MAX_BLOCK_BYTES
        frames += sum(block.frames for block in blocks)
        total_bytes += size_bytes
        steps += 1

    take(decoder.feed(bomb.data))
    while decoder.pending:
        take(decoder.feed(b""))
    take(decoder.flush())
    while decoder.pending:
        take(decoder.flush())
    assert frames == bomb.frames
    assert total_bytes > 1.9 * len(bomb.data)
    assert total_bytes > MAX_STEP_BYTES
    assert steps > 2
    assert not decoder.pending
    assert decoder.flush() == []
