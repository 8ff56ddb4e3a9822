"""The contract of `voicecli.codecs.encoding.base`, checked for every encoder."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.encoding.roundtrip import (
    CODECS,
    LOSSLESS,
    LOSSY,
    chunks_of,
    decoded,
    encoded,
    encoder_for,
    file_of,
    floats,
    lag,
    length,
    patched,
    sound,
    split,
)
from tests.codecs.feeding import decode, joined, split_at
from voicecli.audio.pcm import to_int16
from voicecli.codecs import make_decoder
from voicecli.codecs.encoding import make_encoder
from voicecli.codecs.formats import OPUS_RATES_HZ

SHAPES = [(24_000, 1), (48_000, 2), (8_000, 1)]
RATES_HZ = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
RESAMPLED = [(96_000, 1), (22_051, 2), (9_999, 1)]
DTYPES = [np.int16, np.float32]

frame_counts = st.integers(1, 6_000)
rates_hz = st.sampled_from(RATES_HZ)
odd_rates_hz = st.integers(3_000, 100_000)
cuts = st.lists(st.integers(0, 6_000), max_size=8)


# --- round trips


@pytest.mark.slow
@settings(max_examples=25)
@given(
    frames=frame_counts,
    rate_hz=rates_hz,
    channels=st.integers(1, 2),
    dtype=st.sampled_from(DTYPES),
    points=cuts,
    size=st.integers(1, 3_000),
)
@pytest.mark.parametrize("codec", CODECS)
def test_decoding_returns_as_many_frames_as_were_encoded(
    codec, frames, rate_hz, channels, dtype, points, size
):
    if codec == "opus" and rate_hz not in OPUS_RATES_HZ:
        rate_hz = 24_000  # other rates are resampled: tested below
    samples = sound(frames, rate_hz, channels, dtype)
    encoder = encoder_for(codec, rate_hz, channels)
    chunks = chunks_of(encoder, split(samples, points))
    assert sum(chunk.frames for chunk in chunks) == frames
    assert encoder.rate_hz == rate_hz
    stream = file_of(chunks)
    for whole in (stream, patched(stream, encoder)):
        got = decoded(codec, whole, rate_hz, channels, size)
        assert got.shape == (frames, channels)
        if codec in LOSSLESS:
            assert np.array_equal(got, to_int16(samples))


@settings(max_examples=15)
@given(frames=frame_counts, rate_hz=odd_rates_hz, channels=st.integers(1, 2), points=cuts)
@pytest.mark.parametrize("codec", LOSSY)
def test_a_rate_the_codec_lacks_is_resampled(codec, frames, rate_hz, channels, points):
    encoder = make_encoder(codec, rate_hz, channels)
    chunks = chunks_of(encoder, split(sound(frames, rate_hz, channels), points))
    assert sum(chunk.frames for chunk in chunks) == frames
    stream = file_of(chunks)
    coded_hz = encoder.rate_hz
    for whole in (stream, patched(stream, encoder)):
        got = decoded(codec, whole, coded_hz, channels)
        assert got.shape == (length(frames, rate_hz, coded_hz), channels)


@settings(max_examples=10)
@given(lengths=st.lists(frame_counts, min_size=2, max_size=4), points=cuts)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_concatenated_streams_keep_their_lengths(codec, lengths, points):
    pieces = [encoded(codec, sound(frames)) for frames in lengths]
    alone = np.concatenate([decoded(codec, stream) for stream, _ in pieces])
    assert len(alone) == sum(lengths)
    for which in (0, 1):
        whole = b"".join(piece[which] for piece in pieces)
        blocks = decode(make_decoder(codec, rate_hz=24_000), split_at(whole, points))
        assert np.array_equal(joined(blocks), alone)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("codec", LOSSY)
def test_decoded_audio_keeps_its_position(codec, rate_hz, channels):
    frames = rate_hz // 2
    # Below about 40 kbit/s Opus uses SILK for speech, see `test_opus`.
    bitrate_bps = 64_000 if codec == "opus" else None
    encoder = make_encoder(codec, rate_hz, channels, bitrate_bps=bitrate_bps)
    data = file_of(chunks_of(encoder, [sound(frames, rate_hz, channels)]))
    got = floats(decoded(codec, data, encoder.rate_hz, channels))
    expected = floats(sound(encoder.rate_hz // 2, encoder.rate_hz, channels))
    assert lag(expected[:, 0], got[:, 0]) == 0
    # The audio is intact up to its last frame.
    edge = slice(len(expected) - 400, len(expected))
    for part in (slice(0, 400), slice(2_000, 2_400), edge):
        wrong = np.sqrt(np.mean((got[part] - expected[part]) ** 2))
        assert wrong < 0.25 * np.sqrt(np.mean(expected[2_000:2_400] ** 2))


# --- splits


@pytest.mark.slow
@settings(max_examples=12)
@given(frames=frame_counts, points=cuts, data=st.data())
@pytest.mark.parametrize("codec", CODECS)
def test_any_split_of_the_samples_gives_the_same_bytes(codec, frames, points, data):
    shapes = SHAPES + (RESAMPLED if codec in LOSSY else [])
    rate_hz, channels = data.draw(st.sampled_from(shapes))
    samples = sound(frames, rate_hz, channels)
    whole = file_of(chunks_of(encoder_for(codec, rate_hz, channels), [samples]))
    pieces = file_of(chunks_of(encoder_for(codec, rate_hz, channels), split(samples, points)))
    assert pieces == whole


@pytest.mark.parametrize("codec", CODECS)
def test_int16_and_float_of_the_same_audio_give_the_same_bytes(codec):
    samples = sound(3_000)
    as_floats = (samples / np.float32(32768)).astype(np.float32)
    mixed = [samples[:1_000], as_floats[1_000:2_000], samples[2_000:]]
    whole, _ = encoded(codec, samples)
    assert encoded(codec, as_floats)[0] == whole
    assert file_of(chunks_of(encoder_for(codec, 24_000, 1), mixed)) == whole


@pytest.mark.parametrize("codec", CODECS)
def test_samples_may_be_any_view_and_are_not_retained(codec):
    samples = sound(3_000, channels=2)
    whole, _ = encoded(codec, samples)
    encoder = encoder_for(codec, 24_000, 2)
    buffer = np.zeros((2, 70), np.int16)
    chunks = []
    for at in range(0, 3_000, 70):
        piece = samples[at : at + 70]
        buffer[:, : len(piece)] = piece.T
        chunks += encoder.feed(buffer.T[: len(piece)])
        buffer[:] = -1
    assert file_of(chunks + encoder.flush()) == whole


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("rate_hz", "channels"), SHAPES)
def test_a_chunk_counts_the_frames_it_lets_a_decoder_play(codec, rate_hz, channels):
    encoder = encoder_for(codec, rate_hz, channels)
    decoder = make_decoder(codec, rate_hz=rate_hz, channels=channels)
    counted = decoded_frames = playable = 0
    for piece in np.split(sound(30_000, rate_hz, channels), 100):
        for chunk in encoder.feed(piece):
            # The end of a FLAC frame is known only once the next begins.
            playable = counted if codec == "flac" else counted + chunk.frames
            counted += chunk.frames
            decoded_frames += sum(block.frames for block in decoder.feed(chunk.data))
            assert decoded_frames == playable
    assert counted > 20_000
    assert counted + sum(chunk.frames for chunk in encoder.flush()) == 30_000


# --- headers


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "pcm"])
def test_the_first_chunk_holds_headers_and_audio(codec):
    samples = sound(12_000)
    encoder = encoder_for(codec, 24_000, 1)
    first = next(
        chunk for piece in split(samples, range(0, 12_000, 100)) for chunk in encoder.feed(piece)
    )
    magic = {
        "wav": b"RIFF",
        "flac": b"fLaC",
        "opus": b"OggS",
        "mp3": b"\xff\xf3",
        "aac": b"\xff\xf1",
    }
    header_bytes = {"wav": 44, "flac": 42, "opus": 100, "mp3": 192, "aac": 7}
    assert first.data.startswith(magic[codec])
    assert len(first.data) > header_bytes[codec]


@pytest.mark.parametrize("codec", CODECS)
def test_a_stream_without_samples_is_valid(codec):
    encoder = encoder_for(codec, 24_000, 1)
    assert encoder.feed(np.zeros((0, 1), np.float32)) == []
    chunks = encoder.flush()
    assert sum(chunk.frames for chunk in chunks) == 0
    assert len(chunks) == (0 if codec == "pcm" else len(chunks))
    stream = file_of(chunks)
    for whole in (stream, patched(stream, encoder)):
        assert len(decoded(codec, whole)) == 0


@pytest.mark.parametrize("codec", CODECS)
def test_a_patch_has_the_length_of_the_header(codec):
    stream, file = encoded(codec, sound(5_000))
    assert len(file) == len(stream)
    differing = [at for at, (a, b) in enumerate(zip(stream, file, strict=True)) if a != b]
    header_bytes = {"pcm": 0, "wav": 44, "flac": 42, "opus": 0, "mp3": 192, "aac": 0}[codec]
    assert bool(differing) == bool(header_bytes)
    assert max(differing, default=-1) < header_bytes


# --- input


@pytest.mark.parametrize("rate_hz", [24_000, 96_000])
@pytest.mark.parametrize("codec", CODECS)
def test_nan_becomes_silence_and_loud_samples_are_clipped(codec, rate_hz):
    samples = sound(4_000, rate_hz, dtype=np.float32)
    wild, tame = samples.copy(), samples.copy()
    for at, bad, good in ((700, np.nan, 0), (900, np.inf, 1), (1_900, -np.inf, -1), (3_000, 7, 1)):
        wild[at], tame[at] = bad, good
    assert encoded(codec, wild, rate_hz)[0] == encoded(codec, tame, rate_hz)[0]
    assert wild[3_000] == 7


@pytest.mark.parametrize("codec", CODECS)
def test_samples_of_another_shape_or_type_are_refused(codec):
    encoder = encoder_for(codec, 24_000, 1)
    for wrong in (
        np.zeros(10, np.int16),
        np.zeros((10, 2), np.int16),
        np.zeros((10, 1), np.float64),
        np.zeros((10, 1), ">i2"),
    ):
        with pytest.raises(ValueError, match=r"^samples of"):
            encoder.feed(wrong)


@pytest.mark.parametrize("codec", CODECS)
def test_an_encoder_makes_one_file(codec):
    encoder = encoder_for(codec, 24_000, 1)
    encoder.feed(sound(10))
    with pytest.raises(ValueError, match="before flush"):
        encoder.header_patch()
    encoder.flush()
    with pytest.raises(ValueError, match="after flush"):
        encoder.feed(sound(10))
    with pytest.raises(ValueError, match="after flush"):
        encoder.flush()


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_memory_does_not_grow(codec):
    encoder = encoder_for(codec, 24_000, 1)
    piece = sound(480)
    held = []
    tracemalloc.start()
    try:
        for _ in range(4):
            for _ in range(100):
                encoder.feed(piece)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[-1] < held[0] + 20_000  # one Ogg page more or less
