"""Utterances are fetched ahead, and passed on in order."""

from __future__ import annotations

import threading
import time

import pytest

from tests.session.fakes import FakeClock, ScriptedSource, UntilCancelled, Watcher, seen
from voicecli.errors import BadResponse, NetworkError, RateLimited
from voicecli.session.fetcher import FetchLimits
from voicecli.session.items import AwaitText, StreamBroken, StreamEnd, StreamStart, UtteranceStart
from voicecli.session.messages import Failed, FirstBytes, Mailbox
from voicecli.session.prefetch import Prefetcher
from voicecli.session.requests import Requests
from voicecli.session.thread_group import ThreadGroup
from voicecli.session.utterance import Failure, Utterance
from voicecli.telemetry.events import ReceivedAll, Replaced, Requested, RequestsReduced
from voicecli.telemetry.observers import Observers
from voicecli.text.segment import Segment, Sentence, Span


def utterance(number, *attempts, replace=None):
    sentence = Sentence(number, f"Sentence {number}.", Span(0, 11))
    return Utterance(ScriptedSource(*attempts), Segment(number, (sentence,)), replace)


class Rig:
    def __init__(self, **limits):
        self.clock = FakeClock()
        self.watcher = Watcher()
        self.mailbox = Mailbox()
        self.threads = ThreadGroup(self.mailbox.report_exception)
        requests = Requests(
            FetchLimits(**limits), self.clock, Observers([self.watcher]), self.mailbox
        )
        self.fetches = Prefetcher(requests, self.threads.spawn)

    def start(self, utterances):
        self.threads.spawn(lambda: self.fetches.run(utterances), "voicecli-source")

    def take_all(self):
        """Collect what is passed on: the number of each utterance, then its bytes."""
        taken = []
        while items := self.fetches.take():
            for item in items:
                match item:
                    case UtteranceStart(begun):
                        taken.append(begun.number)
                    case bytes():
                        taken.append(item)
        self.threads.join(5)
        return taken

    def messages(self):
        return list(self.mailbox.drain())


