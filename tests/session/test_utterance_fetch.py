"""What arrives of one utterance, as the decoder thread takes it."""

from __future__ import annotations

from tests.session.fakes import FakeClock, ScriptedSource, sound
from tests.session.rendering import START
from voicecli.errors import RateLimited
from voicecli.session.fetcher import Fetcher, FetchLimits
from voicecli.session.items import StreamEnd
from voicecli.session.pace import Pace
from voicecli.session.utterance import Utterance
from voicecli.session.utterance_fetch import UtteranceFetch
from voicecli.telemetry.observers import Observers
from voicecli.text.segment import Segment, Sentence, Span


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


def test_waiting_for_a_server_that_had_refused_the_request_is_not_its_pace():
    clock, pace = FakeClock(), Pace()
    segment = Segment(0, (Sentence(0, "x" * 100, Span(0, 100)),))
    source = ScriptedSource([RateLimited("429", retry_after_s=20.0), None], [sound(0.1)])
    fetch = UtteranceFetch(Utterance(source, segment=segment), clock, pace)
    fetch.run(
        lambda _: Fetcher(FetchLimits(), clock, Observers([])), lambda *_: None, lambda *_: None
    )
    assert clock.now() >= 1020.0
    assert pace.estimate().first_byte_s < 1.0
