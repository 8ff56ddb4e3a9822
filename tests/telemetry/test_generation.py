"""How long answers took to arrive, without the waits between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.telemetry.generation import GenerationTime


def test_one_answer_takes_from_its_request_to_its_end():
    time = GenerationTime()
    time.requested(0, 100.0)
    time.received(0, 100.5)
    time.received(0, 101.0)
    assert time.seconds() == 1.0
    time.received_all(101.25)  # too late: it is counted
    assert time.seconds() == 1.0


def test_the_end_of_the_last_answer_counts():
    time = GenerationTime()
    time.requested(0, 100.0)
    time.received(0, 101.0)
    time.received_all(101.25)
    assert time.seconds() == 1.25


def test_waiting_for_the_writer_or_for_room_does_not_count():
    time = GenerationTime()
    time.requested(0, 100.0)
    time.received(0, 101.0)
    time.requested(1, 150.0)
    time.received(1, 150.5)
    assert time.seconds() == 1.5


def test_a_second_in_which_two_answers_arrive_counts_once():
    time = GenerationTime()
    for number, at in enumerate((100.0, 100.5, 101.0)):
        time.requested(number, at)
    time.received(2, 102.0)
    time.received(0, 101.5)
    time.received(1, 101.75)
    time.ended(0)
    assert time.seconds() == 2.0


def test_a_retry_counts_from_the_first_attempt():
    time = GenerationTime()
    time.requested(0, 100.0)
    time.requested(0, 103.0)
    time.received(0, 104.0)
    assert time.seconds() == 4.0


def test_a_request_without_an_answer_takes_no_time():
    time = GenerationTime()
    time.requested(0, 100.0)
    assert time.seconds() == 0.0
    assert GenerationTime().seconds() == 0.0


LENGTHS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=12)


@given(LENGTHS, st.data())
def test_it_is_the_measure_of_the_union(lengths, data):
    """``lengths`` has, for each segment, the time since the request before, and until its end."""
    time, at, spans = GenerationTime(), 0, []
    for number, (later, length) in enumerate(lengths):
        at += later
        spans.append((at, at + length))
        time.requested(number, at)
    for number in data.draw(st.permutations(range(len(spans)))):
        time.received(number, spans[number][1])
    for number in range(data.draw(st.integers(0, len(spans)))):
        time.ended(number)
    covered = {second for begin, end in spans for second in range(begin, end)}
    assert time.seconds() == pytest.approx(len(covered))


def test_what_has_ended_is_not_kept():
    time = GenerationTime()
    for number in range(1000):
        time.requested(number, number)
        time.received(number, number + 0.5)
        time.ended(number)
        assert len(vars(time)["_under_way"]) == 0
    assert time.seconds() == 500.0
