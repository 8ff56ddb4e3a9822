from __future__ import annotations

import numpy as np
import pytest

from tests.server.voices import SENTENCE_FRAMES, Tone, cache_of
from voicecli.audio.pcm import to_int16
from voicecli.codecs.decoding.auto import make_decoder
from voicecli.codecs.formats import CODECS
from voicecli.codecs.media_type import parse_media_type
from voicecli.errors import NothingToSay
from voicecli.request import SpeechRequest
from voicecli.server.speech import RATE_HZ, content_type, speak, warm


def request(text="a|b|c", kind="pcm"):
    return SpeechRequest(text, "heart", "hibari", kind)


def decoded(kind, data):
    decoder = make_decoder(kind, rate_hz=RATE_HZ, channels=1)
    blocks = [*decoder.feed(data), *decoder.flush()]
    assert {block.rate_hz for block in blocks} == {RATE_HZ}
    return np.concatenate([to_int16(block.samples) for block in blocks])


@pytest.mark.parametrize("kind", CODECS)
def test_each_format_decodes_to_what_was_spoken(kind):
    stretches = list(speak(request(kind=kind), cache_of(Tone())))
    assert sum(stretch.frames for stretch in stretches) == 3 * SENTENCE_FRAMES
    heard = decoded(kind, b"".join(stretch.data for stretch in stretches))
    if kind in ("pcm", "wav", "flac"):
        levels = np.repeat(to_int16(np.float32([0.01, 0.02, 0.03])), SENTENCE_FRAMES)
        assert np.array_equal(heard[:, 0], levels)
    assert len(heard) == 3 * SENTENCE_FRAMES


def test_a_sentence_is_out_before_the_next_is_spoken():
    voice = Tone()
    stretches = speak(request(), cache_of(voice))
    assert next(stretches).frames == SENTENCE_FRAMES
    assert voice.spoken == 1


def test_what_is_closed_is_not_spoken():
    voice = Tone()
    stretches = speak(request(), cache_of(voice))
    next(stretches)
    stretches.close()
    assert voice.spoken == 1


def test_nothing_to_say_is_a_fault_before_any_sound():
    with pytest.raises(NothingToSay):
        next(speak(request("…"), cache_of(Tone())))


def test_warming_speaks_every_format():
    voice = Tone()
    warm(cache_of(voice), "heart")
    assert voice.spoken == len(CODECS)


def test_content_types_are_those_our_own_reader_knows():
    for kind in CODECS:
        assert parse_media_type(content_type(kind)).codec == kind
    raw = parse_media_type(content_type("pcm"))
    assert (raw.rate_hz, raw.channels) == (24_000, 1)
