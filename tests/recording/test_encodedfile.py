from __future__ import annotations

import os
from collections import deque

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.audio.pcm import to_int16
from voicecli.codecs.decoding.auto import make_decoder
from voicecli.codecs.encoding import make_encoder
from voicecli.errors import SaveError
from voicecli.playback.policy import CAPACITY_S
from voicecli.recording.encodedfile import HELD_S, EncodedWriter
from voicecli.recording.partfile import PartFile

RATE_HZ = 8000


def noise(frames):
    return np.random.default_rng(1).integers(-9000, 9000, (frames, 1), dtype=np.int16)


def writer(path, kind="flac", held_s=0.5, rate_hz=RATE_HZ):
    return EncodedWriter(PartFile(path), make_encoder(kind, rate_hz, 1), rate_hz, held_s=held_s)


def read(path, kind="flac"):
    decoder = make_decoder(kind, rate_hz=RATE_HZ, channels=1)
    blocks = [*decoder.feed(path.read_bytes()), *decoder.flush()]
    return np.concatenate([to_int16(block.samples) for block in blocks] or [noise(0)])


def names(folder):
    return [path.name for path in folder.iterdir()]


def finish(encoded):
    encoded.end()
    encoded.finish()


@pytest.mark.parametrize("kind", ["pcm", "flac"])
def test_reads_back_what_was_written(tmp_path, kind):
    path = tmp_path / "a.x"
    encoded = writer(path, kind)
    for start in range(0, 10_000, 700):
        encoded.write(noise(10_000)[start : start + 700])
        assert not path.exists()
    assert encoded.frames == 10_000
    finish(encoded)
    assert np.array_equal(read(path, kind), noise(10_000))
    assert names(tmp_path) == ["a.x"]


@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_the_header_has_the_final_length(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    encoded = writer(path, kind)
    encoded.write(noise(10_001))
    finish(encoded)
    # FFmpeg ignores the padding marker in our last MP3 frame, and stops where the header says.
    with av.open(path) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) == 10_001


@settings(max_examples=40)
@given(st.lists(st.integers(1, 3000), max_size=8), st.integers(0, 12_000))
def test_truncation_removes_what_is_held(tmp_path_factory, sizes, frames):
    path = tmp_path_factory.mktemp("cut") / "a.pcm"
    encoded = writer(path, "pcm")
    total, done = 0, 0
    held = deque()
    for size in sizes:
        encoded.write(noise(total + size)[total:])
        total += size
        held.append(size)
        while sum(held) - held[0] >= RATE_HZ // 2:
            done += held.popleft()
    encoded.truncate_to(frames)
    expected = min(total, max(frames, done))
    assert encoded.frames == expected
    finish(encoded)
    assert np.array_equal(read(path, "pcm"), noise(total)[:expected])


def test_at_least_the_requested_duration_is_held(tmp_path):
    encoded = writer(tmp_path / "a.flac")
    for _ in range(10):
        encoded.write(noise(1000))
    encoded.truncate_to(6000)
    assert encoded.frames == 6000
    encoded.truncate_to(-1)
    assert encoded.frames <= 10_000 - RATE_HZ // 2
    finish(encoded)


def test_truncated_to_nothing_the_file_is_empty(tmp_path):
    encoded = writer(tmp_path / "a.pcm", "pcm")
    encoded.write(noise(10))
    encoded.truncate_to(0)
    finish(encoded)
    assert (tmp_path / "a.pcm").read_bytes() == b""


def test_more_is_held_than_a_sink_buffers():
    assert HELD_S > CAPACITY_S + 1


def fill_disk(monkeypatch, room):
    """Make the disk full after ``room`` bytes."""
    pwrite, left = os.pwrite, [room]

    def limited(file, data, offset):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= (fits := min(left[0], len(data)))
        return pwrite(file, data[:fits], offset)

    monkeypatch.setattr(os, "pwrite", limited)


def write_all(encoded):
    for start in range(0, 2000, 300):
        encoded.write(noise(2000)[start : start + 300])


@pytest.mark.parametrize(("failing", "held_s"), [(write_all, 0.0), (EncodedWriter.end, 60.0)])
def test_a_full_disk_is_an_error_and_what_fits_is_saved(tmp_path, monkeypatch, failing, held_s):
    encoded = writer(tmp_path / "a.pcm", "pcm", held_s)
    fill_disk(monkeypatch, 1000)
    if failing is not write_all:
        write_all(encoded)
    with pytest.raises(SaveError, match="No space left"):
        failing(encoded)
    encoded.end()  # adds nothing to a broken file
    encoded.finish()
    assert np.array_equal(read(tmp_path / "a.pcm", "pcm"), noise(2000)[:300])
