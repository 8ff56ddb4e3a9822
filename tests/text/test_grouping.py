"""How many sentences go into one request, by rule and in simulation."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.speech_server import Server, listen, story
from voicecli.text.grouping import (
    SHORT_TEXT,
    Estimate,
    Grouper,
    Grouping,
    Situation,
    Take,
    Wait,
    decide,
    split,
    split_segment,
)
from voicecli.text.segment import Segment, Sentence, Span

FAST = Estimate(first_byte_s=0.3, per_character_s=0.016, speech_per_character_s=0.065)

SERVERS = {
    "streams at 4 x": Server(0.3, speed=4),
    "streams at 2 x, slow to start": Server(1.2, speed=2),
    "buffers whole answers": Server(0.5, per_character_s=0.020),
}


def sentences(*lengths: int, paragraph: int = 1000, voice: str | None = None) -> list[Sentence]:
    return [
        Sentence(
            number,
            "x" * (length - 1) + ".",
            Span(number * 200, number * 200 + length),
            voice,
            begins_paragraph=number % paragraph == 0,
        )
        for number, length in enumerate(lengths)
    ]


def situation(
    in_hand_s: float | None = None, *, complete: bool = True, estimate: Estimate = FAST
) -> Situation:
    return Situation(in_hand_s, complete, estimate)


def all_segments(grouper: Grouper, state: Situation) -> list[Segment]:
    found = []
    while isinstance(segment := grouper.next(state), Segment):
        found.append(segment)
    return found


def test_a_short_text_that_is_there_at_once_is_one_request():
    grouper = Grouper()
    grouper.add(sentences(60, 60, 60, paragraph=2))
    (segment,) = all_segments(grouper, situation())
    assert len(segment.sentences) == 3
    assert "\n\n" in segment.text
    assert len(segment.text) <= SHORT_TEXT


def test_a_short_text_that_may_go_on_begins_with_its_first_sentence():
    assert decide(sentences(60, 60), Grouping.AUTO, 4096, situation(complete=False)) == Take(1)


def test_a_long_text_begins_with_its_first_sentence():
    assert decide(sentences(*[60] * 20), Grouping.AUTO, 4096, situation()) == Take(1)


def test_a_first_sentence_of_one_word_takes_the_next_one_with_it():
    text = sentences(5, 60, 60, 60, 60, 60)
    assert decide(text, Grouping.AUTO, 4096, situation()) == Take(2)
    assert decide(text[:1], Grouping.AUTO, 4096, situation(complete=False)) == Take(1)


@pytest.mark.parametrize(
    ("in_hand_s", "count"), [(0.0, 1), (1.0, 1), (3.0, 1), (5.0, 2), (8.0, 3), (12.0, 5)]
)
def test_a_request_grows_with_the_sound_in_hand(in_hand_s, count):
    assert decide(sentences(*[60] * 20), Grouping.AUTO, 4096, situation(in_hand_s)) == Take(count)


def test_a_request_never_crosses_a_paragraph_a_voice_or_a_pause():
    two = sentences(60, 60, 60, 60, paragraph=2)
    assert decide(two, Grouping.AUTO, 4096, situation(60.0)) == Take(2)
    other = [*sentences(60, 60), *sentences(60, voice="bella")[:1]]
    for mode in (Grouping.AUTO, Grouping.WHOLE):
        assert decide(other, mode, 4096, situation(60.0)) == Take(2)
    pause = [*sentences(60, 60), Sentence(2, "x.", Span(0, 2), pause_ms=500)]
    for mode in (Grouping.AUTO, Grouping.PARAGRAPH, Grouping.WHOLE):
        assert decide(pause, mode, 4096, situation(60.0)) == Take(2)


def test_more_text_is_waited_for_while_there_is_sound_in_hand():
    waiting = decide(sentences(60), Grouping.AUTO, 4096, situation(10.0, complete=False))
    assert isinstance(waiting, Wait)
    assert waiting.seconds == pytest.approx(10 * 0.5 - FAST.arrival_s(60))
    late = decide(sentences(60), Grouping.AUTO, 4096, situation(2.0, complete=False))
    assert late == Take(1)


@pytest.mark.parametrize(
    ("mode", "counts"),
    [
        (Grouping.SENTENCE, [1] * 6),
        (Grouping.PARAGRAPH, [2, 2, 2]),
        (Grouping.WHOLE, [6]),
    ],
)
def test_the_other_modes_take_what_they_are_called_after(mode, counts):
    grouper = Grouper(mode)
    grouper.add(sentences(*[60] * 6, paragraph=2))
    found = all_segments(grouper, situation(1.0))
    assert [len(segment.sentences) for segment in found] == counts
    assert [segment.number for segment in found] == list(range(len(counts)))


@pytest.mark.parametrize("mode", [Grouping.PARAGRAPH, Grouping.WHOLE])
def test_a_paragraph_and_a_whole_text_are_waited_for(mode):
    text = sentences(60, 60)
    assert decide(text, mode, 4096, situation(complete=False)) == Wait(None)
    assert decide(text, mode, 4096, situation()) == Take(2)
    assert decide([], mode, 4096, situation()) == Wait(None)


@pytest.mark.parametrize("mode", [Grouping.AUTO, Grouping.PARAGRAPH])
def test_a_request_whose_paragraph_has_ended_does_not_wait_for_more_text(mode):
    text = sentences(60, 60, 60, paragraph=2)
    assert decide(text, mode, 4096, situation(60.0, complete=False)) == Take(2)


@pytest.mark.parametrize(
    ("mode", "enough"),
    [
        (Grouping.AUTO, 241),
        (Grouping.SENTENCE, 241),
        (Grouping.PARAGRAPH, 501),
        (Grouping.WHOLE, 501),
    ],
)
def test_more_text_is_read_until_it_would_change_nothing(mode, enough):
    grouper = Grouper(mode, limit=500)
    grouper.add(sentences(*[1] * (enough - 1)))
    assert not grouper.has_enough
    grouper.add(sentences(1))
    assert grouper.has_enough


def test_a_sentence_mode_request_holds_the_clauses_of_one_sentence():
    first, second = sentences(60, 60)
    rest = Sentence(1, "and more.", Span(61, 70), continues=True)
    assert decide([first, rest, second], Grouping.SENTENCE, 4096, situation()) == Take(2)


@pytest.mark.parametrize("mode", list(Grouping))
@settings(max_examples=40)
@given(data=st.data())
def test_no_request_is_longer_than_the_limit_and_nothing_is_lost(mode, data):
    limit = data.draw(st.integers(20, 400))
    words = st.lists(st.text("abc,", min_size=1, max_size=30), min_size=1, max_size=30)
    texts = data.draw(st.lists(words.map(" ".join), max_size=10))
    grouper = Grouper(mode, limit=limit)
    grouper.add(Sentence(n, text, Span(0, len(text))) for n, text in enumerate(texts))
    found = []
    while grouper.waiting:
        segment = grouper.next(situation(data.draw(st.none() | st.floats(0, 30))))
        assert isinstance(segment, Segment)
        found.append(segment)
    assert all(len(segment.text) <= limit for segment in found)
    spoken = "".join("".join(segment.text.split()) for segment in found)
    assert spoken == "".join("".join(text.split()) for text in texts)


def test_a_sentence_longer_than_the_limit_is_cut_at_clauses_then_words():
    text = "One two three, four five six, seven eight nine ten eleven twelve thirteen"
    sentence = Sentence(3, text, Span(100, 100 + len(text)), pause_ms=500, begins_paragraph=True)
    cut = split(sentence, 30)
    assert [part.text for part in cut] == [
        "One two three, four five six,",
        "seven eight nine ten eleven",
        "twelve thirteen",
    ]
    assert [(part.pause_ms, part.begins_paragraph, part.continues) for part in cut] == [
        (500, True, False),
        (0, False, True),
        (0, False, True),
    ]
    for part in cut:
        assert text[part.span.start - 100 : part.span.end - 100] == part.text


def test_a_refused_segment_is_spoken_in_parts_that_keep_its_number():
    segment = Segment(7, tuple(sentences(60, 60, 60, 60)))
    found = split_segment(segment, 130)
    assert [(part.number, part.part, len(part.sentences)) for part in found] == [
        (7, 0, 2),
        (7, 1, 2),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("serial", [False, True], ids=["", "one at a time"])
@pytest.mark.parametrize("name", SERVERS)
def test_a_text_of_60_sentences_is_heard_without_a_gap_in_few_requests(name, serial):
    for seed in range(30):
        rng = random.Random(seed)
        server = replace(SERVERS[name], serial=serial)
        heard = listen(story(rng), server, rng)
        assert max(heard.gaps[3:]) == 0
        assert len(heard.segments) <= 60 / 3
        assert heard.first_sound_s < 2 * server.first_byte_s + 140 * server.per_character_s * 1.6


@pytest.mark.parametrize("name", SERVERS)
def test_a_wrong_estimate_costs_requests_but_hardly_gaps(name):
    late = 0
    for seed in range(20):
        rng = random.Random(seed)
        server = replace(SERVERS[name])
        right = server.estimate
        wrong = Estimate(
            right.first_byte_s * 0.7, right.per_character_s * 0.7, right.speech_per_character_s
        )
        late += any(listen(story(rng), server, rng, estimate=wrong).gaps[3:])
    assert late <= 1


def test_a_writer_slower_than_speech_is_never_waited_for_longer_than_needed():
    """The silence is what the writer's own speed makes; grouping adds none to speak of."""
    for seed in range(10):
        rng = random.Random(seed)
        text = story(rng, 20)
        arrivals = [sentence.span.end / 20.0 for sentence in text]  # 20 characters a second
        server = Server(0.3, speed=3, spread=0.0)
        grouped = listen(text, server, rng, arrivals=arrivals)
        single = listen(text, server, rng, arrivals=arrivals, mode=Grouping.SENTENCE)
        assert sum(grouped.gaps) <= sum(single.gaps) + 0.05
        assert len(grouped.segments) < len(single.segments)
        assert grouped.first_sound_s == single.first_sound_s
