"""What arrives of one utterance, as the decoder thread takes it."""

from __future__ import annotations

from tests.session.fakes import FakeClock, ScriptedSource
from tests.session.rendering import START
from voicecli.session.items import StreamEnd
from voicecli.session.utterance import Utterance
from voicecli.session.utterance_fetch import UtteranceFetch


def taken(*items):
    fetch = UtteranceFetch(Utterance(ScriptedSource()), FakeClock(), None)
    for item in items:
        assert fetch.items.offer(item, 1)
    return fetch.take()


def test_small_chunks_are_joined_up_to_a_limit():
    chunks = [bytes([n]) * 1000 for n in range(40)]
    items = taken(START, *chunks, b"L" * 50_000, b"s", StreamEnd(), START, b"t", StreamEnd())
    data = [item for item in items if isinstance(item, bytes)]
    assert b"".join(data) == b"".join(chunks) + b"L" * 50_000 + b"st"
    assert [len(part) for part in data] == [16_000, 16_000, 8_000, 50_000, 1, 1]
    assert [type(item) for item in items if item not in data] == [type(START), StreamEnd] * 2


def test_a_single_chunk_is_not_copied():
    chunk = bytes(1000)
    assert taken(START, chunk, StreamEnd())[1] is chunk


def test_nothing_is_taken_after_the_end():
    fetch = UtteranceFetch(Utterance(ScriptedSource()), FakeClock(), None)
    fetch.cancel()
    assert fetch.take() == []
