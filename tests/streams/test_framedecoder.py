from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tests.codecs.bombs import flac_bomb
from tests.codecs.containers import wav
from tests.codecs.samples import encoded, samples_of
from tests.codecs.signals import noise, tone
from tests.streams.frames import cut, joined
from voicecli.codecs import CODECS
from voicecli.codecs.decoding.decoder import MAX_STEP_BYTES
from voicecli.errors import BadResponse, CorruptStream, TruncatedStream, UnsupportedFormat
from voicecli.streams.framedecoder import (
    FrameDecoder,
    decode_stream,
    slice_bytes,
)


def decode(chunks, format=None):
    """Frames of the stream's own shape."""
    return decode_stream(chunks, sample_rate=None, num_channels=None, format=format)


@pytest.mark.parametrize("size", [7, 4096, 1 << 30])
@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_of_every_codec_is_decoded(codec, size):
    for sample in samples_of(codec):
        frames = list(decode(cut(sample.data, size), codec))
        assert {frame.sample_rate for frame in frames} == {sample.rate_hz}
        assert {frame.num_channels for frame in frames} == {sample.channels}
        got = joined(frames)
        assert len(got) == sample.frames
        if sample.exact is not None:
            assert np.array_equal(got, sample.exact)


def test_a_whole_file_at_once_becomes_bounded_frames():
    sound = noise(100_000)
    frames = list(decode([wav(sound)]))
    assert np.array_equal(joined(frames), sound)
    assert max(frame.samples_per_channel for frame in frames) <= 24_000


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


def test_a_stream_whose_rate_becomes_the_wanted_one_is_complete():
    data = wav(noise(441), 44_100) + wav(noise(480, seed=2), 48_000)
    got = joined(decode_stream([data], sample_rate=48_000))
    assert len(got) == 960
    assert np.array_equal(got[480:], noise(480, seed=2))


def test_decoding_is_lazy():
    pulled = []

    def chunks():
        for number in range(3):
            pulled.append(number)
            yield noise(10).tobytes()

    frames = decode(chunks(), "pcm")
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


def test_the_rate_may_change_within_the_stream():
    data = wav(noise(480), 24_000) + wav(noise(441, 2), 44_100)
    frames = FrameDecoder(sample_rate=None, num_channels=None).feed(data)
    kept = [(f.sample_rate, f.num_channels, f.samples_per_channel) for f in frames]
    assert kept == [(24_000, 1, 480), (44_100, 2, 441)]
    frames = list(decode_stream([data], sample_rate=48_000, num_channels=2))
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(48_000, 2)}
    assert len(joined(frames)) == 960 + 480


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000])
def test_opus_is_decoded_at_a_rate_it_supports(rate):
    frames = list(decode_stream([encoded("opus", 48_000)], sample_rate=rate))
    assert len(joined(frames)) == rate  # exactly: no resampler was in the way


def test_opus_is_resampled_to_any_other_rate():
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
def test_the_media_type_describes_raw_samples(format, rate, channels):
    sound = tone(512, channels)
    (frame,) = decode([sound.tobytes()], format)
    assert (frame.sample_rate, frame.num_channels) == (rate, channels)
    assert np.array_equal(frame.to_numpy(), sound)


def test_raw_samples_are_not_copied():
    data = noise(100).tobytes()
    (frame,) = decode([data], "pcm")
    assert np.shares_memory(frame.to_numpy(), np.frombuffer(data, np.int16))


@pytest.mark.parametrize("claim", [None, "audio/mpeg; charset=x", "mp3", "audio/webm", "x/y"])
def test_magic_bytes_override_the_claim(claim):
    sound = noise(100)
    assert np.array_equal(joined(decode([wav(sound)], claim)), sound)


def test_the_codec_is_known_after_the_first_bytes():
    decoder = FrameDecoder()
    assert decoder.codec is None
    decoder.feed(encoded("flac", 20_000))
    assert decoder.codec == "flac"


def test_an_unknown_format_is_rejected_at_once():
    with pytest.raises(UnsupportedFormat, match="speex"):
        decode_stream([], format="speex")


