from __future__ import annotations

from array import array
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.frames import ForeignFrame
from voicecli.codecs import make_decoder
from voicecli.streams.frame import AudioFrame, as_frame, frames_of, take


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_frame_takes_all_of_any_buffer(kind):
    samples = np.arange(8, dtype=np.int16)
    frame = AudioFrame(kind(samples.tobytes()), 16_000, 2)
    assert frame.samples_per_channel == 4
    assert frame.num_channels == 2
    assert frame.sample_rate == 16_000
    assert frame.duration == 4 / 16_000
    assert frame.data.format == "h"
    assert list(frame.data) == list(range(8))
    assert frame.to_numpy().tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_frame_is_a_view_of_its_memory():
    memory = array("h", [1, 2, 3])
    frame = AudioFrame(memory, 8_000, 1)
    memory[1] = 20
    assert list(frame.data) == [1, 20, 3]


def test_a_shorter_length_takes_the_beginning():
    frame = AudioFrame(array("h", [1, 2, 3, 4]), 8_000, 1, 3)
    assert list(frame.data) == [1, 2, 3]
    assert frame.samples_per_channel == 3


@pytest.mark.parametrize("shape", [(0,), (0, 2)])
def test_a_frame_may_be_empty(shape):
    frame = AudioFrame.from_numpy(np.zeros(shape, np.int16), 48_000)
    assert frame.samples_per_channel == 0
    assert frame.duration == 0
    assert frame.to_numpy().shape[0] == 0
    assert AudioFrame(np.zeros(shape, np.int16), 48_000, 2).samples_per_channel == 0


@pytest.mark.parametrize(
    ("data", "rate", "channels", "length"),
    [
        (b"\0\0", 0, 1, None),
        (b"\0\0", 8_000, 0, None),
        (b"\0\0\0", 8_000, 1, None),
        (b"\0\0\0", 8_000, 3, None),
        (b"\0\0", 8_000, 2, None),
        (b"\0\0", 8_000, 1, 2),
        (b"\0\0", 8_000, 1, -1),
    ],
)
def test_impossible_audio_is_rejected(data, rate, channels, length):
    with pytest.raises(ValueError):
        AudioFrame(data, rate, channels, length)


def test_a_frame_of_silence_can_be_filled():
    frame = AudioFrame.create(24_000, 2, 240)
    assert (frame.samples_per_channel, frame.num_channels) == (240, 2)
    assert not any(frame.data)
    frame.data[0] = 7
    assert frame.to_numpy()[0, 0] == 7
    with pytest.raises(ValueError):
        AudioFrame.create(24_000, 2, -1)


