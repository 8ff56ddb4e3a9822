"""The contract of `voicecli.codecs.decoding.base`, checked for every decoder."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined, split_at
from tests.codecs.samples import samples_of
from voicecli.codecs import CODECS, AutoDecoder, make_decoder
from voicecli.errors import BadResponse, DecodeError, TruncatedStream

CASES = [
    pytest.param(codec, number, id=f"{codec}-{sample.kind}")
    for codec in CODECS
    for number, sample in enumerate(samples_of(codec))
]


KINDS = ["named", "auto"]


def decoder_of(codec, kind, *, channels=1):
    if kind == "named":
        return make_decoder(codec, channels=channels)
    return AutoDecoder(codec, channels=channels)


def decoder_for(sample, kind):
    return decoder_of(sample.codec, kind, channels=sample.channels)


def as_int16(samples):
    """Convert float samples of 16-bit audio back."""
    if samples.dtype == np.int16:
        return samples
    return np.rint(samples * 32768).astype(np.int16)


def check_blocks(blocks):
    for block in blocks:
        expected = block.frames, block.channels, block.format.sample_type
        samples = block.samples
        assert expected == (*samples.shape, samples.dtype)
        assert samples.dtype in (np.int16, np.float32)
        assert samples.ndim == 2
        assert samples.shape[0] >= 1
        assert samples.flags.c_contiguous
        assert samples.flags.aligned
        assert block.rate_hz > 0


# --- output


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_released_decoder_is_freed_at_once(codec, kind):
    # Waiting for the garbage collector would keep the bytes fed alive.
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    gc.disable()
    try:
        decode(decoder, in_pieces(4096, sample.data))
        watch = weakref.ref(decoder)
        del decoder
        assert watch() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("codec", "number"), CASES)
def test_a_whole_stream_decodes_to_its_exact_length(codec, number, kind):
    sample = samples_of(codec)[number]
    for size in (1, 7, 4096, len(sample.data)):
        decoder = decoder_for(sample, kind)
        blocks = decode(decoder, in_pieces(size, sample.data))
        check_blocks(blocks)
        got = joined(blocks)
        assert got.shape == (sample.frames, sample.channels)
        assert {block.rate_hz for block in blocks} == {sample.rate_hz}
        assert decoder.format == blocks[-1].format
        if sample.exact is not None:
            assert np.array_equal(as_int16(got), sample.exact)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(st.integers(0, 1 << 14), max_size=12))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("codec", "number"), CASES)
def test_any_split_gives_the_same_samples(codec, number, kind, points):
    sample = samples_of(codec)[number]
    whole = joined(decode(decoder_for(sample, kind), [sample.data]))
    blocks = decode(decoder_for(sample, kind), split_at(sample.data, points))
    check_blocks(blocks)
    assert np.array_equal(joined(blocks), whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_the_format_is_known_with_the_first_block(codec, kind):
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    assert decoder.format is None
    for piece in in_pieces(50, sample.data):
        blocks = decoder.feed(piece)
        if blocks:
            assert decoder.format == blocks[-1].format
            break
        assert decoder.format is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_returned_blocks_do_not_change(codec, kind):
    sample = samples_of(codec)[-1]
    decoder = decoder_for(sample, kind)
    blocks, copies = [], []
    for piece in in_pieces(200, sample.data):
        for block in decoder.feed(piece):
            blocks.append(block)
            copies.append(block.samples.copy())
    decoder.flush()
    for block, copy in zip(blocks, copies, strict=True):
        assert np.array_equal(block.samples, copy)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_concatenated_streams_decode_in_full(codec, kind):
    sample = samples_of(codec)[0]
    one = joined(decode(decoder_for(sample, kind), [sample.data]))
    for size in (997, 1 << 30):
        data = sample.data * 3
        three = joined(decode(decoder_for(sample, kind), in_pieces(min(size, len(data)), data)))
        assert len(three) == 3 * len(one)
        if sample.exact is not None:
            assert np.array_equal(three, np.concatenate([one] * 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_audio_comes_out_before_the_end_of_input(codec, kind):
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    early = sum(
        block.frames for piece in in_pieces(100, sample.data) for block in decoder.feed(piece)
    )
    assert early >= sample.frames / 2


# --- truncation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_truncated_stream_gives_what_arrived_and_reports_it(codec, kind):
    sample = samples_of(codec)[0]
    whole = joined(decode(decoder_for(sample, kind), [sample.data]))
    kept = len(sample.data) * 3 // 4 | 1  # odd: also half a frame of raw samples
    outcomes = []
    for size in (1, 64, 1 << 30):
        pieces = in_pieces(min(size, kept), sample.data[:kept])
        blocks, fault = decode_until_fault(decoder_for(sample, kind), pieces)
        check_blocks(blocks)
        assert isinstance(fault, TruncatedStream)
        outcomes.append(joined(blocks))
    for got in outcomes:
        assert np.array_equal(got, outcomes[0])
        assert 0 < len(got) < len(whole)
        assert np.array_equal(got, whole[: len(got)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_truncation_anywhere_raises_only_expected_errors(codec, kind):
    sample = samples_of(codec)[0]
    # Every length of the first bytes, which hold the headers, then some.
    for kept in itertools.chain(range(1, 130), range(130, len(sample.data), 97)):
        blocks, fault = decode_until_fault(decoder_for(sample, kind), [sample.data[:kept]])
        check_blocks(blocks)
        assert fault is None or isinstance(fault, DecodeError | BadResponse), fault


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_an_empty_stream_is_a_fault(codec):
    with pytest.raises(DecodeError):
        make_decoder(codec).flush()
    with pytest.raises(BadResponse):
        AutoDecoder(codec).flush()
