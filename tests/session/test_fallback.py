"""What is spoken in place of a segment that failed, and by which endpoint."""

from __future__ import annotations

import pytest

from tests.session.fakes import FakeClock, ScriptedSource
from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    CorruptStream,
    DeviceError,
    NetworkError,
    NothingToSay,
    RateLimited,
    SourceTimeout,
    ThreadError,
    TruncatedStream,
    UnsupportedFormat,
)
from voicecli.playback.history import HistoryKey
from voicecli.session.cooldowns import FIRST_COOLDOWN_S, EndpointCooldowns
from voicecli.session.fallback import MAX_BREAKS, Candidate, Fallback
from voicecli.session.utterance import Failure
from voicecli.text.segment import Segment, Sentence, Span

FAULT = NetworkError("gone", retryable=True)


def segment(sentences=3, number=0):
    found = [
        Sentence(n, f"This is number {n}.", Span(20 * n, 20 * n + 17)) for n in range(sentences)
    ]
    return Segment(number, tuple(found))


def candidate(label):
    def make(segment):
        source = ScriptedSource([b"x"])
        source.label, source.text = label, segment.text
        return source

    return Candidate(label, make)


def fallback(*labels, cooldowns=None, recovers=True):
    candidates = [candidate(label) for label in labels]
    return Fallback(lambda _: candidates, cooldowns, recovers=recovers)


def test_an_utterance_says_whose_past_runs_count():
    candidates = [
        Candidate(label, candidate(label).make_source, "kokoro", format)
        for label, format in (("a", "pcm"), ("b", "opus"))
    ]
    first = Fallback(lambda _: candidates).utterance(segment())
    assert first.speaker == HistoryKey("a", "kokoro", "pcm")
    (second,) = first.replace(Failure(FAULT))
    assert second.speaker == HistoryKey("b", "kokoro", "opus")


def test_the_first_choice_is_the_first_without_a_cooldown():
    cooldowns = EndpointCooldowns(FakeClock())
    made, candidates = fallback(cooldowns=cooldowns), [candidate(label) for label in "abc"]
    assert made.choose(candidates) == 0
    cooldowns.failed("a")
    assert made.choose(candidates) == 1
    assert made.choose(candidates, frozenset({1})) == 2
    assert made.choose(candidates[:1]) == 0
    assert [made.choose(candidates[:2], frozenset({number})) for number in (0, 1)] == [1, 0]
    cooldowns.failed("b")
    cooldowns.failed("c")
    assert made.choose(candidates) == 0


def spoken(utterances):
    """Return by whom each utterance is spoken, and its text."""
    return [(each.source.label, each.source.text) for each in utterances]


@pytest.mark.parametrize(
    "fault",
    [
        FAULT,
        SourceTimeout("slow"),
        AuthError("no"),
        BadResponse("400"),
        ConfigError("no key"),
        UnsupportedFormat("ra"),
    ],
)
def test_the_next_endpoint_speaks_what_one_could_not(fault):
    first = fallback("a", "b").utterance(segment())
    assert spoken([first]) == [("a", segment().text)]
    assert first.has_next
    (second,) = first.replace(Failure(fault))
    assert spoken([second]) == [("b", segment().text)]
    assert not second.has_next
    assert second.replace(Failure(fault)) == ()


@pytest.mark.parametrize("fault", [NothingToSay("..."), DeviceError("gone"), ThreadError("none")])
def test_no_other_endpoint_helps_against_some_faults(fault):
    assert fallback("a", "b").utterance(segment()).replace(Failure(fault)) == ()


def test_a_single_endpoint_that_fails_before_its_sound_has_failed():
    only = fallback("a").utterance(segment())
    assert not only.has_next
    assert only.replace(Failure(FAULT)) == ()


def test_an_endpoint_that_failed_rests_for_later_segments():
    clock = FakeClock()
    made = fallback("a", "b", cooldowns=EndpointCooldowns(clock))
    made.utterance(segment()).replace(Failure(FAULT))
    assert made.utterance(segment()).source.label == "b"
    clock.advance(FIRST_COOLDOWN_S + 0.1)
    assert made.utterance(segment()).source.label == "a"


