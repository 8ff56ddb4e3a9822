from __future__ import annotations

import numpy as np
import pytest

from tests.server.fakes import SENTENCE_FRAMES, FakeVoice, cache_of
from voicecli.audio.pcm import to_int16
from voicecli.codecs.decoding.auto import make_decoder
from voicecli.codecs.formats import CODECS
from voicecli.codecs.media_type import parse_media_type
from voicecli.errors import NothingToSay
from voicecli.request import SpeechRequest
from voicecli.server.speech import CHUNK_S, RATE_HZ, content_type, synthesize, warm_up


def request(text="a|b|c", kind="pcm"):
    return SpeechRequest(text, "heart", "hibari", kind)


def chunks_of(*arguments):
    return [chunk for sentence in synthesize(*arguments) for chunk in sentence]


def decoded(kind, data):
    decoder = make_decoder(kind, rate_hz=RATE_HZ, channels=1)
    blocks = [*decoder.feed(data), *decoder.flush()]
    assert {block.rate_hz for block in blocks} == {RATE_HZ}
    return np.concatenate([to_int16(block.samples) for block in blocks])


@pytest.mark.parametrize("kind", CODECS)
def test_each_format_decodes_to_the_same_speech(kind):
    chunks = chunks_of(request(kind=kind), cache_of(FakeVoice()))
    assert sum(chunk.frames for chunk in chunks) == 3 * SENTENCE_FRAMES
    samples = decoded(kind, b"".join(chunk.data for chunk in chunks))
    if kind in ("pcm", "wav", "flac"):
        first = 4 if kind == "flac" else 1  # which is spoken twice
        levels = np.arange(first, first + 3, dtype=np.float32) / 100
        levels = np.repeat(to_int16(levels), SENTENCE_FRAMES)
        assert np.array_equal(samples[:, 0], levels)
    assert len(samples) == 3 * SENTENCE_FRAMES


def test_a_sentence_is_available_before_the_next_is_synthesized():
    voice = FakeVoice()
    sentences = synthesize(request(), cache_of(voice))
    (chunk,) = next(sentences)
    assert chunk.frames == SENTENCE_FRAMES
    assert voice.sentences == 1


def test_a_long_sentence_is_encoded_in_chunks():
    frames = round(2.4 * CHUNK_S * RATE_HZ)
    sentences = synthesize(request("a"), cache_of(FakeVoice(sentence_frames=frames)))
    assert [chunk.frames for chunk in next(sentences)] == [12_000, 12_000, 4_800]


def test_the_header_of_flac_has_the_length():
    """soundfile.read takes a stream of unknown length for an endless one."""
    (header, *_) = chunks_of(request(kind="flac"), cache_of(FakeVoice()))
    assert int.from_bytes(header.data[18:26], "big") % (1 << 36) == 3 * SENTENCE_FRAMES


def test_the_length_of_flac_is_found_a_sentence_at_a_time():
    voice = FakeVoice()
    sentences = synthesize(request(kind="flac"), cache_of(voice))
    assert list(next(sentences)) == []
    assert voice.sentences == 1


def test_closing_skips_the_rest():
    voice = FakeVoice()
    sentences = synthesize(request(), cache_of(voice))
    next(sentences)
    sentences.close()
    assert voice.sentences == 1


def test_nothing_to_say_is_an_error_before_any_audio():
    with pytest.raises(NothingToSay):
        next(synthesize(request("…"), cache_of(FakeVoice())))


def test_warm_up_uses_every_format():
    voice = FakeVoice()
    warm_up(cache_of(voice), "heart")
    assert voice.sentences == len(CODECS) + 1  # of FLAC the length is found first


def test_our_own_reader_knows_the_content_types():
    for kind in CODECS:
        assert parse_media_type(content_type(kind)).codec == kind
    raw = parse_media_type(content_type("pcm"))
    assert (raw.rate_hz, raw.channels) == (24_000, 1)
