"""Many simulated answers: a policy keeps its promises for all of them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicecli.bench.components.policy import (
    RATE_HZ,
    RULES,
    SERVERS,
    PolicySettings,
    cases,
    needed_s,
    paced,
    play_trace,
)
from voicecli.playback.policy import JITTER_S, AdaptivePolicy, BufferPolicy

AUTO = AdaptivePolicy()
FRAME_S = 1 / RATE_HZ
RECORDED = json.loads((Path(__file__).parent / "arrivals.json").read_text())

histories = st.lists(st.floats(0, 3), max_size=12)
traces = st.lists(st.tuples(st.floats(0, 1.5), st.floats(0.002, 1.0)), min_size=1, max_size=60).map(
    lambda steps: [(sum(p for p, _ in steps[: i + 1]), d) for i, (_, d) in enumerate(steps)]
)


def made(count, *, seed=7):
    """Yield ``count`` traces of every kind of server, each with a few past runs."""
    for name, make in SERVERS.items():
        rng = random.Random(f"{name}{seed}")
        for number in range(count):
            past = [needed_s(make(rng)) for _ in range(number % 6)]
            yield name, make(rng), past


def check(trace, policy):
    heard = play_trace(trace, policy)
    first_at, ends_at = trace[0][0], trace[-1][0]
    audio_s = sum(round(duration_s * RATE_HZ) for _, duration_s in trace) / RATE_HZ
    # Pauses have their least length; only the end of input may cut the last one short.
    for gap_s in heard.gaps_s[:-1]:
        assert gap_s >= policy.pause_s - FRAME_S
    if heard.gaps_s and heard.gaps_s[-1] < policy.pause_s - FRAME_S:
        resumed_at = heard.ends_at - (audio_s - heard.resumed_from_s)
        assert resumed_at == pytest.approx(ends_at, abs=2 * FRAME_S)
    # The start waits neither longer than the longest wait nor beyond the end of input.
    enough_at, so_far_s = ends_at, 0.0
    for at, duration_s in trace:
        so_far_s += duration_s
        if so_far_s >= policy.start_s + FRAME_S:
            enough_at = at
            break
    latest_s = max(enough_at - first_at, policy.most_wait_s)
    assert heard.first_s <= min(latest_s, ends_at - first_at) + 2 * FRAME_S
    # All audio was heard, and only pauses were added. If audio arrives just as the last of
    # it ends, less than a frame may lie between them, which is not a gap.
    assert heard.ends_at - first_at == pytest.approx(
        heard.first_s + audio_s + sum(heard.gaps_s), abs=FRAME_S
    )
    return heard


@given(traces, histories)
@example([(0.0, 0.7269673811703115), (0.7269673811703115, 1.0)], [])
def test_promises_hold_whatever_arrives_when(trace, history):
    check(trace, AUTO.with_history(history))


@pytest.mark.no_cover  # thousands of times the same lines
def test_promises_hold_for_many_answers_of_every_kind_of_server():
    for _, trace, past in made(75):
        check(trace, AUTO.with_history(past))


@pytest.mark.parametrize("name", RECORDED)
def test_promises_hold_for_answers_that_were_recorded(name):
    trace = [(at, duration_s) for at, duration_s in RECORDED[name]]
    heard = check(trace, AUTO)
    learned = check(trace, AUTO.with_history([needed_s(trace)] * 3))
    assert len(heard.gaps_s) <= 2
    assert learned.gaps_s == ()
    assert learned.first_s <= AUTO.most_wait_s


@given(traces)
def test_a_policy_that_knows_what_is_needed_plays_without_a_gap(trace):
    known = AUTO.with_history([needed_s(trace)] * 20)
    if known.learned_s < known.most_wait_s and needed_s(trace) > JITTER_S:
        assert play_trace(trace, known).gaps_s == ()


@given(traces)
def test_perfect_knowledge_starts_hardly_earlier(trace):
    least_s = needed_s(trace)
    heard = play_trace(trace, AUTO.with_history([least_s] * 20))
    enough_s = next(
        (at for i, (at, _) in enumerate(trace)
         if sum(d for _, d in trace[: i + 1]) >= AUTO.start_s + FRAME_S),
        trace[-1][0],
    ) - trace[0][0]  # fmt: skip
    assert heard.first_s <= max(enough_s, least_s * AUTO.safety + JITTER_S) + 2 * FRAME_S


@pytest.mark.no_cover  # thousands of times the same lines
def test_jitter_on_the_first_run_makes_at_most_three_gaps_of_which_none_is_a_click():
    rng = random.Random(5)
    for chunk_s in (0.0107, 0.0213, 0.085):
        for _ in range(100):
            gaps_s = play_trace(paced(rng, rate=1.15, late_s=0.2, chunk_s=chunk_s), AUTO).gaps_s
            assert len(gaps_s) <= 3
            assert all(gap_s >= 0.1 for gap_s in gaps_s)


CERTAIN = AdaptivePolicy(late_s=0.0)


@pytest.mark.no_cover  # thousands of times the same lines
@pytest.mark.parametrize("name", ["steady", "barely faster", "jittery"])
def test_an_unknown_server_barely_faster_than_speech_hardly_ever_pauses(name):
    rng, paused, later_s, runs = random.Random(8), 0, [], 150
    for _ in range(runs):
        trace = SERVERS[name](rng)
        heard = play_trace(trace, AUTO)
        paused += bool(heard.gaps_s)
        later_s.append(heard.first_s - play_trace(trace, CERTAIN).first_s)
    assert paused <= runs / 10
    later_s.sort()
    assert later_s[round(0.9 * runs)] <= 0.12


def test_a_fast_server_that_is_not_known_hardly_waits():
    for chunk_s in (0.0213, 0.0853):
        trace = paced(random.Random(1), rate=4.0, chunk_s=chunk_s)
        assert play_trace(trace, AUTO).first_s - play_trace(trace, CERTAIN).first_s <= 0.03
    assert play_trace([(0.0, 0.5), (0.4, 1.0)], AUTO).first_s == 0  # a sentence at a time


@pytest.mark.no_cover  # thousands of times the same lines
def test_jitter_after_five_runs_makes_hardly_a_gap_and_starts_early():
    rng, gaps, firsts_s = random.Random(6), [], []
    for _ in range(60):
        past = [needed_s(SERVERS["jittery"](rng)) for _ in range(5)]
        in_ten = 0
        for _ in range(10):
            trace = SERVERS["jittery"](rng)
            heard = play_trace(trace, AUTO.with_history(past))
            in_ten += len(heard.gaps_s)
            firsts_s.append(heard.first_s)
            past.append(needed_s(trace))
        gaps.append(in_ten)
    assert sum(in_ten > 1 for in_ten in gaps) <= 1
    assert max(firsts_s) < 0.5


@pytest.mark.parametrize("name", ["fast", "steady"])
def test_a_known_steady_server_is_heard_as_early_as_with_60_ms(name):
    trace = SERVERS[name](random.Random(1))
    fixed = play_trace(trace, BufferPolicy.fixed(0.06))
    assert play_trace(trace, AUTO.with_history([0.0] * 3)) == fixed


def test_the_table_has_every_rule_against_every_server_over_the_same_answers():
    made_cases = cases(["fast", "jittery"], PolicySettings(traces=3))
    assert [tuple(case.labels.values()) for case in made_cases] == [
        (server, rule) for server in ("fast", "jittery") for rule in RULES
    ]
    readings = [case.measure() for case in made_cases]
    assert [case.measure() for case in made_cases] == readings
    assert all(len(each["first_ms"]) == len(each["gaps"]) == 3 for each in readings)
    # A larger buffer starts later, as the same traces were played.
    fixed = [sum(each["first_ms"]) for each in readings[5:8]]
    assert fixed == sorted(fixed)


def test_an_end_later_than_the_last_audio_keeps_the_wait():
    trace = [(0.0, 0.03)]
    assert play_trace(trace, AUTO).first_s == 0
    assert play_trace(trace, AUTO, ends_at=0.5).first_s == 0.5
