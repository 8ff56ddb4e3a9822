from __future__ import annotations

import json

import pytest

from voicecli.errors import BadResponse
from voicecli.server import events
from voicecli.server.errors import ApiError
from voicecli.sources.sse import SpeechEvents


def test_our_own_reader_gets_the_audio_back():
    reader = SpeechEvents()
    stream = events.delta(b"\x00\xff") + events.delta(b"abc") + events.done()
    assert b"".join(reader.feed(stream)) == b"\x00\xffabc"
    reader.flush()


def test_a_failure_midway_is_an_error_event():
    reader = SpeechEvents()
    stream = events.delta(b"abc") + events.failed(ApiError(500, "the voice failed"))
    chunks = reader.feed(stream)
    assert next(chunks) == b"abc"
    with pytest.raises(BadResponse, match="the voice failed"):
        next(chunks)


def test_an_event_is_a_data_line_and_an_empty_line():
    field, value = events.done().removesuffix(b"\n\n").split(b": ", 1)
    assert field == b"data"
    assert json.loads(value)["usage"]["total_tokens"] == 0
