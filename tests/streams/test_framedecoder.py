from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.containers import wav
from tests.codecs.feeding import by
from tests.codecs.samples import encoded, samples_of
from tests.codecs.signals import noise, tone
from voicecli.audio.pcm import Pcm
from voicecli.codecs import CODECS
from voicecli.errors import BadResponse, CorruptStream, TruncatedStream, UnsupportedFormat
from voicecli.streams.framedecoder import (
    JOINED_S,
    SLICE_BYTES,
    VIEW_SLICE_BYTES,
    FrameDecoder,
    decode_stream,
    joined_blocks,
    slices,
)


def joined(frames):
    return np.concatenate([frame.to_numpy() for frame in frames])


def own(chunks, format=None):
    return decode_stream(chunks, sample_rate=None, num_channels=None, format=format)


@pytest.mark.parametrize("size", [7, 4096, 1 << 30])
@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_of_every_codec(codec, size):
    for sample in samples_of(codec):
        frames = list(own(by(size, sample.data), codec))
        assert {frame.sample_rate for frame in frames} == {sample.rate_hz}
        assert {frame.num_channels for frame in frames} == {sample.channels}
        got = joined(frames)
        assert len(got) == sample.frames
        if sample.exact is not None:
            assert np.array_equal(got, sample.exact)


def test_a_whole_file_at_once_comes_in_bounded_frames():
    sound = noise(100_000)
    frames = list(own([wav(sound)]))
    assert np.array_equal(joined(frames), sound)
    assert max(frame.samples_per_channel for frame in frames) <= 16_384


def test_frames_are_a_second_at_most_and_views():
    sound = noise(60_000)
    data = sound.tobytes()
    frames = FrameDecoder(sample_rate=None, format="pcm").feed(data)
    assert [frame.samples_per_channel for frame in frames] == [24_000, 24_000, 12_000]
    assert np.array_equal(joined(frames), sound)
    whole = np.frombuffer(data, np.int16)
    assert all(np.shares_memory(frame.to_numpy(), whole) for frame in frames)
    frames = FrameDecoder(sample_rate=8_000, format="pcm").feed(data)
    assert max(frame.samples_per_channel for frame in frames) == 8_000


def test_a_stream_that_comes_to_the_rate_wanted_is_whole():
    data = wav(noise(441), 44_100) + wav(noise(480, seed=2), 48_000)
    got = joined(decode_stream([data], sample_rate=48_000))
    assert len(got) == 960
    assert np.array_equal(got[480:], noise(480, seed=2))


def test_it_is_lazy():
    pulled = []

    def chunks():
        for number in range(3):
            pulled.append(number)
            yield noise(10).tobytes()

    frames = own(chunks(), "pcm")
    assert pulled == []
    next(frames)
    assert pulled == [0]


def test_the_default_is_48_khz_mono():
    stereo = tone(24_000, 2, rate_hz=24_000)
    frames = list(decode_stream([wav(stereo)]))
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(48_000, 1)}
    got = joined(frames)
    assert len(got) == 48_000
    mean = stereo.astype(np.int32).mean(axis=1)
    middle = got[2_000:46_000:2, 0]
    assert np.abs(middle - mean[1_000:23_000]).max() < 100


def test_a_rate_that_changes_in_the_stream():
    data = wav(noise(480), 24_000) + wav(noise(441, 2), 44_100)
    kept = [(f.sample_rate, f.num_channels, f.samples_per_channel) for f in own([data])]
    assert kept == [(24_000, 1, 480), (44_100, 2, 441)]
    frames = list(decode_stream([data], sample_rate=48_000, num_channels=2))
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(48_000, 2)}
    assert len(joined(frames)) == 960 + 480


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000])
def test_opus_is_decoded_at_the_rate_wanted(rate):
    frames = list(decode_stream([encoded("opus", 48_000)], sample_rate=rate))
    assert len(joined(frames)) == rate  # exactly: no resampler was in the way


def test_opus_is_resampled_to_a_rate_it_has_not():
    frames = list(decode_stream([encoded("opus", 48_000)], sample_rate=44_100))
    assert len(joined(frames)) == 44_100


