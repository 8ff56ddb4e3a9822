from __future__ import annotations

import pytest

from voicecli.telemetry.lifecycle import TRANSITIONS, InvalidTransition, Lifecycle, State

# Written down a second time, by hand: the table cannot prove itself.
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


def test_the_table_is_the_contract():
    allowed = {
        State(left.strip()): {State(name) for name in following.split()}
        for left, _, following in (line.partition("→") for line in ALLOWED.strip().splitlines())
    }
    assert allowed == TRANSITIONS


def test_a_session_from_start_to_end():
    lifecycle = Lifecycle()
    assert lifecycle.state is State.IDLE
    for left, following in [
        (State.IDLE, State.CONNECTING),
        (State.CONNECTING, State.BUFFERING),
        (State.BUFFERING, State.PLAYING),
        (State.PLAYING, State.DRAINING),
        (State.DRAINING, State.DONE),
    ]:
        assert not lifecycle.is_final
        assert lifecycle.advance(following) is left
        assert lifecycle.state is following
    assert lifecycle.is_final


@pytest.mark.parametrize("ending", [State.CANCELLED, State.FAILED])
def test_nothing_follows_a_final_state(ending):
    lifecycle = Lifecycle()
    lifecycle.advance(ending)
    assert lifecycle.is_final
    with pytest.raises(InvalidTransition, match=f"{ending.name} .* CONNECTING"):
        lifecycle.advance(State.CONNECTING)
    assert lifecycle.state is ending
