"""Answers that go on without sound end, and what cannot be decoded has a remedy."""

from __future__ import annotations

import pytest

from tests.support.tones import encode, tone
from voicecli.codecs import AutoDecoder
from voicecli.errors import BadResponse, CorruptStream, TruncatedStream, UnsupportedFormat
from voicecli.session.stream_decoder import AnswerDecoder, load_decoder
from voicecli.sources.base import SourceInfo
from voicecli.telemetry.observers import Observers

WAV = encode(tone(0.1, rate_hz=24_000), "wav", rate_hz=24_000, sized=True)
LIST = b"LIST" + (16_376).to_bytes(4, "little") + bytes(16_376)
ID3 = b"ID3\4\0\0\0\0\x7f\x76" + bytes(16_374)


class SteppedClock:
    """A clock that goes on by ``step_s`` each time that it is read."""

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.now_s = 0.0

    def now(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def decoder(step_s):
    return AnswerDecoder(AutoDecoder("mp3"), SteppedClock(step_s))


def feed_until_fault(decoding, data, times):
    for count in range(times):
        try:
            decoding.feed(data)
        except BadResponse:
            return count
    return None


@pytest.mark.parametrize("data", [bytes(16_384), LIST], ids=["padding", "chunks"])
def test_endless_bytes_behind_the_sound_are_an_error(data):
    decoding = decoder(0.0)
    assert decoding.feed(WAV)
    assert feed_until_fault(decoding, data, 1_000) is None  # 16 MB
    assert feed_until_fault(decoding, data, 2_000) is not None
    slow = decoder(2.0)
    assert slow.feed(WAV)
    assert feed_until_fault(slow, data, 20) is None
    assert feed_until_fault(slow, data, 20) is not None


def test_endless_tags_before_the_sound_are_an_error():
    assert feed_until_fault(decoder(0.0), ID3, 3_000) is not None


def test_a_pause_between_blocks_is_no_silence():
    decoding = decoder(1_000.0)
    for _ in range(20):
        decoding.feed(bytes(10))
        assert decoding.feed(WAV)


def test_bytes_that_trickle_without_sound_are_an_error():
    decoding = decoder(1.0)
    assert decoding.feed(WAV)
    assert feed_until_fault(decoding, bytes(1), 1_000) is not None


def test_one_long_wait_between_a_header_and_its_first_frame_is_no_silence():
    decoding = decoder(1_000.0)
    assert feed_until_fault(decoding, bytes(10), 10) is None
    assert decoding.feed(WAV)


UNDECODABLE = {
    BadResponse: b"",
    UnsupportedFormat: b"MThd\0\0\0\6" + bytes(4_000),
    CorruptStream: b"RIFF\xff\xff\xff\xffWAVEfmt \4\0\0\0" + bytes(4_000),
    TruncatedStream: encode(tone(0.5), "flac")[:5_000],
}


ANSWER = SourceInfo(endpoint="http://localhost")
FILE = SourceInfo(is_file=True)


@pytest.mark.parametrize(
    ("info", "kind", "remedy"),
    [
        (ANSWER, UnsupportedFormat, "--format"),
        (ANSWER, CorruptStream, "--debug-audio"),
        (ANSWER, TruncatedStream, "try again"),
        (ANSWER, BadResponse, "try again"),
        (FILE, UnsupportedFormat, "convert it"),
        (FILE, CorruptStream, "--save"),
        (FILE, TruncatedStream, "--save"),
    ],
)
def test_what_cannot_be_decoded_has_a_remedy(info, kind, remedy):
    decoding = load_decoder(Observers([]), SteppedClock(0.0))(info)
    with pytest.raises(kind, check=lambda error: remedy in error.remedy):
        drain(decoding, UNDECODABLE[kind])


def test_the_remedy_of_a_codec_stays():
    decoding = load_decoder(Observers([]), SteppedClock(0.0))(FILE)
    with pytest.raises(UnsupportedFormat, check=lambda error: "say" in error.remedy):
        drain(decoding, b"Once upon a time, there was a text.\n" * 100)


def drain(decoding, data):
    decoding.feed(data)
    while decoding.pending:
        decoding.feed(b"")
    decoding.flush()
    while decoding.pending:
        decoding.flush()
