"""What arrives of one utterance, as the decoder thread takes it."""

from __future__ import annotations

import contextlib

import pytest

from tests.session.fakes import FakeClock, ScriptedSource, sound
from tests.session.rendering import START
from voicecli.errors import NetworkError, RateLimited
from voicecli.session.fetcher import Fetcher, FetchLimits
from voicecli.session.items import StreamEnd
from voicecli.session.pace import Pace
from voicecli.session.utterance import Utterance
from voicecli.session.utterance_fetch import UtteranceFetch
from voicecli.sources.base import AnswerReport
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


BROKEN = NetworkError("the connection was reset", retryable=False)
SEGMENT = Segment(3, (Sentence(0, "Twelve signs", Span(0, 12)),))


class Measured:
    """Stands in for the pace of an endpoint."""

    def __init__(self):
        self.fetches = []

    def fetched(self, *measured):
        self.fetches.append(measured)


class Rig:
    """A fetch whose `run` is called without a thread."""

    def __init__(self, *steps, segment=SEGMENT, replace=None, report=None):
        self.clock, self.pace = FakeClock(), Measured()
        source = ScriptedSource(list(steps), clock=self.clock, report=report)
        self.fetch = UtteranceFetch(Utterance(source, segment, replace), self.clock, self.pace)
        self.received, self.replaced = [], []

    def run(self):
        self.fetch.run(
            lambda _: Fetcher(FetchLimits(retries=0), self.clock, Observers([])),
            lambda utterance, data: self.received.append((utterance.number, data)),
            lambda *what: self.replaced.append(what),
        )
        return self


def test_an_answer_is_timed_from_its_request_to_its_first_and_its_last_byte():
    rig = Rig(0.5, b"first", 2.0, b"last").run()
    assert rig.pace.fetches == [(12, 0.5, 2.5)]
    assert rig.received == [(3, b"first"), (3, b"last")]
    assert rig.fetch.is_whole


@pytest.mark.parametrize("rig", [Rig(0.5), Rig(b"sound", segment=None)])
def test_without_sound_or_a_text_there_is_nothing_to_measure(rig):
    assert rig.run().pace.fetches == []


def test_a_cached_answer_says_nothing_of_the_pace():
    rig = Rig(b"sound", report=AnswerReport(is_cached=True)).run()
    assert rig.pace.fetches == []
    assert rig.fetch.is_cached
    other = Rig(b"sound", report=AnswerReport()).run()
    assert (len(other.pace.fetches), other.fetch.is_cached) == (1, False)


def test_what_replaces_a_failed_request_is_fetched_in_its_place():
    instead = Utterance(ScriptedSource([b"other"]), SEGMENT)
    rig = Rig(b"lost", BROKEN, replace=lambda failure: [instead]).run()
    assert [item for item in rig.fetch.take() if isinstance(item, bytes)] == [b"other"]
    (failure, utterance, following) = rig.replaced[0]
    assert (failure.error, failure.sentences) == (BROKEN, 0)
    assert (utterance, following) == (rig.fetch.utterance, instead)


def test_nothing_replaces_a_request_whose_sound_was_taken():
    heard = []
    rig = Rig(
        b"heard",
        lambda: heard.append(rig.fetch.take()),
        BROKEN,
        replace=lambda failure: pytest.fail("asked"),
    )
    with pytest.raises(NetworkError):
        rig.run()
    rig.fetch.error = BROKEN
    assert rig.fetch.is_recoverable


@pytest.mark.parametrize("stop", [UtteranceFetch.cancel, UtteranceFetch.cancel_request])
def test_nothing_replaces_a_request_that_was_cancelled(stop):
    rig = Rig(lambda: stop(rig.fetch), BROKEN, replace=lambda failure: pytest.fail("asked"))
    with contextlib.suppress(NetworkError):
        rig.run()
    assert rig.replaced == []
