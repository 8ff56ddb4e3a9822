from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from voicecli.server.fault_injection import FOREVER, FaultPlan, Script

RATE_HZ = 1000


def planned(stretches, **how):
    """Pieces of stretches of (bytes, frames), and whether the rest was cut."""
    script = Script(FaultPlan(**how), RATE_HZ)
    pieces = []
    for size, frames in stretches:
        pieces += script.feed(bytes(size), frames)
        if script.is_cut:
            break
    return [(len(piece.data), piece.due_s) for piece in pieces], script.is_cut


def test_good_behaviour_is_what_there_is_at_once():
    assert planned([(10, 100), (20, 100)]) == ([(10, 0.0), (20, 0.0)], False)


def test_nothing_to_send_is_nothing_to_send():
    assert planned([(0, 0)], chunk_bytes=5, cut_at_s=1.0) == ([], False)


def test_pieces_have_the_size_asked_for():
    assert planned([(10, 100)], chunk_bytes=4) == ([(4, 0.0), (4, 0.0), (2, 0.0)], False)


def test_pace_sends_sound_when_it_is_due():
    pieces, _ = planned([(10, 500), (10, 500)], pace=2.0, chunk_bytes=5)
    assert pieces == [(5, 0.0), (5, 0.125), (5, 0.25), (5, 0.375)]


def test_headers_without_sound_are_due_at_once():
    assert planned([(44, 0), (10, 500)], pace=1.0)[0] == [(44, 0.0), (10, 0.0)]


def test_a_stall_is_before_its_second_and_once():
    pieces, _ = planned([(10, 1000), (10, 1000)], stall_at_s=0.3, stall_s=5.0)
    assert pieces == [(3, 0.0), (7, 5.0), (10, 5.0)]


def test_a_stall_moves_what_is_paced_after_it():
    pieces, _ = planned([(10, 1000), (10, 1000)], stall_at_s=1.0, stall_s=5.0, pace=1.0)
    assert pieces == [(10, 0.0), (10, 6.0)]


def test_a_stall_may_be_for_ever():
    pieces, _ = planned([(10, 1000)], stall_at_s=0.0)
    assert pieces == [(10, FOREVER)]


def test_a_cut_is_at_the_byte():
    assert planned([(10, 1000), (10, 1000)], cut_at_s=1.5) == ([(10, 0.0), (5, 0.0)], True)
    assert planned([(10, 1000), (10, 1000)], cut_at_s=1.0) == ([(10, 0.0)], True)
    assert planned([(10, 1000)], cut_at_s=0.0) == ([], True)
    assert planned([(10, 1000)], cut_at_s=1.0) == ([(10, 0.0)], False)


def test_jitter_is_late_within_its_bound_and_the_same_every_time():
    how = {"pace": 1.0, "jitter_s": 0.2, "chunk_bytes": 1}
    pieces, _ = planned([(50, 5000)], **how)
    assert planned([(50, 5000)], **how)[0] == pieces
    late = [due - at / 10 for at, (_, due) in enumerate(pieces)]
    assert all(0 <= lateness <= 0.2 for lateness in late)
    assert max(late) > 0.1 > min(late)


seconds = st.none() | st.floats(0, 3)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1000)), max_size=5),
    seconds, seconds, st.none() | st.floats(0.1, 10), st.none() | st.integers(1, 20),
    st.floats(0, 1),
)  # fmt: skip
def test_all_is_sent_in_order_up_to_the_cut(stretches, stall, cut, pace, chunk, jitter):
    pieces, was_cut = planned(
        stretches, stall_at_s=stall, stall_s=1.0, cut_at_s=cut, pace=pace, chunk_bytes=chunk,
        jitter_s=jitter,
    )  # fmt: skip
    sizes = [size for size, _ in pieces]
    dues = [due for _, due in pieces]
    total = sum(size for size, _ in stretches)
    assert all(size > 0 for size in sizes)
    assert max(sizes, default=0) <= (chunk or math.inf)
    assert dues == sorted(dues)
    assert sum(sizes) == total or (was_cut and sum(sizes) < total)
