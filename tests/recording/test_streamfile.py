"""Audio to pipes, devices and standard output, as it arrives."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support.tones import read_wav
from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.auto import AutoDecoder
from voicecli.errors import SaveError
from voicecli.recording.saver import Saver
from voicecli.recording.streamfile import STANDARD_OUTPUT

BLOCK = Pcm(np.arange(2400, dtype=np.int16).reshape(-1, 1), 24_000)


def saver_to(path, codec=None):
    return Saver(path, None, run_id="x", started_wall_s=0.0, codec=codec)


class Reader(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, path):
        super().__init__()
        self._path = path
        self.data = b""
        self.start()

    def run(self):
        self.data = self._path.read_bytes()


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("codec", [None, "wav", "pcm", "opus", "mp3", "flac", "aac"])
def test_a_pipe_gets_every_format(pipe, codec):
    reader = Reader(pipe)
    saver = saver_to(pipe, codec)
    saver.open()
    for _ in range(5):
        saver.pcm(BLOCK)
    report = saver.finish(heard_frames=10)  # what is out is out
    reader.join(10)
    assert (report.saved, report.error) == ([str(pipe)], None)
    decoder = AutoDecoder(codec, rate_hz=24_000, channels=1)
    blocks = [*decoder.feed(reader.data), *decoder.flush()]
    assert decoder.name == (codec or "wav")
    assert sum(b.frames / b.rate_hz for b in blocks) == pytest.approx(0.5, abs=0.05)


def test_it_is_written_as_it_comes(pipe):
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    saver = saver_to(pipe, "pcm")
    saver.open()
    saver.pcm(BLOCK)
    assert os.read(reader, 10_000) == BLOCK.samples.tobytes()
    saver.pcm(BLOCK)
    assert len(os.read(reader, 10_000)) == 4800
    saver.finish()
    assert os.read(reader, 10) == b""
    os.close(reader)


def test_a_reader_that_has_gone_is_not_an_error(pipe):
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    saver = saver_to(pipe)
    told = []
    saver.on_reader_gone = lambda: told.append(1)
    saver.open()
    saver.pcm(BLOCK)
    assert saver.waits_for_reader
    os.close(reader)
    for _ in range(3):
        saver.pcm(BLOCK)
    report = saver.finish()
    assert (report.error, report.saved) == (None, [])
    assert saver.has_lost_reader
    assert not saver.waits_for_reader
    assert told == [1]


def test_nothing_is_written_if_nothing_comes(pipe):
    reader = Reader(pipe)
    saver = saver_to(pipe)
    saver.open()
    assert saver.finish().saved == []
    reader.join(10)
    assert reader.data == b""


def test_a_device_takes_it_too():
    saver = saver_to(Path(os.devnull))
    saver.pcm(BLOCK)
    assert saver.finish().saved == [os.devnull]
    saver = saver_to(Path("/dev/full"))
    saver.pcm(BLOCK)
    report = saver.finish()
    assert "No space" in report.error.message
    assert report.saved == []


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_standard_output_in_a_file_has_its_length(tmp_path, monkeypatch, mode):
    """Only at its place: what was there before stays."""
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with path.open(mode) as stream:
        stream.write(b"1234")
        stream.flush()
        monkeypatch.setattr(sys, "stdout", stream)
        saver = saver_to(STANDARD_OUTPUT)
        saver.pcm(BLOCK)
        saver.finish()
    before = b"1234" if mode == "wb" else b"before1234"
    assert path.read_bytes().startswith(before + b"RIFF")
    wav = path.read_bytes().removeprefix(before)
    if mode == "wb":
        samples, rate_hz = read_wav(wav)
        assert (len(samples), rate_hz) == (2400, 24_000)
    else:
        assert wav[4:8] == b"\xff" * 4


def test_a_closed_standard_output_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SaveError, match="it is closed"):
        saver_to(STANDARD_OUTPUT).open()
