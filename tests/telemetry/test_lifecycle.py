from __future__ import annotations

import pytest

from voicecli.telemetry.lifecycle import FINAL, TRANSITIONS, InvalidTransition, Lifecycle, State

# Written down a second time, by hand: the table is the contract, not its own proof.
ALLOWED = """
    idle        → connecting cancelled failed
    connecting  → buffering draining cancelled failed
    buffering   → playing draining cancelled failed
    playing     → rebuffering draining cancelled failed
    rebuffering → playing draining cancelled failed
    draining    → done cancelled failed
    done        →
    cancelled   →
    failed      →
"""
FOLLOWERS = {
    left.strip(): following.split()
    for left, _, following in (line.partition("→") for line in ALLOWED.strip().splitlines())
}


def at(state):
    lifecycle = Lifecycle()
    lifecycle._state = state
    return lifecycle


@pytest.mark.parametrize("left", State, ids=lambda state: state.value)
@pytest.mark.parametrize("following", State, ids=lambda state: state.value)
def test_every_pair_of_states(left, following):
    lifecycle = at(left)
    if following.value in FOLLOWERS[left.value]:
        assert lifecycle.advance(following) is left
        assert lifecycle.state is following
    else:
        with pytest.raises(InvalidTransition, match=f"{left.name} .* {following.name}"):
            lifecycle.advance(following)
        assert lifecycle.state is left


def test_the_table_knows_every_state():
    assert set(TRANSITIONS) == set(State)
    assert {state.value for state in State} == set(FOLLOWERS)


def test_it_starts_idle():
    assert Lifecycle().state is State.IDLE
    assert not Lifecycle().is_final


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_final_is_where_nothing_follows(state):
    assert at(state).is_final is (state in FINAL) is (not FOLLOWERS[state.value])


@pytest.mark.parametrize("state", set(State) - FINAL, ids=lambda state: state.value)
def test_every_state_can_be_left_for_good(state):
    for ending in (State.CANCELLED, State.FAILED):
        assert at(state).advance(ending) is state
