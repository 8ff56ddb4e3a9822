from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.errors import SaveError
from voicecli.recording import wavfile
from voicecli.recording.partfile import PartFile
from voicecli.recording.wavfile import WavWriter


def ramp(frames, channels=1, start=0):
    values = np.arange(start, start + frames * channels, dtype=np.int64) % 65536 - 32768
    return values.astype(np.int16).reshape(frames, channels)


def read(path):
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert len(data) == file.getnframes() * file.getnchannels()
        return file.getframerate(), data.reshape(-1, file.getnchannels())


def names(folder):
    return [path.name for path in folder.iterdir()]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700), max_size=6), st.sampled_from([1, 2]))
def test_reads_back_what_was_written(tmp_path_factory, blocks, channels):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    writer = WavWriter(PartFile(path), 22_050, channels)
    for frames in blocks:
        writer.write(ramp(frames, channels))
    writer.finish()
    rate_hz, samples = read(path)
    assert rate_hz == 22_050
    expected = [ramp(frames, channels) for frames in blocks]
    assert np.array_equal(samples, np.concatenate([ramp(0, channels), *expected]))
    assert path.stat().st_size == 44 + samples.nbytes


def test_float_samples_are_scaled_and_clipped(tmp_path):
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 24_000, 1)
    writer.write(np.array([[0.5], [-1.0], [2.0]], np.float32))
    writer.finish()
    assert read(tmp_path / "a.wav")[1].ravel().tolist() == [16384, -32768, 32767]


def test_a_read_only_view_is_accepted(tmp_path):
    view = np.frombuffer(b"\x01\x00\x02\x00", np.int16).reshape(-1, 1)
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 8000, 1)
    writer.write(view)
    writer.finish()
    assert read(tmp_path / "a.wav")[1].ravel().tolist() == [1, 2]


def test_valid_after_every_block_and_a_part_until_finished(tmp_path):
    path = tmp_path / "a.wav"
    writer = WavWriter(PartFile(path), 24_000, 2)
    assert len(read(tmp_path / "a.wav.part")[1]) == 0
    for count in range(1, 4):
        writer.write(ramp(100, 2))
        assert writer.frames == count * 100
        assert len(read(tmp_path / "a.wav.part")[1]) == count * 100
        assert not path.exists()
    writer.finish()
    assert names(tmp_path) == ["a.wav"]


def test_a_killed_process_leaves_every_block_it_wrote(tmp_path):
    script = (
        "import os, signal, sys, numpy, pathlib\n"
        "from voicecli.recording.partfile import PartFile\n"
        "from voicecli.recording.wavfile import WavWriter\n"
        "writer = WavWriter(PartFile(pathlib.Path(sys.argv[1])), 24000, 1)\n"
        "for _ in range(3): writer.write(numpy.ones((2400, 1), numpy.int16))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.wav")]
    run = subprocess.run(command, check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(read(tmp_path / "a.wav.part")[1]) == 7200


def test_truncates_the_file(tmp_path):
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 24_000, 2)
    writer.write(ramp(1000, 2))
    writer.truncate_to(300)
    writer.finish()
    assert np.array_equal(read(tmp_path / "a.wav")[1], ramp(300, 2))
    assert (tmp_path / "a.wav").stat().st_size == 44 + 1200


@pytest.mark.parametrize(("frames", "expected"), [(5000, 1000), (1000, 1000), (0, 0), (-3, 0)])
def test_truncation_stays_within_the_file(tmp_path, frames, expected):
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 24_000, 1)
    writer.write(ramp(1000))
    writer.truncate_to(frames)
    writer.finish()
    assert len(read(tmp_path / "a.wav")[1]) == expected


def test_writing_continues_after_a_truncation(tmp_path):
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 24_000, 1)
    writer.write(ramp(100))
    writer.truncate_to(40)
    writer.write(ramp(10, start=7))
    writer.finish()
    assert np.array_equal(
        read(tmp_path / "a.wav")[1], np.concatenate([ramp(40), ramp(10, start=7)])
    )


def test_the_four_gigabyte_limit_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(wavfile, "MAX_DATA_BYTES", 1000)
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 24_000, 1)
    writer.write(ramp(500))
    with pytest.raises(SaveError, match="4 GiB"):
        writer.write(ramp(1))
    writer.finish()
    assert len(read(tmp_path / "a.wav")[1]) == 500


LIMITED = """
import pathlib, resource, sys
import numpy
from voicecli.errors import SaveError
from voicecli.recording.partfile import PartFile
from voicecli.recording.wavfile import WavWriter
limit = int(sys.argv[2])
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
try:
    writer = WavWriter(PartFile(pathlib.Path(sys.argv[1])), 24000, 1)
    while True:
        writer.write(numpy.ones((300, 1), numpy.int16))
except SaveError as error:
    print(error.message)
writer.finish()
"""


def test_a_full_disk_is_an_error_and_earlier_blocks_survive(tmp_path):
    path = tmp_path / "a.wav"
    # The size limit cuts the third block of 600 bytes, like a full disk.
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), "1500"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == f"cannot save {path}: File too large"
    assert len(read(path)[1]) == 600
    assert path.stat().st_size == 44 + 1200


def test_a_disk_without_room_for_the_header_leaves_nothing(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(SaveError, match="No space left on device"):
        WavWriter(PartFile(tmp_path / "a.wav"), 24_000, 1)
    assert names(tmp_path) == []


def test_a_shortened_file_is_measured_as_it_is(tmp_path):
    writer = WavWriter(PartFile(tmp_path / "a.wav"), 8000, 2)
    loud, quiet = (np.full((20_000, 2), level, np.int16) for level in (16384, 2000))
    writer.write(quiet)
    writer.write(loud)
    assert writer.measure()["peak_dbfs"] == pytest.approx(-6.02, abs=0.01)
    writer.truncate_to(19_000)
    measured = writer.measure()
    writer.finish()
    assert measured["duration_s"] == pytest.approx(19_000 / 8000)
    assert measured["peak_dbfs"] == measured["loudness_dbfs"] == pytest.approx(-24.29, abs=0.01)
