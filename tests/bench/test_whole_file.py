from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.session.fakes import ScriptedSource
from tests.support.tones import encode, tone
from voicecli.bench import whole_file as module
from voicecli.bench.simulate import simulate
from voicecli.bench.whole_file import BLOCK_BYTES, WholeFile
from voicecli.clock import SystemClock
from voicecli.errors import BadResponse, CorruptStream, NetworkError, UnsupportedFormat
from voicecli.playback.policy import BufferPolicy
from voicecli.sources.base import SourceInfo

RATE_HZ = 24_000


def source_of(data, format, *then):
    """A source of these bytes, in pieces of 1000, and further steps."""
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    return ScriptedSource([*pieces, *then], info=SourceInfo(format, None, RATE_HZ, 1))


def read(source):
    with WholeFile(source).open() as response:
        return list(response)


def metrics_of(source):
    return simulate(source, clock=SystemClock(), policy=BufferPolicy.fixed(0.0)).metrics


def test_pcm_is_passed_on_in_blocks():
    data = tone(2.0, rate_hz=RATE_HZ).tobytes()
    after_first_block = []
    split = -(-BLOCK_BYTES // 1000) * 1000
    source = source_of(data[:split], "pcm", lambda: after_first_block.append(1), data[split:])
    with WholeFile(source).open() as response:
        chunks = iter(response)
        assert len(next(chunks)) == BLOCK_BYTES
        assert after_first_block == []
        rest = list(chunks)
    assert data[BLOCK_BYTES:] == b"".join(rest)
    assert {len(chunk) for chunk in rest[:-1]} == {BLOCK_BYTES}
    assert response.info == source.info


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "opus", "aac"])
def test_other_formats_are_decoded_once_they_are_whole(format):
    samples = tone(1.0, rate_hz=RATE_HZ)
    source = source_of(encode(samples, format, rate_hz=RATE_HZ), format)
    with WholeFile(source).open() as response:
        (decoded,) = response
        info = response.info
    assert (info.requested, info.channels) == ("pcm", 1)
    assert info.rate_hz == (48_000 if format == "opus" else RATE_HZ)
    frames = len(decoded) // 2
    assert frames / info.rate_hz == pytest.approx(1.0, abs=0.11)
    if format in ("wav", "flac"):
        assert np.array_equal(np.frombuffer(decoded, "<i2"), samples)


def test_it_plays_like_any_source():
    metrics = metrics_of(WholeFile(source_of(encode(tone(1.0), "flac"), "flac")))
    assert metrics["audio_s"] == pytest.approx(1.0)
    assert metrics["format"] == "pcm"
    assert metrics["rate_hz"] == 48_000


@pytest.mark.parametrize("sends_request", [True, False])
def test_it_behaves_as_the_source_does(sends_request):
    prepared = []
    source = ScriptedSource(
        [bytes(4000)], prepares=lambda: prepared.append(1), sends_request=sends_request
    )
    whole = WholeFile(source)
    assert (whole.label, whole.sends_request) == (source.label, sends_request)
    whole.prepare()
    assert prepared == [1]
    with whole.open() as response:
        assert b"".join(response) == bytes(4000)
        assert source.closed == 0
    assert source.closed == 1
    whole.cancel()
    assert source.cancelled.is_set()


def test_a_broken_stream_is_an_error_and_closes_the_source():
    source = source_of(encode(tone(1.0), "mp3"), "mp3", NetworkError("cut"))
    with pytest.raises(NetworkError, match="cut"):
        read(source)
    assert source.closed == 1


def test_too_long_a_clip_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    with pytest.raises(BadResponse, match="longer"):
        read(source_of(encode(tone(3.0), "wav"), "wav"))


def test_an_empty_answer_is_an_error():
    with pytest.raises(BadResponse):
        metrics_of(WholeFile(source_of(b"", "mp3")))


def test_a_text_answer_is_an_error():
    with pytest.raises(BadResponse, match="out of voices"):
        read(source_of(b'{"error": {"message": "out of voices"}}', "mp3"))


def test_a_clip_that_pydub_cannot_decode_is_an_error():
    broken = b"RIFF\xff\xff\xff\xffWAVE" + b"\x01" * 64
    with pytest.raises(CorruptStream, match="pydub cannot decode this wav"):
        read(source_of(broken, "wav"))


def test_a_missing_ffmpeg_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnsupportedFormat) as raised:
        read(source_of(encode(tone(0.5), "mp3"), "mp3"))
    assert raised.value.remedy == "install ffmpeg"


@pytest.mark.parametrize("path", ["", None])
def test_pydub_is_loaded_without_ffmpeg_and_without_a_path(path):
    """In a process of its own, which has not loaded it yet."""
    code = (
        "from types import SimpleNamespace as Source\n"
        "from voicecli.bench.whole_file import WholeFile\n"
        "source = Source(label='', sends_request=True, prepare=lambda: print('prepared'))\n"
        "WholeFile(source).prepare()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PATH"}
    if path is not None:
        environment["PATH"] = path
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "prepared\n", "")
