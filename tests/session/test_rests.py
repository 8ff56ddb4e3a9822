"""Endpoints that failed rest, for longer each time, also in later runs."""

from __future__ import annotations

import pytest

from tests.session.fakes import FakeClock
from voicecli.session.rests import FIRST_REST_S, LONGEST_REST_S, EndpointRests, RestFile


@pytest.fixture
def clock():
    return FakeClock(now=1_795_000_000.0)


def rest_s(rests, clock):
    """Return how long an endpoint rests after it failed now."""
    rests.failed("a")
    passed_s = 0.0
    while rests.is_resting("a"):
        clock.advance(0.5)
        passed_s += 0.5
    return passed_s


def test_each_rest_is_twice_as_long_up_to_five_minutes(clock):
    rests = EndpointRests(clock)
    assert not rests.is_resting("a")
    lengths_s = [rest_s(rests, clock) for _ in range(8)]
    assert lengths_s == [5, 10, 20, 40, 80, 160, 300, 300]


def test_failing_while_it_rests_does_not_lengthen_the_rest(clock):
    rests = EndpointRests(clock)
    for _ in range(5):
        rests.failed("a")
    clock.advance(FIRST_REST_S + 0.1)
    assert not rests.is_resting("a")


def test_an_endpoint_that_worked_for_long_rests_shortly_again(clock):
    rests = EndpointRests(clock)
    for _ in range(4):
        rest_s(rests, clock)
    clock.advance(3600)
    assert rest_s(rests, clock) == FIRST_REST_S


def test_rests_are_kept_between_runs(clock, tmp_path):
    path = tmp_path / "state" / "resting.json"
    EndpointRests(clock, RestFile(path)).failed("a")
    later = EndpointRests(clock, RestFile(path))
    assert later.is_resting("a")
    assert not later.is_resting("b")
    clock.advance(FIRST_REST_S + 0.1)
    assert rest_s(later, clock) == 2 * FIRST_REST_S


def test_a_clock_that_was_set_back_does_not_prolong_a_rest(clock, tmp_path):
    path = tmp_path / "resting.json"
    EndpointRests(clock, RestFile(path)).failed("a")
    earlier = FakeClock(now=clock.wall() - 2 * LONGEST_REST_S)
    assert not EndpointRests(earlier, RestFile(path)).is_resting("a")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"a": 5}',
        '{"a": [1]}',
        '{"a": ["x", "y"]}',
        "{" * 5000,
        "\0",
        f'{{"a": [1{"0" * 400}, 5]}}',
        '{"a": [NaN, 5]}',
        '{"a": [0, -5]}',
        '{"a": [0, Infinity]}',
    ],
)
def test_a_file_without_sense_is_ignored(clock, tmp_path, content):
    path = tmp_path / "resting.json"
    path.write_text(content)
    rests = EndpointRests(clock, RestFile(path))
    assert not rests.is_resting("a")
    rests.failed("a")
    assert EndpointRests(clock, RestFile(path)).is_resting("a")


def test_a_server_that_asks_for_a_longer_wait_rests_for_it_but_five_minutes_at_most(clock):
    rests = EndpointRests(clock)
    rests.failed("a", at_least_s=3600)
    clock.advance(LONGEST_REST_S - 1)
    assert rests.is_resting("a")
    clock.advance(2)
    assert not rests.is_resting("a")
