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
from voicecli.recording.encodedfile import EncodedWriter

RATE_HZ = 8000


def noise(frames):
    return np.random.default_rng(1).integers(-9000, 9000, (frames, 1), dtype=np.int16)


def writer(path, kind="flac", held_s=0.5, rate_hz=RATE_HZ):
    return EncodedWriter(path, make_encoder(kind, rate_hz, 1), rate_hz, held_s=held_s)


def read(path, kind="flac"):
    decoder = make_decoder(kind, rate_hz=RATE_HZ, channels=1)
    blocks = [*decoder.feed(path.read_bytes()), *decoder.flush()]
    return np.concatenate([to_int16(block.samples) for block in blocks] or [noise(0)])


def names(folder):
    return [path.name for path in folder.iterdir()]


def put_away(saved):
    saved.end()
    saved.finish()


@pytest.mark.parametrize("kind", ["pcm", "flac"])
def test_what_is_written_reads_back(tmp_path, kind):
    path = tmp_path / "a.x"
    saved = writer(path, kind)
    for start in range(0, 10_000, 700):
        saved.write(noise(10_000)[start : start + 700])
        assert not path.exists()
    assert saved.frames == 10_000
    put_away(saved)
    assert np.array_equal(read(path, kind), noise(10_000))
    assert names(tmp_path) == ["a.x"]


@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_the_header_tells_the_length_that_came_to_be(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    saved = writer(path, kind)
    saved.write(noise(10_001))
    put_away(saved)
    # FFmpeg reads neither the mark in our last MP3 frame nor past what a header says.
    with av.open(path) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) == 10_001


@settings(max_examples=40)
@given(st.lists(st.integers(1, 3000), max_size=8), st.integers(0, 12_000))
def test_cut_to_what_was_heard_as_far_as_it_is_held(tmp_path_factory, sizes, heard):
    path = tmp_path_factory.mktemp("cut") / "a.pcm"
    saved = writer(path, "pcm")
    total, encoded = 0, 0
    waiting = deque()
    for size in sizes:
        saved.write(noise(total + size)[total:])
        total += size
        waiting.append(size)
        while sum(waiting) - waiting[0] >= RATE_HZ // 2:
            encoded += waiting.popleft()
    saved.truncate_to(heard)
    expected = min(total, max(heard, encoded))
    assert saved.frames == expected
    put_away(saved)
    assert np.array_equal(read(path, "pcm"), noise(total)[:expected])


def test_at_least_what_is_to_be_held_is_held(tmp_path):
    saved = writer(tmp_path / "a.flac")
    for _ in range(10):
        saved.write(noise(1000))
    saved.truncate_to(6000)
    assert saved.frames == 6000
    saved.truncate_to(-1)
    assert saved.frames <= 10_000 - RATE_HZ // 2
    saved.discard()


def test_nothing_heard_is_a_file_of_nothing(tmp_path):
    saved = writer(tmp_path / "a.pcm", "pcm")
    saved.write(noise(10))
    saved.truncate_to(0)
    put_away(saved)
    assert (tmp_path / "a.pcm").read_bytes() == b""


def test_discarded_leaves_no_trace(tmp_path):
    saved = writer(tmp_path / "a.flac")
    saved.write(noise(10))
    saved.discard()
    saved.discard()
    assert names(tmp_path) == []


def fill_disk(monkeypatch, room):
    """Let ``room`` bytes be written, then none."""
    really, left = os.pwrite, [room]

    def pwrite(file, data, offset):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= (fits := min(left[0], len(data)))
        return really(file, data[:fits], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)


def write_all(saved):
    for start in range(0, 2000, 300):
        saved.write(noise(2000)[start : start + 300])


@pytest.mark.parametrize(("failing", "held_s"), [(write_all, 0.0), (EncodedWriter.end, 60.0)])
def test_a_full_disk_is_told_and_what_fits_is_kept(tmp_path, monkeypatch, failing, held_s):
    saved = writer(tmp_path / "a.pcm", "pcm", held_s)
    fill_disk(monkeypatch, 1000)
    if failing is not write_all:
        write_all(saved)
    with pytest.raises(SaveError, match="No space left"):
        failing(saved)
    saved.end()  # has nothing to add to a broken file
    saved.finish()
    assert np.array_equal(read(tmp_path / "a.pcm", "pcm"), noise(2000)[:300])
