from __future__ import annotations

import numpy as np
import pytest

from tests.support.tones import encode, tone
from voicecli.bench import whole_file as module
from voicecli.bench.simulate import audition
from voicecli.bench.whole_file import GULP_BYTES, WholeFile
from voicecli.clock import SystemClock
from voicecli.errors import BadResponse, CorruptStream, NetworkError, UnsupportedFormat
from voicecli.playback.policy import BufferPolicy
from voicecli.sources.base import Connecting, SourceInfo

RATE_HZ = 24_000


class Scripted:
    """A source of given bytes, in pieces of 1000, that notes how it is used."""

    label = "http://server.test/v1"

    def __init__(self, data, format, *, breaks=False):
        self.info = SourceInfo(format, None, RATE_HZ, 1)
        self.data = data
        self.breaks = breaks
        self.calls = []
        self.given = 0

    def when_sent(self, callback):
        self.calls.append("when_sent")

    def when_connected(self, callback):
        self.calls.append("when_connected")

    def warm(self):
        self.calls.append("warm")

    def cancel(self):
        self.calls.append("cancel")

    def __enter__(self):
        self.calls.append("enter")
        return self

    def __exit__(self, *exc_info):
        self.calls.append("exit")

    def __iter__(self):
        for at in range(0, len(self.data), 1000):
            self.given += 1
            yield self.data[at : at + 1000]
        if self.breaks:
            raise NetworkError("cut")


def heard(source):
    return audition(source, clock=SystemClock(), policy=BufferPolicy.fixed(0.0)).metrics


def test_pcm_is_given_on_by_gulps():
    data = tone(2.0, rate_hz=RATE_HZ).tobytes()
    source = Scripted(data, "pcm")
    chunks = iter(WholeFile(source))
    first = next(chunks)
    assert len(first) == GULP_BYTES
    assert source.given == -(-GULP_BYTES // 1000)
    rest = list(chunks)
    assert b"".join([first, *rest]) == data
    assert {len(chunk) for chunk in rest[:-1]} == {GULP_BYTES}


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "opus", "aac"])
def test_all_else_is_decoded_when_it_is_whole(format):
    samples = tone(1.0, rate_hz=RATE_HZ)
    source = Scripted(encode(samples, format, rate_hz=RATE_HZ), format)
    whole = WholeFile(source)
    with whole:
        (decoded,) = whole
    assert source.given == -(-len(source.data) // 1000)
    info = whole.info
    assert (info.requested, info.channels) == ("pcm", 1)
    assert info.rate_hz == (48_000 if format == "opus" else RATE_HZ)
    frames = len(decoded) // 2
    assert frames / info.rate_hz == pytest.approx(1.0, abs=0.11)
    if format in ("wav", "flac"):
        assert np.array_equal(np.frombuffer(decoded, "<i2"), samples)


def test_it_is_heard_like_any_source():
    metrics = heard(WholeFile(Scripted(encode(tone(1.0), "flac"), "flac")))
    assert metrics["audio_s"] == pytest.approx(1.0)
    assert metrics["format"] == "pcm"
    assert metrics["rate_hz"] == 48_000


def test_what_it_wraps_is_used_as_a_source_is():
    source = Scripted(b"\0" * 4000, "pcm")
    whole = WholeFile(source)
    assert isinstance(whole, Connecting)
    whole.when_sent(print)
    whole.when_connected(print)
    whole.warm()
    with whole:
        assert whole.label == source.label
        assert whole.info is source.info
    whole.cancel()
    assert source.calls == ["when_sent", "when_connected", "warm", "enter", "exit", "cancel"]


def test_a_source_that_makes_no_connection_will_do():
    whole = WholeFile(object())
    whole.when_connected(print)


def test_a_stream_that_breaks_is_no_whole_one():
    source = Scripted(encode(tone(1.0), "mp3"), "mp3", breaks=True)
    with pytest.raises(NetworkError, match="cut"):
        list(WholeFile(source))


def test_too_long_a_clip_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    with pytest.raises(BadResponse, match="longer"):
        list(WholeFile(Scripted(encode(tone(3.0), "wav"), "wav")))


def test_nothing_is_no_speech():
    with pytest.raises(BadResponse):
        heard(WholeFile(Scripted(b"", "mp3")))


def test_text_is_no_speech():
    with pytest.raises(BadResponse, match="out of voices"):
        list(WholeFile(Scripted(b'{"error": {"message": "out of voices"}}', "mp3")))


def test_what_pydub_cannot_decode_is_said():
    broken = b"RIFF\xff\xff\xff\xffWAVE" + b"\x01" * 64
    with pytest.raises(CorruptStream, match="pydub cannot decode this wav"):
        list(WholeFile(Scripted(broken, "wav")))


def test_without_ffmpeg_it_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnsupportedFormat) as raised:
        list(WholeFile(Scripted(encode(tone(0.5), "mp3"), "mp3")))
    assert raised.value.remedy == "install ffmpeg"
