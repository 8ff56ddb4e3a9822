"""What `voicecli.codecs.decoding.base` promises, held against every decoder there is."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.codecs.containers import FIRST, fmt, opus_head, page, riff, wav
from tests.codecs.feeding import by, cut, decode, decode_until_fault, joined
from tests.codecs.samples import encoded, samples_of
from tests.codecs.signals import noise
from voicecli.codecs import CODECS, AutoDecoder, make_decoder
from voicecli.errors import BadResponse, CorruptStream, DecodeError, TruncatedStream

CASES = [
    pytest.param(codec, number, id=f"{codec}-{('mono', 'stereo', 'joined')[number]}")
    for codec in CODECS
    for number in range(len(samples_of(codec)))
]
KINDS = ["named", "auto"]


def decoder_of(codec, kind, *, channels=1):
    if kind == "named":
        return make_decoder(codec, channels=channels)
    return AutoDecoder(codec, channels=channels)


def decoder_for(sample, kind):
    return decoder_of(sample.codec, kind, channels=sample.channels)


def as_int16(samples):
    """Float samples of 16-bit sound, back to what they were."""
    if samples.dtype == np.int16:
        return samples
    return np.rint(samples * 32768).astype(np.int16)


def check_blocks(blocks):
    for block in blocks:
        told = block.frames, block.channels, block.format.sample_type
        samples = block.samples
        assert told == (*samples.shape, samples.dtype)
        assert samples.dtype in (np.int16, np.float32)
        assert samples.ndim == 2
        assert samples.shape[0] >= 1
        assert samples.flags.c_contiguous
        assert samples.flags.aligned
        assert block.rate_hz > 0


# --- what comes out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_decoder_that_is_let_go_is_gone_at_once(codec, kind):
    # What waits for the garbage collector keeps the bytes that it was fed as long.
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    gc.disable()
    try:
        decode(decoder, by(4096, sample.data))
        watch = weakref.ref(decoder)
        del decoder
        assert watch() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 30])
@pytest.mark.parametrize(("codec", "number"), CASES)
def test_all_of_it_comes_out(codec, number, size, kind):
    sample = samples_of(codec)[number]
    decoder = decoder_for(sample, kind)
    blocks = decode(decoder, by(min(size, len(sample.data)), sample.data))
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
def test_no_split_changes_a_sample(codec, number, kind, points):
    sample = samples_of(codec)[number]
    whole = joined(decode(decoder_for(sample, kind), [sample.data]))
    blocks = decode(decoder_for(sample, kind), cut(sample.data, points))
    check_blocks(blocks)
    assert np.array_equal(joined(blocks), whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_format_is_told_with_the_first_block(codec, kind):
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    assert decoder.format is None
    for piece in by(50, sample.data):
        blocks = decoder.feed(piece)
        if blocks:
            assert decoder.format == blocks[-1].format
            break
        assert decoder.format is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_blocks_stay_as_they_were_handed_out(codec, kind):
    sample = samples_of(codec)[-1]
    decoder = decoder_for(sample, kind)
    blocks, copies = [], []
    for piece in by(200, sample.data):
        for block in decoder.feed(piece):
            blocks.append(block)
            copies.append(block.samples.copy())
    decoder.flush()
    for block, copy in zip(blocks, copies, strict=True):
        assert np.array_equal(block.samples, copy)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_streams_laid_end_to_end_decode_whole(codec, kind):
    sample = samples_of(codec)[0]
    one = joined(decode(decoder_for(sample, kind), [sample.data]))
    for size in (997, 1 << 30):
        data = sample.data * 3
        three = joined(decode(decoder_for(sample, kind), by(min(size, len(data)), data)))
        assert len(three) == 3 * len(one)
        if sample.exact is not None:
            assert np.array_equal(three, np.concatenate([one] * 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_sound_comes_out_before_the_end_of_input(codec, kind):
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    early = sum(block.frames for piece in by(100, sample.data) for block in decoder.feed(piece))
    assert early >= sample.frames / 2


# --- what is missing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_cut_stream_gives_what_arrived_and_says_so(codec, kind):
    sample = samples_of(codec)[0]
    whole = joined(decode(decoder_for(sample, kind), [sample.data]))
    kept = len(sample.data) * 3 // 4 | 1  # odd: also half a frame of raw samples
    outcomes = []
    for size in (1, 64, 1 << 30):
        pieces = by(min(size, kept), sample.data[:kept])
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
def test_no_cut_anywhere_raises_anything_else(codec, kind):
    sample = samples_of(codec)[0]
    # Every cut in the first bytes, where the headers are, then some.
    for kept in itertools.chain(range(1, 130), range(130, len(sample.data), 97)):
        blocks, fault = decode_until_fault(decoder_for(sample, kind), [sample.data[:kept]])
        check_blocks(blocks)
        assert fault is None or isinstance(fault, DecodeError | BadResponse), fault


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_nothing_at_all_is_a_fault(codec):
    with pytest.raises(DecodeError):
        make_decoder(codec).flush()
    with pytest.raises(BadResponse):
        AutoDecoder(codec).flush()


# --- what is damaged


@settings(max_examples=25)
@given(data=st.binary(max_size=3000))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_garbage_raises_only_ours(codec, kind, data):
    blocks, fault = decode_until_fault(decoder_of(codec, kind), by(500, data))
    check_blocks(blocks)
    assert fault is None or isinstance(fault, DecodeError | BadResponse), fault
    assert fault is not None or codec == "pcm"


@settings(max_examples=25)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(1, 255)), min_size=1, max_size=6)
)
@pytest.mark.parametrize("codec", CODECS)
def test_damage_raises_only_ours_and_depends_on_no_split(codec, flips):
    sample = samples_of(codec)[-1]
    data = bytearray(sample.data)
    for at, mask in flips:
        data[at % len(data)] ^= mask
    outcomes = []
    for size in (len(data), 61):
        blocks, fault = decode_until_fault(decoder_for(sample, "named"), by(size, bytes(data)))
        check_blocks(blocks)
        assert fault is None or isinstance(fault, DecodeError), fault
        outcomes.append(([block.samples.tobytes() for block in blocks], type(fault)))
    (whole, whole_fault), (parts, parts_fault) = outcomes
    assert b"".join(whole) == b"".join(parts)
    assert whole_fault is parts_fault


@settings(max_examples=15)
@given(tail=st.binary(max_size=1500))
@pytest.mark.parametrize("codec", CODECS)
def test_a_good_beginning_survives_a_bad_end(codec, tail):
    sample = samples_of(codec)[0]
    whole = joined(decode(decoder_for(sample, "named"), [sample.data]))
    for pieces in ([sample.data + tail], [sample.data, tail]):
        blocks, fault = decode_until_fault(decoder_for(sample, "named"), pieces)
        assert fault is None or isinstance(fault, DecodeError), fault
        # The last stretch may wait for what follows (an overlap, a trim): one codec frame.
        sure = len(whole) - (0 if sample.exact is not None else 2_304)
        assert np.array_equal(joined(blocks)[:sure], whole[:sure])


def fatal(codec):
    """Bytes after which no decoder of ``codec`` goes on."""
    return {
        "wav": riff(fmt(tag=6)),
        "opus": page([opus_head(9)], serial=99, flags=FIRST),
        "mp3": b"\xaa" * 70_000,
        "aac": b"\xaa" * 70_000,
        "flac": b"\xaa" * 70_000,
    }[codec]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec not in ("pcm", "flac")])
def test_samples_before_a_fault_are_out_and_the_fault_stays(codec, kind):
    sample = samples_of(codec)[0]
    decoder = decoder_for(sample, kind)
    blocks = decoder.feed(sample.data + fatal(codec))
    assert sum(block.frames for block in blocks) >= sample.frames - 2_304
    with pytest.raises(DecodeError) as first:
        decoder.feed(b"x")
    for call in (lambda: decoder.feed(sample.data), decoder.flush):
        with pytest.raises(DecodeError) as again:
            call()
        assert type(again.value) is type(first.value)


@pytest.mark.parametrize("codec", ["wav", "opus", "mp3", "aac", "flac"])
def test_a_stream_without_any_sound_is_corrupt_or_cut(codec):
    _, fault = decode_until_fault(make_decoder(codec), by(4096, fatal(codec)))
    assert isinstance(fault, DecodeError)
    if codec in ("mp3", "aac", "flac"):
        assert isinstance(fault, CorruptStream)


# --- what is claimed


def absurd(codec):
    """Streams whose length fields ask for more memory than there is, and some filler."""
    ogg_head = page([opus_head()], flags=FIRST)
    endless = b"OggS\0\0" + bytes(20) + b"\xff" + b"\xff" * 255
    flac = bytearray(encoded("flac", 6_000))
    flac[5:8] = b"\xff\xff\xff"  # STREAMINFO of 16 MB
    id3 = b"ID3\4\0\0\x7f\x7f\x7f\x7f"
    return {
        "pcm": [b""],
        "wav": [
            riff(fmt()) + b"LIST\xff\xff\xff\xff",
            riff(b"fmt \xff\xff\xff\xff" + fmt()[8:]),
            wav(noise(4), size=0xFFFFFFFE),
        ],
        "opus": [ogg_head + endless, endless * 50],
        "mp3": [id3, id3 * 3],
        "aac": [id3, b"\xff\xf1\x50\x83\xff\xff\xfc"],
        "flac": [bytes(flac[:42]), b"fLaC\x04\xff\xff\xff"],
    }[codec]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_length_field_is_a_claim_and_no_size(codec, kind):
    filler = noise(500, seed=5).tobytes()
    for start in absurd(codec):
        decoder = decoder_of(codec, kind)
        tracemalloc.start()
        try:
            decode_until_fault(
                decoder, itertools.islice(itertools.chain([start], itertools.repeat(filler)), 2_000)
            )
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # The blocks that raw samples make of 2 MB of filler are the test's own.
        assert held < 8_000_000
        assert peak < 12_000_000
