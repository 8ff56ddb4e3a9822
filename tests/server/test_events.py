from __future__ import annotations

import json

import pytest

from voicecli.errors import BadResponse
from voicecli.server import events
from voicecli.server.errors import Refusal
from voicecli.sources.sse import SpeechEvents


def test_our_own_reader_gets_the_audio_back():
    reader = SpeechEvents()
    stream = events.delta(b"\x00\xff") + events.delta(b"abc") + events.done()
    assert b"".join(reader.feed(stream)) == b"\x00\xffabc"
    reader.flush()


def test_a_failure_is_told_as_one():
    reader = SpeechEvents()
    stream = events.delta(b"abc") + events.failed(Refusal(500, "the voice failed"))
    read = reader.feed(stream)
    assert next(read) == b"abc"
    with pytest.raises(BadResponse, match="the voice failed"):
        next(read)


def test_an_event_is_one_data_line_and_an_empty_one():
    field, value = events.done().removesuffix(b"\n\n").split(b": ", 1)
    assert field == b"data"
    assert json.loads(value)["usage"]["total_tokens"] == 0
