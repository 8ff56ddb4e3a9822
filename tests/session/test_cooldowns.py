"""Endpoints that failed are in cooldown, for longer each time, also in later runs."""

from __future__ import annotations

import pytest

from tests.session.fakes import FakeClock
from voicecli.session.cooldowns import (
    FIRST_COOLDOWN_S,
    LONGEST_COOLDOWN_S,
    CooldownFile,
    EndpointCooldowns,
)


@pytest.fixture
def clock():
    return FakeClock(now=1_795_000_000.0)


def cooldown_s(cooldowns, clock):
    """Return how long the cooldown of an endpoint that fails now is."""
    cooldowns.failed("a")
    passed_s = 0.0
    while cooldowns.is_active("a"):
        clock.advance(0.5)
        passed_s += 0.5
    return passed_s


def test_each_cooldown_is_twice_as_long_up_to_five_minutes(clock):
    cooldowns = EndpointCooldowns(clock)
    assert not cooldowns.is_active("a")
    lengths_s = [cooldown_s(cooldowns, clock) for _ in range(8)]
    assert lengths_s == [5, 10, 20, 40, 80, 160, 300, 300]


def test_failing_during_a_cooldown_does_not_lengthen_it(clock):
    cooldowns = EndpointCooldowns(clock)
    for _ in range(5):
        cooldowns.failed("a")
    clock.advance(FIRST_COOLDOWN_S + 0.1)
    assert not cooldowns.is_active("a")


def test_a_cooldown_long_after_the_last_one_is_short_again(clock):
    cooldowns = EndpointCooldowns(clock)
    for _ in range(4):
        cooldown_s(cooldowns, clock)
    clock.advance(3600)
    assert cooldown_s(cooldowns, clock) == FIRST_COOLDOWN_S


def test_cooldowns_are_kept_between_runs(clock, tmp_path):
    path = tmp_path / "state" / "cooldowns.json"
    EndpointCooldowns(clock, CooldownFile(path)).failed("a")
    later = EndpointCooldowns(clock, CooldownFile(path))
    assert later.is_active("a")
    assert not later.is_active("b")
    clock.advance(FIRST_COOLDOWN_S + 0.1)
    assert cooldown_s(later, clock) == 2 * FIRST_COOLDOWN_S


def test_a_clock_that_was_set_back_does_not_prolong_a_cooldown(clock, tmp_path):
    path = tmp_path / "cooldowns.json"
    EndpointCooldowns(clock, CooldownFile(path)).failed("a")
    earlier = FakeClock(now=clock.now() - 2 * LONGEST_COOLDOWN_S)
    assert not EndpointCooldowns(earlier, CooldownFile(path)).is_active("a")


def test_a_failure_after_a_clock_was_set_back_starts_a_short_cooldown(clock, tmp_path):
    path = tmp_path / "cooldowns.json"
    EndpointCooldowns(clock, CooldownFile(path)).failed("a")
    earlier = FakeClock(now=clock.now() - 3600)
    assert cooldown_s(EndpointCooldowns(earlier, CooldownFile(path)), earlier) == FIRST_COOLDOWN_S


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
    path = tmp_path / "cooldowns.json"
    path.write_text(content)
    cooldowns = EndpointCooldowns(clock, CooldownFile(path))
    assert not cooldowns.is_active("a")
    cooldowns.failed("a")
    assert EndpointCooldowns(clock, CooldownFile(path)).is_active("a")


def test_the_wait_that_a_server_asks_for_is_its_cooldown_up_to_five_minutes(clock):
    cooldowns = EndpointCooldowns(clock)
    cooldowns.failed("a", at_least_s=3600)
    clock.advance(LONGEST_COOLDOWN_S - 1)
    assert cooldowns.is_active("a")
    clock.advance(2)
    assert not cooldowns.is_active("a")