def until(condition):
    """Wait for another thread; a failure of the test itself after a few seconds."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


def test_a_slow_answer_keeps_its_place_before_a_fast_one():
    rig, slow = Rig(), threading.Event()
    rig.start(
        [utterance(0, [lambda: seen(slow), b"a"]), utterance(1, [b"b"]), utterance(2, [b"c"])]
    )
    until(lambda: len(rig.watcher.all(Requested)) == 3)
    slow.set()
    assert rig.take_all() == [0, b"a", 1, b"b", 2, b"c"]
    assert len(rig.watcher.all(ReceivedAll)) == 1


def test_the_last_answer_ended_when_it_arrived_and_not_when_the_writer_did():
    rig, is_written = Rig(), threading.Event()

    def utterances():
        yield utterance(0, [lambda: rig.clock.advance(2.0), b"a"])
        seen(is_written)

    rig.start(utterances())
    while AwaitText() not in rig.fetches.take():
        assert not rig.watcher.all(ReceivedAll)
    rig.clock.advance(30.0)
    is_written.set()
    assert rig.take_all() == []
    assert rig.watcher.all(ReceivedAll) == [ReceivedAll(1002.0)]


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_no_more_requests_are_made_than_may_be_ahead(ahead):
    rig = Rig(ahead=ahead)
    rig.start([utterance(n, [b"x"]) for n in range(6)])
    until(lambda: len(rig.watcher.all(Requested)) == 1 + ahead)
    time.sleep(0.02)  # another request would leave now
    assert len(rig.watcher.all(Requested)) == 1 + ahead
    assert [item for item in rig.take_all() if isinstance(item, int)] == list(range(6))


def test_utterances_are_taken_only_when_they_may_leave():
    taken, rig = [], Rig(ahead=1)

    def lazily():
        for number in range(5):
            taken.append(number)
            yield utterance(number, [b"x"])

    rig.start(lazily())
    until(lambda: len(rig.watcher.all(Requested)) == 2)
    time.sleep(0.02)
    assert taken == [0, 1]
    rig.take_all()
    assert taken == [0, 1, 2, 3, 4]


def test_an_error_ahead_is_reported_when_its_turn_comes():
    rig, go = Rig(), threading.Event()
    fault = NetworkError("cut")
    sources = [
        utterance(0, [lambda: seen(go), b"a"]),
        utterance(1, [b"b", fault]),
        utterance(2, [b"c"]),
    ]
    rig.start(sources)
    until(lambda: len(rig.watcher.all(Requested)) >= 2)
    time.sleep(0.02)
    assert [m for m in rig.messages() if isinstance(m, Failed)] == []
    go.set()
    assert rig.take_all() == [0, b"a", 1, b"b"]
    assert [m.error for m in rig.messages() if isinstance(m, Failed)] == [fault]


def test_one_utterance_is_cancelled_while_its_neighbours_go_on():
    rig = Rig()
    middle = utterance(1, [b"b", UntilCancelled()])
    rig.start([utterance(0, [b"a"]), middle, utterance(2, [b"c"])])
    until(lambda: len(rig.watcher.all(Requested)) == 3)
    rig.fetches.cancel_one(1)
    assert rig.take_all() == [0, b"a", 1, 2, b"c"]
    assert middle.source.cancelled.is_set()
    assert [m for m in rig.messages() if isinstance(m, Failed)] == []


def test_closing_ends_everything_at_once():
    rig = Rig()
    rig.start([utterance(n, [b"x", UntilCancelled()]) for n in range(5)])
    until(lambda: len(rig.watcher.all(Requested)) == 3)
    rig.fetches.close()
    rig.take_all()
    assert [
        thread.name for thread in threading.enumerate() if "voicecli-fetch" in thread.name
    ] == []


def test_a_refusal_may_be_answered_by_parts_in_its_place():
    refusal = BadResponse("too long")
    parts = [utterance(0, [b"a1"]), utterance(0, [b"a2"])]
    asked = []

    def replace(failure):
        asked.append(failure)
        return parts

    rig = Rig(retries=0)
    rig.start([utterance(0, [refusal], replace=replace), utterance(1, [b"b"])])
    assert rig.take_all() == [0, b"a1", b"a2", 1, b"b"]
    assert asked == [Failure(refusal)]


def test_a_refusal_without_parts_stands():
    refusal = BadResponse("no such voice")
    rig = Rig(retries=0)
    rig.start([utterance(0, [refusal], replace=lambda _: []), utterance(1, [b"b"])])
    assert rig.take_all() == [0]
    assert [m.error for m in rig.messages() if isinstance(m, Failed)] == [refusal]


def test_429_lowers_the_number_of_requests_at_once():
    rig = Rig(ahead=2, retries=3)
    go, busy = threading.Event(), RateLimited("busy", retry_after_s=1.0)
    first = utterance(0, [lambda: seen(go), b"a"])
    rig.start([first, utterance(1, [busy], [b"b"]), *(utterance(n, [b"x"]) for n in range(2, 8))])
    until(lambda: rig.watcher.all(RequestsReduced))
    go.set()
    assert [item for item in rig.take_all() if isinstance(item, int)] == list(range(8))
    (reduced,) = rig.watcher.all(RequestsReduced)
    assert reduced.at_once < 3


def test_a_server_that_allows_one_request_at_once_is_no_failure():
    rig, go = Rig(ahead=2, retries=0), threading.Event()
    refused = utterance(1, [RateLimited("one at a time")], [b"b"])
    rig.start([utterance(0, [lambda: seen(go), b"a"]), refused, utterance(2, [b"c"])])
    until(lambda: rig.watcher.all(RequestsReduced))
    go.set()
    assert [item for item in rig.take_all() if isinstance(item, int)] == [0, 1, 2]


def test_later_requests_leave_after_the_first():
    """The first sound must not wait for what comes after it."""
    rig, go = Rig(ahead=2), threading.Event()
    local = ScriptedSource([lambda: seen(go), b"a"], sends_request=False)
    first = Utterance(local, utterance(0).segment)
    rig.start([first, *(utterance(n, [b"x"]) for n in range(1, 4))])
    until(lambda: rig.watcher.all(Requested))
    assert [event.segment for event in rig.watcher.all(Requested)] == [0]
    go.set()
    assert [item for item in rig.take_all() if isinstance(item, int)] == list(range(4))


def test_it_says_that_it_waits_for_text():
    rig, written = Rig(), threading.Event()

    def text():
        yield utterance(0, [b"a"])
        seen(written)
        yield utterance(1, [b"b"])

    rig.start(text())
    until(lambda: len(rig.watcher.all(Requested)) == 1)
    taken = []
    while not any(isinstance(item, AwaitText) for item in taken[3:]):
        taken += rig.fetches.take()
    written.set()
    assert rig.take_all() == [1, b"b"]


def test_the_first_bytes_are_reported_once():
    rig = Rig()
    rig.start([utterance(0, [b"a", b"b"]), utterance(1, [b"c"])])
    rig.take_all()
    assert rig.messages() == [FirstBytes()]


def test_a_bare_source_is_sound_without_text():
    rig = Rig()
    rig.start([ScriptedSource([b"a"])])
    items = []
    while taken := rig.fetches.take():
        items += [item for item in taken if not isinstance(item, AwaitText)]
    begun, start, data, end = items
    assert (begun.utterance.segment, data) == (None, b"a")
    assert (type(start), type(end)) == (StreamStart, StreamEnd)


def test_an_error_of_the_text_comes_after_what_was_asked_for():
    fault = NetworkError("the text broke off")
    rig = Rig()

    def text():
        yield utterance(0, [b"a"])
        raise fault

    rig.start(text())
    assert rig.take_all() == [0, b"a"]
    assert [m.error for m in rig.messages() if isinstance(m, Failed)] == [fault]


def test_an_answer_that_breaks_before_its_turn_is_fetched_anew():
    """Nothing of it was taken, so nothing of it has to be kept."""
    rig, go, fault = Rig(retries=0), threading.Event(), NetworkError("cut")
    again = utterance(1, [b"whole"])
    broken = utterance(1, [b"bro", fault], replace=lambda _: [again])
    rig.start([utterance(0, [lambda: seen(go), b"a"]), broken])
    until(lambda: again.source.opened)
    go.set()
    assert rig.take_all() == [0, b"a", 1, b"whole"]
    assert [(r.segment, r.error, r.sentences) for r in rig.watcher.all(Replaced)] == [(1, fault, 0)]


def taken_with_recovery(rig, sentences):
    """Collect the bytes, asking for the rest of what broke off after so many sentences."""
    taken, recovered = [], []
    while items := rig.fetches.take():
        for item in items:
            if isinstance(item, StreamBroken):
                recovered.append(rig.fetches.recover(Failure(item.error, sentences)))
            elif isinstance(item, bytes):
                taken.append(item)
                rig.taken.set()
    rig.threads.join(5)
    return taken, recovered


def broken(rig, fault, replace):
    """Return an utterance that breaks once its first bytes were taken."""
    rig.taken = threading.Event()
    return utterance(0, [b"be", lambda: seen(rig.taken), fault], replace=replace)


def test_the_rest_of_a_broken_answer_comes_in_its_place():
    rig, fault = Rig(retries=0), NetworkError("cut")
    rest, failures = utterance(0, [b"rest"]), []
    first = broken(rig, fault, lambda failure: failures.append(failure) or [rest])
    rig.start([first, utterance(1, [b"b"])])
    assert taken_with_recovery(rig, 2) == ([b"be", b"rest", b"b"], [True])
    assert failures == [Failure(fault, 2)]
    assert [m for m in rig.messages() if isinstance(m, Failed)] == []
    assert len(rig.watcher.all(ReceivedAll)) == 1


def test_a_rest_in_several_requests_keeps_its_order():
    rig = Rig(retries=0)
    rest = [utterance(0, [b"rest"]), utterance(0, [b"of it"])]
    rig.start([broken(rig, NetworkError("cut"), lambda _: rest), utterance(1, [b"b"])])
    assert taken_with_recovery(rig, 1) == ([b"be", b"rest", b"of it", b"b"], [True])


def test_what_cannot_be_recovered_is_reported_once():
    rig, fault = Rig(retries=0), NetworkError("cut")
    rig.start([broken(rig, fault, lambda _: []), utterance(1, [b"b"])])
    assert taken_with_recovery(rig, 0) == ([b"be"], [False])
    assert [m.error for m in rig.messages() if isinstance(m, Failed)] == [fault]
    assert rig.watcher.all(ReceivedAll) == []


@pytest.mark.parametrize("stop", [lambda fetches: fetches.cancel_one(0), lambda f: f.cancel()])
def test_what_was_cancelled_after_it_broke_off_is_not_asked_for_again(stop):
    rig, asked, recovered = Rig(retries=0), [], []
    first = broken(rig, NetworkError("cut"), lambda failure: asked.append(failure) or [])
    rig.start([first])
    while items := rig.fetches.take():
        if any(isinstance(item, bytes) for item in items):
            rig.taken.set()
        if fault := next((item.error for item in items if isinstance(item, StreamBroken)), None):
            stop(rig.fetches)
            recovered.append(rig.fetches.recover(Failure(fault, 1)))
    rig.threads.join(5)
    assert recovered == [False]
    assert asked == []


@pytest.mark.parametrize(("label", "is_restarting"), [("a script", True), ("another", False)])
def test_only_an_endpoint_that_sent_sound_is_thought_to_be_restarting(label, is_restarting):
    rig = Rig(retries=1, ahead=0)
    gone = utterance(1, [NetworkError("refused", retryable=True)])
    gone.source.label = label
    rig.start([utterance(0, [b"a"]), gone])
    assert rig.take_all() == [0, b"a", 1]
    assert (gone.source.opened > 2) == is_restarting
