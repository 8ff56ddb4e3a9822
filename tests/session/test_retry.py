from __future__ import annotations

import pytest

from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    DecodeError,
    NetworkError,
    RateLimited,
    SourceTimeout,
)
from voicecli.session.retry import Attempt, GiveUp, Retry, RetryPolicy

RETRYABLE = NetworkError("reset", retryable=True)


def asks_to_wait(seconds):
    return RateLimited("429", retry_after_s=seconds)


@pytest.mark.parametrize(
    ("fault", "attempts", "decision"),
    [
        # each wait is twice as long as the one before
        (RETRYABLE, 1, Retry(0.5)),
        (RETRYABLE, 2, Retry(1.0)),
        (RETRYABLE, 3, Retry(2.0)),
        (RETRYABLE, 4, GiveUp()),
        # what the server asks for takes precedence, up to a limit
        (asks_to_wait(7.0), 1, Retry(7.0)),
        (asks_to_wait(7.0), 3, Retry(7.0)),
        (asks_to_wait(7.0), 4, GiveUp()),
        (asks_to_wait(0.0), 1, Retry(0.0)),
        (asks_to_wait(None), 2, Retry(1.0)),
        (asks_to_wait(60.0), 1, Retry(60.0)),
        (asks_to_wait(60.5), 1, GiveUp()),
        (asks_to_wait(float("inf")), 1, GiveUp()),
        # what would fail again
        (AuthError("no"), 1, GiveUp()),
        (NetworkError("refused"), 1, GiveUp()),
        (BadResponse("400"), 1, GiveUp()),
        (ConfigError("no"), 1, GiveUp()),
        (DecodeError("noise"), 1, GiveUp()),
        (SourceTimeout("sent nothing for 60 s"), 1, GiveUp()),
    ],
)
def test_the_fault_and_the_attempts_so_far_decide(fault, attempts, decision):
    policy = RetryPolicy(retries=3, longest_wait_s=60.0)
    assert policy.decide(fault, Attempt(attempts)) == decision


def test_nothing_is_repeated_once_audio_arrived():
    assert RetryPolicy().decide(RETRYABLE, Attempt(1, has_audio=True)) == GiveUp()


def test_without_retries_the_first_fault_is_final():
    assert RetryPolicy(retries=0).decide(RETRYABLE, Attempt(1)) == GiveUp()


@pytest.mark.parametrize("fault", [RETRYABLE, SourceTimeout("no answer", retryable=True)])
def test_a_server_that_cannot_be_reached_is_not_asked_again_if_there_is_another(fault):
    assert RetryPolicy().decide(fault, Attempt(1, has_next=True)) == GiveUp()


def test_a_server_that_asks_to_wait_is_asked_again_though_there_is_another():
    assert RetryPolicy().decide(asks_to_wait(1.0), Attempt(1, has_next=True)) == Retry(1.0)


def test_a_server_that_has_answered_before_may_take_ten_seconds_to_come_back():
    policy = RetryPolicy(retries=1)
    waits, failing_s = [], 0.0
    while isinstance(
        decision := policy.decide(RETRYABLE, Attempt(len(waits) + 1, failing_s, was_reached=True)),
        Retry,
    ):
        waits.append(decision.wait_s)
        failing_s += decision.wait_s
    assert waits == [0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert RetryPolicy(retries=0).decide(RETRYABLE, Attempt(1, was_reached=True)) == GiveUp()


def test_a_server_that_answered_before_may_refuse_connections_for_a_while():
    refused = NetworkError("nothing listens")
    assert RetryPolicy().decide(refused, Attempt(1)) == GiveUp()
    assert RetryPolicy().decide(refused, Attempt(1, was_reached=True)) == Retry(0.5)


@pytest.mark.parametrize(("has_next", "follows"), [(False, Retry(30.0)), (True, GiveUp())])
def test_a_long_wait_is_not_worth_it_if_there_is_another_endpoint(has_next, follows):
    fault = RateLimited("wait", retry_after_s=30.0)
    assert RetryPolicy().decide(fault, Attempt(1, has_next=has_next)) == follows


def test_a_refusal_for_earlier_requests_under_way_uses_up_no_retry():
    policy = RetryPolicy(retries=0)
    busy = RateLimited("busy")
    assert policy.decide(busy, Attempt(9)) == GiveUp()
    assert policy.decide(busy, Attempt(1, is_crowded=True)) == Retry(0.5)
    assert policy.decide(busy, Attempt(9, is_crowded=True, has_next=True)) == Retry(2.0)
    assert policy.decide(asks_to_wait(1e3), Attempt(1, is_crowded=True)) == GiveUp()