def test_if_all_endpoints_rest_the_first_is_asked():
    cooldowns = EndpointCooldowns(FakeClock())
    for label in "ab":
        cooldowns.failed(label)
    assert fallback("a", "b", cooldowns=cooldowns).utterance(segment()).source.label == "a"


def test_a_single_endpoint_has_no_cooldown():
    cooldowns = EndpointCooldowns(FakeClock())
    fallback("a", cooldowns=cooldowns).utterance(segment()).replace(Failure(FAULT))
    assert not cooldowns.is_active("a")


@pytest.mark.parametrize("fault", [FAULT, CorruptStream("noise")])
@pytest.mark.parametrize("whole", [0, 1, 2])
def test_the_rest_of_a_segment_is_asked_of_the_same_endpoint(fault, whole):
    first = fallback("a", "b").utterance(segment(number=7))
    (rest,) = first.replace(Failure(fault, whole))
    assert rest.source.label == "a"
    assert rest.segment.sentences == segment().sentences[whole:]
    assert (rest.number, rest.segment.part) == (7, 1)


def test_an_endpoint_that_breaks_twice_in_one_sentence_is_given_up():
    each = fallback("a", "b").utterance(segment())
    labels = []
    for whole in (1, 0, 0):
        (each,) = each.replace(Failure(FAULT, whole))
        labels.append(each.source.label)
    assert labels == ["a", "a", "b"]
    assert each.segment.sentences == segment().sentences[1:]


def test_a_format_that_is_not_supported_is_not_asked_for_again():
    fault = UnsupportedFormat("Vorbis after Opus")
    assert fallback("a").utterance(segment()).replace(Failure(fault, 1)) == ()
    (rest,) = fallback("a", "b").utterance(segment()).replace(Failure(fault, 1))
    assert rest.source.label == "b"
    assert rest.segment.sentences == segment().sentences[1:]


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        (FAULT, 5),
        (SourceTimeout("slow"), 2),
        (BadResponse("the server reports: no memory"), 2),
        (TruncatedStream("1 of 2 bytes"), 2),
    ],
)
def test_a_single_endpoint_is_given_up_earlier_unless_the_connection_was_cut(fault, most):
    each, asked = fallback("a").utterance(segment()), 0
    while found := each.replace(Failure(fault, 0)):
        (each,) = found
        asked += 1
    assert asked == most - 1


def test_a_server_that_breaks_without_end_is_given_up():
    each, breaks = fallback("a").utterance(segment(100)), 0
    while found := each.replace(Failure(FAULT, 1)):
        (each,) = found
        breaks += 1
    assert breaks == MAX_BREAKS


def test_without_recovery_a_broken_segment_has_failed():
    first = fallback("a", "b", recovers=False).utterance(segment())
    assert first.replace(Failure(FAULT, 1)) == ()
    assert len(first.replace(Failure(FAULT))) == 1


def test_a_refused_segment_is_split_before_another_endpoint_is_asked():
    parts = [Segment(0, (sentence,), part) for part, sentence in enumerate(segment().sentences)]
    first = fallback("a", "b").utterance(segment(), lambda *_: parts)
    found = first.replace(Failure(BadResponse("too long")))
    assert spoken(found) == [("a", part.text) for part in parts]
    whole = fallback("a", "b").utterance(segment(), lambda *_: [])
    assert spoken(whole.replace(Failure(BadResponse("no")))) == [("b", segment().text)]


def test_another_model_of_a_server_does_not_rest_with_the_one_that_failed():
    cooldowns = EndpointCooldowns(FakeClock())
    candidates = [candidate("a")._replace(model=model) for model in ("gone", "there")]
    first = Fallback(lambda _: candidates, cooldowns).utterance(segment())
    first.replace(Failure(BadResponse("no such model")))
    assert [cooldowns.is_active(each.cooldown_key) for each in candidates] == [True, False]


def test_an_endpoint_rests_for_as_long_as_it_asks():
    clock = FakeClock()
    made = fallback("a", "b", cooldowns=EndpointCooldowns(clock))
    made.utterance(segment()).replace(Failure(RateLimited("wait", retry_after_s=60)))
    clock.advance(59)
    assert made.utterance(segment()).source.label == "b"
    clock.advance(2)
    assert made.utterance(segment()).source.label == "a"
