from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from voicecli.server.fault_injection import FOREVER, FaultPlan, FaultSchedule

RATE_HZ = 1000


def scheduled(chunks, **plan):
    """The writes for chunks of (bytes, frames) as (bytes, due), and whether the rest was cut."""
    schedule = FaultSchedule(FaultPlan(**plan), RATE_HZ)
    writes = []
    for size, frames in chunks:
        writes += schedule.feed(bytes(size), frames)
        if schedule.is_cut:
            break
    return [(len(data), due_s) for data, due_s in writes], schedule.is_cut


def test_without_faults_everything_is_sent_at_once():
    assert scheduled([(10, 100), (20, 100)]) == ([(10, 0.0), (20, 0.0)], False)


def test_an_empty_chunk_has_no_writes():
    assert scheduled([(0, 0)], chunk_bytes=5, cut_at_s=1.0) == ([], False)


def test_writes_have_the_requested_size():
    assert scheduled([(10, 100)], chunk_bytes=4) == ([(4, 0.0), (4, 0.0), (2, 0.0)], False)


def test_pace_spreads_audio_over_time():
    writes, _ = scheduled([(10, 500), (10, 500)], pace=2.0, chunk_bytes=5)
    assert writes == [(5, 0.0), (5, 0.125), (5, 0.25), (5, 0.375)]


def test_headers_are_due_at_once():
    assert scheduled([(44, 0), (10, 500)], pace=1.0)[0] == [(44, 0.0), (10, 0.0)]


def test_a_stall_comes_once_before_its_position():
    writes, _ = scheduled([(10, 1000), (10, 1000)], stall_at_s=0.3, stall_s=5.0)
    assert writes == [(3, 0.0), (7, 5.0), (10, 5.0)]


def test_a_stall_delays_paced_audio_after_it():
    writes, _ = scheduled([(10, 1000), (10, 1000)], stall_at_s=1.0, stall_s=5.0, pace=1.0)
    assert writes == [(10, 0.0), (10, 6.0)]


def test_a_stall_may_last_forever():
    writes, _ = scheduled([(10, 1000)], stall_at_s=0.0)
    assert writes == [(10, FOREVER)]


def test_a_cut_is_exact_to_the_byte():
    assert scheduled([(10, 1000), (10, 1000)], cut_at_s=1.5) == ([(10, 0.0), (5, 0.0)], True)
    assert scheduled([(10, 1000), (10, 1000)], cut_at_s=1.0) == ([(10, 0.0)], True)
    assert scheduled([(10, 1000)], cut_at_s=0.0) == ([], True)
    assert scheduled([(10, 1000)], cut_at_s=1.0) == ([(10, 0.0)], False)


def test_jitter_is_bounded_and_repeatable():
    plan = {"pace": 1.0, "jitter_s": 0.2, "chunk_bytes": 1}
    writes, _ = scheduled([(50, 5000)], **plan)
    assert scheduled([(50, 5000)], **plan)[0] == writes
    delays = [due - at / 10 for at, (_, due) in enumerate(writes)]
    assert all(0 <= delay <= 0.2 for delay in delays)
    assert max(delays) > 0.1 > min(delays)


seconds = st.none() | st.floats(0, 3)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1000)), max_size=5),
    seconds, seconds, st.none() | st.floats(0.1, 10), st.none() | st.integers(1, 20),
    st.floats(0, 1),
)  # fmt: skip
def test_everything_is_sent_in_order_up_to_the_cut(chunks, stall, cut, pace, chunk, jitter):
    writes, was_cut = scheduled(
        chunks, stall_at_s=stall, stall_s=1.0, cut_at_s=cut, pace=pace, chunk_bytes=chunk,
        jitter_s=jitter,
    )  # fmt: skip
    sizes = [size for size, _ in writes]
    dues = [due for _, due in writes]
    total = sum(size for size, _ in chunks)
    assert all(size > 0 for size in sizes)
    assert max(sizes, default=0) <= (chunk or math.inf)
    assert dues == sorted(dues)
    assert sum(sizes) == total or (was_cut and sum(sizes) < total)