@pytest.mark.parametrize("wrong", [{"sample_rate": 0}, {"num_channels": -1}])
def test_impossible_audio_is_rejected_at_once(wrong):
    with pytest.raises(ValueError):
        decode_stream([], **wrong)


def until_fault(frames, fault):
    got = []
    with pytest.raises(fault):
        got.extend(frames)  # keeps what came before the fault
    return joined(got) if got else None


def test_truncation_is_raised_after_the_good_frames():
    sound = noise(1_000)
    assert np.array_equal(until_fault(decode([wav(sound)[:-500]]), TruncatedStream), sound[:-250])


def test_a_fault_behind_the_last_frames_is_raised():
    half = encoded("opus", 48_000)[:-400]
    assert len(until_fault(decode([half]), TruncatedStream)) > 30_000


def test_a_fault_behind_good_frames_is_known_at_once():
    decoder = FrameDecoder(sample_rate=None)
    bad = wav(noise(10)).replace(b"fmt ", b"LIST")
    assert np.array_equal(joined(decoder.feed(wav(noise(100)) + bad)), noise(100))
    assert isinstance(decoder.fault, CorruptStream)


def test_corruption_is_raised_after_the_good_frames_and_the_rest_of_the_resampler():
    good = wav(noise(2_400), 24_000)
    bad = wav(noise(10), 24_000).replace(b"fmt ", b"LIST")
    got = until_fault(decode_stream([good + bad, b"more"], sample_rate=48_000), CorruptStream)
    assert len(got) == 4_800


@pytest.mark.parametrize("data", [b"", b'{"error": {"message": "no credit"}}'])
def test_a_stream_without_audio_is_a_bad_response(data):
    assert until_fault(decode([data]), BadResponse) is None


def test_nothing_is_decoded_after_a_fault():
    decoder = FrameDecoder()
    decoder.feed(b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd")
    fault = decoder.fault
    assert isinstance(fault, CorruptStream)
    assert decoder.feed(wav(noise(10))) == []
    assert decoder.flush() == []
    assert decoder.fault is fault


@pytest.mark.parametrize("codec", ["flac", "wav"])
def test_a_large_chunk_is_decoded_a_slice_at_a_time(codec, monkeypatch):
    """A few bytes can expand to 30,000 times as many samples."""
    sizes, feed = [], FrameDecoder.feed

    def watched(self, data):
        sizes.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(FrameDecoder, "feed", watched)
    data = wav(noise(400_000)) if codec == "wav" else encoded(codec, 480_000)
    frames = decode_stream([data], sample_rate=None)
    next(frames)
    assert sum(sizes) <= slice_bytes(None) + slice_bytes(codec) < len(data)
    list(frames)
    assert sizes[0] == slice_bytes(None)
    assert max(sizes) == slice_bytes(codec)
    assert sum(sizes) == len(data)


@pytest.mark.parametrize("codec", ["mp3", "aac", "flac"])
def test_many_bytes_at_once_become_few_frames(codec):
    decoder = FrameDecoder(format=codec)
    frames = decoder.feed(encoded(codec, 96_000)) + decoder.flush()
    assert len(joined(frames)) >= 96_000
    assert len(frames) <= 16
    assert max(frame.duration for frame in frames) <= 1.0


def test_what_a_few_bytes_expand_to_comes_in_steps():
    bomb = flac_bomb(60)
    decoder = FrameDecoder(sample_rate=None, num_channels=None)
    steps = [decoder.feed(bomb.data)]
    while decoder.pending:
        steps.append(decoder.feed(b""))
    steps.append(decoder.flush())
    sizes = [sum(frame.to_numpy().nbytes for frame in step) for step in steps]
    assert max(sizes) <= MAX_STEP_BYTES + (2 << 20)
    assert sum(len(frame.to_numpy()) for step in steps for frame in step) == bomb.frames
    assert decoder.fault is None


def test_a_chunk_of_any_size_is_decoded_in_bounded_memory():
    tracemalloc.start()
    try:
        frames = sum(frame.samples_per_channel for frame in decode_stream([flac_bomb(120).data]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frames == 120 * 65_535
    assert peak < 60 << 20
