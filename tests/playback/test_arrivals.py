from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.arrivals import Arrivals, Progress


def arrivals(*blocks):
    made = Arrivals()
    for at, duration_s in blocks:
        made.add(at, duration_s)
    return made


# Times are sums of powers of two, so that every figure below is exact.
@pytest.mark.parametrize(
    ("blocks", "needed_s"),
    [
        ([(7.0, 1.0)], 0.0),
        ([(7.0, 1.0), (7.0, 1.0)], 0.0),
        ([(7.0, 1.0), (8.0, 1.0)], 0.0),
        ([(7.0, 1.0), (8.25, 1.0)], 0.25),
        # a faster second half does not undo what the first half needed
        ([(0.0, 0.5), (1.0, 0.5), (1.125, 5.0)], 0.5),
        # half of real time: block n comes at n and is needed at n / 2
        ([(float(n), 0.5) for n in range(5)], 2.0),
        # the gap grows with every block that is late
        ([(0.0, 1.0), (1.5, 1.0), (4.0, 1.0)], 2.0),
    ],
)
def test_needed_prebuffer(blocks, needed_s):
    assert arrivals(*blocks).needed_prebuffer_s == needed_s


def test_without_arrivals_nothing_is_needed():
    assert Arrivals().needed_prebuffer_s is None
    assert Arrivals().audio_s == 0.0
    assert Arrivals().starvation(5.0) == []


def test_audio_is_summed():
    assert arrivals((0.0, 0.5), (9.0, 0.25)).audio_s == 0.75


@pytest.mark.parametrize(
    ("started_at", "gaps"),
    [
        (None, []),
        (0.0, [(1.0, 0.5), (2.0, 1.5)]),
        (
            0.25,
            [(1.0, 0.25), (2.0, 1.5)],
        ),  # the same arrivals need 2.0 s to be heard without a gap
        (1.0, [(2.0, 1.0)]),
        (1.75, [(2.0, 0.25)]),
        (2.0, []),
        (9.0, []),
    ],
)
def test_starvation_of_a_perfect_player(started_at, gaps):
    blocks = [(0.0, 1.0), (1.5, 1.0), (4.0, 1.0)]
    assert arrivals(*blocks).starvation(started_at) == gaps


def test_the_wait_for_the_first_block_is_not_a_gap():
    assert arrivals((5.0, 1.0), (5.5, 1.0)).starvation(2.0) == []


steps = st.tuples(st.integers(0, 64), st.integers(1, 64))


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 2)), min_size=1, max_size=20),
    st.floats(0, 1e6),
)
def test_progress_agrees_with_arrivals(steps, began_at):
    arrived, at, progress = Arrivals(), began_at, None
    for pause_s, duration_s in steps:
        at += pause_s
        arrived.add(at, duration_s)
        progress = progress.after(at, duration_s) if progress else Progress.begin(at, duration_s)
        assert max(0.0, progress.needed_s) == pytest.approx(arrived.needed_prebuffer_s)
        assert progress.audio_s == pytest.approx(arrived.audio_s)
        assert (progress.first_at, progress.latest_at) == (began_at + steps[0][0], at)


def test_progress_tells_how_early_the_tightest_piece_came():
    progress = Progress.begin(5.0, 0.5)
    assert progress.needed_s == -0.5
    assert progress.after(5.25, 0.5).needed_s == -0.25
    assert progress.after(5.25, 0.5).after(5.5, 0.5).needed_s == -0.25
    assert progress.after(5.75, 0.5).needed_s == 0.25


def test_the_next_piece_is_expected_at_the_rate_of_those_before():
    progress = Progress.begin(5.0, 0.5)
    assert progress.next_needed_s == -0.5  # nothing is known
    assert progress.after(5.25, 0.5).next_needed_s == 0.25 + 0.25 - 1.0


def test_the_rate_excludes_the_first_arrival():
    progress = Progress.begin(5.0, 10.0)
    assert progress.rate == float("inf")
    assert progress.after(7.0, 3.0).rate == 1.5


@given(st.lists(steps, min_size=1, max_size=30))
def test_the_needed_prebuffer_is_the_least_without_a_gap(pieces):
    """Sixty-fourths of a second, so that sums are exact."""
    made, at = Arrivals(), 100.0
    for wait, length in pieces:
        at += wait / 64
        made.add(at, length / 64)
    first_at = 100.0 + pieces[0][0] / 64
    needed_s = made.needed_prebuffer_s
    assert made.starvation(first_at + needed_s) == []
    if needed_s:
        assert made.starvation(first_at + needed_s - 1 / 64) != []


def test_when_the_audio_at_a_position_arrived():
    made = arrivals((5.0, 1.0), (7.0, 0.5))
    assert [made.arrived_at(s) for s in (0.0, 0.9, 1.0, 1.4, 1.5)] == [5.0, 5.0, 7.0, 7.0, None]


def test_blocks_as_they_were_added():
    arrivals = Arrivals()
    arrivals.add(1.0, 0.5)
    arrivals.add(2.0, 0.25)
    assert list(arrivals) == [(1.0, 0.5), (2.0, 0.25)]