def test_from_numpy_shares_int16_and_keeps_its_shape():
    samples = np.arange(6, dtype=np.int16).reshape(3, 2)
    frame = AudioFrame.from_numpy(samples, 48_000)
    assert np.shares_memory(frame.to_numpy(), samples)
    assert np.array_equal(frame.to_numpy(), samples)
    mono = AudioFrame.from_numpy(samples[:, 0], 48_000)
    assert mono.num_channels == 1
    assert list(mono.data) == [0, 2, 4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_from_numpy_scales_and_clips_floats(dtype):
    frame = AudioFrame.from_numpy(np.array([0.5, -1.0, 1.0, 3.0], dtype), 48_000)
    assert list(frame.data) == [16_384, -32_768, 32_767, 32_767]


@pytest.mark.parametrize("samples", [np.zeros((1, 1, 1), np.int16), np.zeros(4, np.int32)])
def test_from_numpy_rejects_other_shapes_and_types(samples):
    with pytest.raises(ValueError):
        AudioFrame.from_numpy(samples, 48_000)


def test_repr_shows_the_shape_and_not_the_samples():
    assert repr(AudioFrame.create(24_000, 1, 240)) == (
        "AudioFrame(sample_rate=24000, num_channels=1, samples_per_channel=240)"
    )


def test_arrays_with_channels_first_are_rejected():
    with pytest.raises(ValueError, match=r"\(1, 24000\) are not \(frames, channels\)"):
        AudioFrame.from_numpy(np.zeros((1, 24_000), np.float32), 24_000)
    assert AudioFrame.from_numpy(np.zeros((1, 64), np.int16), 24_000).num_channels == 64


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_nan_becomes_silence(kind):
    samples = np.array([0.5, np.nan, np.inf, -np.inf, np.finfo(kind).max], kind)
    data = AudioFrame.from_numpy(samples, 24_000).data
    assert list(data) == [16_384, 0, 32_767, -32_768, 32_767]
    assert np.isnan(samples[1])


def test_userdata_stays_with_its_frame():
    frame = AudioFrame(b"\0\0", 8_000, 1)
    (other,) = frames_of(np.zeros((1, 1), np.int16), 8_000)
    frame.userdata["text"] = "well"
    assert frame.userdata == {"text": "well"}
    assert other.userdata == {}
    assert AudioFrame(b"", 8_000, 1, userdata=frame.userdata).userdata is frame.userdata


def test_a_frame_becomes_a_wav_file():
    samples = np.arange(-6, 6, dtype=np.int16).reshape(6, 2)
    decoder = make_decoder("wav")
    (pcm,) = decoder.feed(AudioFrame.from_numpy(samples, 44_100).to_wav_bytes()) + decoder.flush()
    assert pcm.rate_hz == 44_100
    assert np.array_equal(pcm.samples, samples)


def test_a_frame_of_another_library_becomes_a_view_of_its_length():
    data = bytearray(np.arange(8, dtype=np.int16).tobytes())
    frame = as_frame(ForeignFrame(data, 16_000, 2, 3))
    assert (frame.sample_rate, frame.num_channels, frame.samples_per_channel) == (16_000, 2, 3)
    data[0] = 9
    assert list(frame.data) == [9, 1, 2, 3, 4, 5]
    assert as_frame(frame) is frame
    with pytest.raises(ValueError):
        as_frame(ForeignFrame(data, 16_000, 2, 5))


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_cut_into_frames_of_a_second_without_copying(channels):
    samples = np.arange(10_000 * channels, dtype=np.uint16).view(np.int16).reshape(-1, channels)
    frames = frames_of(samples, 4_000)
    assert [frame.samples_per_channel for frame in frames] == [4_000, 4_000, 2_000]
    assert {(frame.num_channels, frame.sample_rate) for frame in frames} == {(channels, 4_000)}
    assert np.array_equal(np.concatenate([frame.to_numpy() for frame in frames]), samples)
    assert all(np.shares_memory(frame.to_numpy(), samples) for frame in frames)
    assert frames_of(samples[:0], 4_000) == []


# --- queues of samples


def ramp(start, length):
    return np.arange(start, start + length, dtype=np.int16).reshape(-1, 1)


def test_taking_from_a_queue_cuts_the_last_array_without_copying():
    arrays = [ramp(0, 40), ramp(40, 40), ramp(80, 40)]
    queue = deque(arrays)
    taken = take(queue, 100)
    assert [len(part) for part in taken] == [40, 40, 20]
    assert np.array_equal(np.concatenate(taken), ramp(0, 100))
    assert np.shares_memory(taken[2], arrays[2])
    queue.append(ramp(120, 30))
    assert np.array_equal(np.concatenate(take(queue, 1_000)), ramp(100, 50))
    assert take(queue, 1) == []


@given(st.lists(st.integers(0, 300), max_size=20), st.integers(1, 200))
def test_taking_from_a_queue_loses_nothing_and_takes_no_more(lengths, count):
    queue, size = deque[np.ndarray](), 0
    for length in lengths:
        queue.append(ramp(size, length))
        size += length
    values = []
    while queue:
        taken = np.concatenate(take(queue, count))
        assert len(taken) <= count
        values += taken[:, 0].tolist()
    assert values == list(range(size))