@pytest.mark.parametrize("frames", [1, 10, 33, 1_000])
@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(24_000, 48_000), (44_100, 48_000), (48_000, 16_000), (22_050, 16_000)]
)
def test_resampling_keeps_the_length(frames, from_hz, to_hz):
    got = joined(decode_stream([wav(noise(frames), from_hz)], sample_rate=to_hz))
    assert len(got) == -(-frames * to_hz // from_hz)


@pytest.mark.parametrize(
    ("format", "rate", "channels"),
    [
        ("pcm", 24_000, 1),
        (" PCM ", 24_000, 1),
        ("audio/pcm", 24_000, 1),
        ("audio/pcm; rate=16000", 16_000, 1),
        ("Audio/L16;rate=8000;channels=2", 8_000, 2),
    ],
)
def test_raw_samples_are_what_their_type_says(format, rate, channels):
    sound = noise(100, channels)
    (frame,) = own([sound.tobytes()], format)
    assert (frame.sample_rate, frame.num_channels) == (rate, channels)
    assert np.array_equal(frame.to_numpy(), sound)


def test_raw_samples_are_not_copied():
    data = noise(100).tobytes()
    (frame,) = own([data], "pcm")
    assert np.shares_memory(frame.to_numpy(), np.frombuffer(data, np.int16))


@pytest.mark.parametrize("claim", [None, "audio/mpeg; charset=x", "mp3", "audio/webm", "x/y"])
def test_magic_outweighs_the_claim(claim):
    sound = noise(100)
    assert np.array_equal(joined(own([wav(sound)], claim)), sound)


def test_the_codec_is_told_once_it_is_known():
    decoder = FrameDecoder()
    assert decoder.codec is None
    decoder.feed(encoded("flac", 20_000))
    assert decoder.codec == "flac"


def test_a_name_that_names_nothing_is_refused_at_once():
    with pytest.raises(UnsupportedFormat, match="speex"):
        decode_stream([], format="speex")


@pytest.mark.parametrize("wrong", [{"sample_rate": 0}, {"num_channels": -1}])
def test_impossible_audio_is_refused_at_once(wrong):
    with pytest.raises(ValueError):
        decode_stream([], **wrong)


def gathered(frames, fault):
    got = []
    with pytest.raises(fault):
        got.extend(frames)  # keeps what came before the fault
    return joined(got) if got else None


def test_truncation_is_raised_after_what_was_good():
    sound = noise(1_000)
    assert np.array_equal(gathered(own([wav(sound)[:-500]]), TruncatedStream), sound[:-250])


def test_a_fault_that_a_decoder_owes_behind_its_last_frames_is_raised():
    half = encoded("opus", 48_000)[:-400]
    assert len(gathered(own([half]), TruncatedStream)) > 30_000


def test_a_fault_behind_good_blocks_is_known_at_once():
    decoder = FrameDecoder(sample_rate=None)
    bad = wav(noise(10)).replace(b"fmt ", b"LIST")
    assert np.array_equal(joined(decoder.feed(wav(noise(100)) + bad)), noise(100))
    assert isinstance(decoder.fault, CorruptStream)


def test_corruption_is_raised_after_what_was_good_the_resamplers_rest_included():
    good = wav(noise(2_400), 24_000)
    bad = wav(noise(10), 24_000).replace(b"fmt ", b"LIST")
    got = gathered(decode_stream([good + bad, b"more"], sample_rate=48_000), CorruptStream)
    assert len(got) == 4_800


@pytest.mark.parametrize("data", [b"", b'{"error": {"message": "no credit"}}'])
def test_what_is_no_audio_says_so(data):
    assert gathered(own([data]), BadResponse) is None


def test_after_a_fault_nothing_more_comes():
    decoder = FrameDecoder()
    decoder.feed(b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd")
    fault = decoder.fault
    assert isinstance(fault, CorruptStream)
    assert decoder.feed(wav(noise(10))) == []
    assert decoder.flush() == []
    assert decoder.fault is fault


@pytest.mark.parametrize(("codec", "most"), [("flac", SLICE_BYTES), ("wav", VIEW_SLICE_BYTES)])
def test_much_at_once_is_decoded_a_little_at_a_time(codec, most, monkeypatch):
    """What a few bytes become is up to whoever made them."""
    sizes, feed = [], FrameDecoder.feed

    def watched(self, data):
        sizes.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(FrameDecoder, "feed", watched)
    data = wav(noise(120_000)) if codec == "wav" else encoded(codec, 240_000)
    frames = decode_stream([data], sample_rate=None)
    next(frames)
    assert sum(sizes) <= 4 * most < len(data)
    list(frames)
    assert sizes[0] == SLICE_BYTES
    assert max(sizes) == most
    assert sum(sizes) == len(data)


def test_slices():
    assert list(slices(b"", 2)) == [b""]
    assert list(slices(b"ab", 2)) == [b"ab"]
    assert list(slices(b"abcde", 2)) == [b"ab", b"cd", b"e"]


# --- blocks in a row


def block(frames, channels=1, rate_hz=24_000, dtype=np.int16):
    return Pcm(np.arange(frames * channels).reshape(-1, channels).astype(dtype), rate_hz)


def test_blocks_of_one_format_become_one():
    blocks = [block(480), block(480), block(240)]
    (one,) = joined_blocks(blocks)
    assert np.array_equal(one.samples, np.concatenate([b.samples for b in blocks]))
    assert one.rate_hz == 24_000


def test_a_block_alone_is_not_copied():
    alone = block(480)
    (same,) = joined_blocks([alone])
    assert same is alone
    assert list(joined_blocks([])) == []


@pytest.mark.parametrize(
    "other", [block(10, rate_hz=48_000), block(10, channels=2), block(10, dtype=np.float32)]
)
def test_another_format_stands_alone(other):
    parts = list(joined_blocks([block(10), block(10), other, block(10)]))
    assert [part.frames for part in parts] == [20, 10, 10]
    assert parts[1] is other


def test_what_is_joined_is_no_longer_than_a_frame_should_be():
    most = round(JOINED_S * 24_000)
    blocks = [block(most // 4)] * 10 + [block(most + 1)] + [block(1)]
    assert [part.frames for part in joined_blocks(blocks)] == [most, most, most // 2, most + 1, 1]


@pytest.mark.parametrize("codec", ["mp3", "aac", "flac"])
def test_frames_of_many_bytes_at_once_are_few(codec):
    decoder = FrameDecoder(format=codec)
    frames = decoder.feed(encoded(codec, 96_000)) + decoder.flush()
    assert len(joined(frames)) >= 96_000
    assert len(frames) <= 16
    assert max(frame.duration for frame in frames) <= JOINED_S + 0.01


def test_what_goes_through_as_it_comes_is_plain():
    data = wav(noise(1_000), 24_000)
    decoder = FrameDecoder(sample_rate=24_000)
    assert not decoder.is_plain
    decoder.feed(data)
    assert decoder.is_plain
    decoder.feed(wav(noise(1_000), 16_000))  # from here on it is resampled
    assert not decoder.is_plain
    decoder.feed(data)
    assert not decoder.is_plain
    for codec in ("flac", "opus"):
        decoder = FrameDecoder(sample_rate=None)
        assert decoder.feed(encoded(codec, 24_000))
        assert not decoder.is_plain
