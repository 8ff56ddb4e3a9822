"""The contract of `voicecli.codecs.decoding.base` for damaged streams and false claims."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import FIRST, fmt, opus_head, page, riff, wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.samples import encoded, samples_of
from tests.codecs.signals import noise
from voicecli.codecs import CODECS, AutoDecoder, make_decoder
from voicecli.errors import BadResponse, CorruptStream, DecodeError

KINDS = ["named", "auto"]


def decoder_of(codec, kind, *, channels=1):
    if kind == "named":
        return make_decoder(codec, channels=channels)
    return AutoDecoder(codec, channels=channels)


def decoder_for(sample, kind):
    return decoder_of(sample.codec, kind, channels=sample.channels)


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


# --- damage


@settings(max_examples=25)
@given(data=st.binary(max_size=3000))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_garbage_raises_only_expected_errors(codec, kind, data):
    blocks, fault = decode_until_fault(decoder_of(codec, kind), in_pieces(500, data))
    check_blocks(blocks)
    assert fault is None or isinstance(fault, DecodeError | BadResponse), fault
    assert fault is not None or codec == "pcm"


@pytest.mark.slow
@settings(max_examples=25)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(1, 255)), min_size=1, max_size=6)
)
@pytest.mark.parametrize("codec", CODECS)
def test_damage_raises_only_expected_errors_whatever_the_split(codec, flips):
    sample = samples_of(codec)[-1]
    data = bytearray(sample.data)
    for at, mask in flips:
        data[at % len(data)] ^= mask
    outcomes = []
    for size in (len(data), 61):
        blocks, fault = decode_until_fault(
            decoder_for(sample, "named"), in_pieces(size, bytes(data))
        )
        check_blocks(blocks)
        assert fault is None or isinstance(fault, DecodeError), fault
        outcomes.append(([block.samples.tobytes() for block in blocks], type(fault)))
    (whole, whole_fault), (parts, parts_fault) = outcomes
    assert b"".join(whole) == b"".join(parts)
    assert whole_fault is parts_fault


@settings(max_examples=15)
@given(tail=st.binary(max_size=1500))
@pytest.mark.parametrize("codec", CODECS)
def test_good_audio_survives_garbage_after_it(codec, tail):
    sample = samples_of(codec)[0]
    whole = joined(decode(decoder_for(sample, "named"), [sample.data]))
    for pieces in ([sample.data + tail], [sample.data, tail]):
        blocks, fault = decode_until_fault(decoder_for(sample, "named"), pieces)
        assert fault is None or isinstance(fault, DecodeError), fault
        # The last codec frame may depend on what follows (overlap, trimming).
        sure = len(whole) - (0 if sample.exact is not None else 2_304)
        assert np.array_equal(joined(blocks)[:sure], whole[:sure])


def fatal(codec):
    """Return bytes after which no decoder of ``codec`` continues."""
    return {
        "wav": riff(fmt(tag=2)),
        "opus": page([opus_head(9)], serial=99, flags=FIRST),
        "mp3": b"\xaa" * 70_000,
        "aac": b"\xaa" * 70_000,
        "flac": b"\xaa" * 70_000,
    }[codec]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec not in ("pcm", "flac")])
def test_samples_before_a_fault_come_out_and_the_fault_persists(codec, kind):
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
def test_a_stream_without_audio_is_corrupt_or_truncated(codec):
    _, fault = decode_until_fault(make_decoder(codec), in_pieces(4096, fatal(codec)))
    assert isinstance(fault, DecodeError)
    if codec in ("mp3", "aac", "flac"):
        assert isinstance(fault, CorruptStream)


# --- claims


def absurd(codec):
    """Return streams whose length fields claim more memory than there is."""
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_length_fields_do_not_determine_memory(codec, kind):
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
        # The test itself holds the blocks of 2 MB of raw samples.
        assert held < 8_000_000
        assert peak < 12_000_000
