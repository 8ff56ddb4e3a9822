from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.page.runs import jittery, silent, speech_run, steady
from tests.session.fakes import FakeClock, ScriptedSource, sound
from voicecli.bench.page.curves import Curves, Gap, median_run, thinned, worst_run
from voicecli.bench.simulate import simulate
from voicecli.bench.speech import SpeechRun
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy

ROUNDING_S = 0.003
"""Times and positions are rounded to 0.1 ms; the errors of gaps add up."""


def run(arrivals, *, ttfa_ms, playback_ms, events=()):
    sink = {"total_ms": sum(e["ms"] for e in events), "events": list(events)}
    metrics = {"ttfa_ms": ttfa_ms, "playback_ms": playback_ms, "underruns": {"sink": sink}}
    return SpeechRun(metrics, tuple(arrivals))


STALLED = run(
    [(100, 0.5), (200, 1.0), (1500, 2.0)],
    ttfa_ms=250,
    playback_ms=2550,
    events=[{"at_s": 1.0, "ms": 300, "cause": "network"}],
)


def test_the_curves_of_a_stall():
    curves = Curves.of(STALLED)
    assert curves.gaps == (Gap(1.25, 0.3, 1.0, "network"),)
    assert curves.gaps[0].ends_s == 1.55
    assert curves.decoded == (
        (0, 0), (0.1, 0), (0.1, 0.5), (0.2, 0.5), (0.2, 1), (1.5, 1), (1.5, 2), (2.55, 2),
    )  # fmt: skip
    assert curves.heard == ((0.25, 0), (1.25, 1), (1.55, 1), (2.55, pytest.approx(2)))
    assert curves.level == tuple(
        (at, pytest.approx(level))
        for at, level in [
            (0, 0), (0.1, 0), (0.1, 0.5), (0.2, 0.5), (0.2, 1), (0.25, 1), (1.25, 0),
            (1.5, 0), (1.5, 1), (1.55, 1), (2.55, 0),
        ]
    )  # fmt: skip
    assert curves.ends_s == 2.55


def test_gaps_are_sorted_and_delay_those_after_them():
    events = [
        {"at_s": 1.5, "ms": 100, "cause": "decoder"},
        *STALLED.metrics["underruns"]["sink"]["events"],
    ]
    curves = Curves.of(run(STALLED.arrivals, ttfa_ms=250, playback_ms=2650, events=events))
    assert [(gap.began_s, gap.cause) for gap in curves.gaps] == [
        (1.25, "network"),
        (pytest.approx(2.05), "decoder"),
    ]


def test_a_run_that_was_not_heard_has_only_arrivals():
    curves = Curves.of(run([(100, 0.5)], ttfa_ms=None, playback_ms=None))
    assert curves.heard == curves.gaps == ()
    assert curves.level == ((0, 0), (0.1, 0), (0.1, 0.5))
    assert curves.ends_s == 0.1


def test_an_empty_run():
    assert Curves.of(silent()) == Curves((), (), (), ())
    assert Curves.of(silent()).ends_s == 0


def test_without_arrivals_there_is_no_level():
    curves = Curves.of(replace(STALLED, arrivals=()))
    assert curves.decoded == curves.level == ()
    assert (curves.heard, curves.gaps) == (Curves.of(STALLED).heard, Curves.of(STALLED).gaps)


def test_a_run_cut_short_in_a_gap_ends_there():
    cut = replace(STALLED, metrics=dict(STALLED.metrics) | {"playback_ms": 1400})
    assert Curves.of(cut).heard == ((0.25, 0), (1.25, 1), (1.4, 1), (1.4, 1))
    assert Curves.of(cut).level[-1] == (1.4, 0)


def test_a_run_cut_short_before_a_gap_does_not_reach_it():
    cut = replace(STALLED, metrics=dict(STALLED.metrics) | {"playback_ms": 1000})
    assert Curves.of(cut).heard == ((0.25, 0), (1.0, 0.75))


def test_simultaneous_blocks_are_one_step_of_the_level():
    curves = Curves.of(run([(100, 0.5), (100, 1.0)], ttfa_ms=100, playback_ms=1100))
    assert curves.level[1:] == ((0.1, 0), (0.1, 1), (1.1, pytest.approx(0)))


traces = st.lists(st.tuples(st.floats(0, 1.5), st.floats(0.002, 1.0)), min_size=1, max_size=60).map(
    lambda steps: [(sum(p for p, _ in steps[: i + 1]), d) for i, (_, d) in enumerate(steps)]
)
policies = st.sampled_from([AdaptivePolicy(), BufferPolicy.fixed(0), BufferPolicy.fixed(0.3)])


def test_a_real_run_through_decoder_policy_and_sink():
    clock = FakeClock()
    steps = [0.2, sound(0.5), 0.1, sound(0.5), 1.9, sound(1.0)]
    source = ScriptedSource(steps, clock=clock)
    curves = Curves.of(simulate(source, clock=clock, policy=AdaptivePolicy()))
    assert [gap.at_s for gap in curves.gaps] == [1.0]
    (first_s, _), (began_s, at_s), (resumed_s, _), (ends_s, heard_s) = curves.heard
    assert (first_s, began_s, at_s) == pytest.approx((0.2, 1.2, 1.0))
    assert resumed_s == pytest.approx(2.2)
    assert (ends_s, heard_s) == pytest.approx((3.2, 2.0))
    assert curves.level[-1] == pytest.approx((3.2, 0.0))
    assert max(level for _, level in curves.level) == pytest.approx(1.0)


def value(curve, at):
    """Evaluate a curve at a moment, after its jump if it has one there."""
    later = next((i for i, (t, _) in enumerate(curve) if t > at), len(curve))
    if later == 0:
        return 0.0
    (t0, v0), (t1, v1) = curve[later - 1], curve[min(later, len(curve) - 1)]
    return v0 if t1 <= t0 else v0 + (v1 - v0) * (at - t0) / (t1 - t0)


@given(traces, policies, st.floats(0, 1))
def test_the_level_is_decoded_minus_heard(trace, policy, part):
    curves = Curves.of(speech_run(trace, policy=policy))
    at = part * curves.ends_s
    expected = value(curves.decoded, at) - value(curves.heard, at)
    assert value(curves.level, at) == pytest.approx(expected, abs=1e-6)


@given(traces, policies)
def test_audio_is_heard_after_it_arrived_and_completely(trace, policy):
    result = speech_run(trace, policy=policy)
    curves = Curves.of(result)
    audio_s = result.metrics["audio_s"]
    assert min(level for _, level in curves.level) > -ROUNDING_S - 1e-4 * len(curves.gaps)
    assert curves.level[-1][1] == pytest.approx(0, abs=ROUNDING_S + 1e-4 * len(curves.gaps))
    assert curves.decoded[-1][1] == audio_s
    assert curves.heard[-1][1] == pytest.approx(audio_s, abs=ROUNDING_S + 1e-4 * len(curves.gaps))
    for curve in (curves.decoded, curves.heard, curves.level):
        times = [at for at, _ in curve]
        assert times == sorted(times)
    for gap in curves.gaps:
        assert value(curves.heard, gap.began_s) == value(curves.heard, gap.ends_s)
        near = [v for at, v in curves.level if abs(at - gap.began_s) <= ROUNDING_S]
        assert min(near) == pytest.approx(0, abs=ROUNDING_S + 1e-4 * len(curves.gaps))


points = st.lists(st.tuples(st.floats(0, 100), st.floats(-5, 5)), max_size=2000).map(
    lambda lines: tuple(sorted(lines, key=lambda point: point[0]))
)


@given(points, st.integers(1, 30))
def test_a_thinned_curve_is_short_and_keeps_its_ends_and_extremes(curve, columns):
    thin = thinned(curve, columns)
    assert len(thin) <= 4 * (columns + 1)
    assert set(thin) <= set(curve)
    if curve:
        assert (thin[0], thin[-1]) == (curve[0], curve[-1])
        values, kept = [v for _, v in curve], [v for _, v in thin]
        assert (min(kept), max(kept)) == (min(values), max(values))


def test_every_valley_is_kept():
    saw = tuple((at / 1000, at % 7 / 7 if at % 500 else -1.0) for at in range(5000))
    thin = thinned(saw, 50)
    assert [at for at, level in thin if level == -1.0] == [at for at, level in saw if level == -1.0]
    assert len(thin) <= 200


def test_a_short_curve_is_not_thinned():
    curves = Curves.of(STALLED)
    assert curves.thinned() == curves


def test_a_curve_of_one_moment_is_thinned():
    assert thinned(((1.0, 3.0), (1.0, 5.0), (1.0, -1.0), (1.0, 4.0), (1.0, 2.0)), 1) == (
        (1.0, 3.0), (1.0, 5.0), (1.0, -1.0), (1.0, 2.0),
    )  # fmt: skip


def heard_after(*ttfas_ms):
    return [run([], ttfa_ms=ttfa_ms, playback_ms=None) for ttfa_ms in ttfas_ms]


@pytest.mark.parametrize(
    ("ttfas_ms", "middle_ms"),
    [([5], 5), ([9, 1, 5], 5), ([9, 1, 5, 7], 5), ([9, None, 1], 1)],
)
def test_the_median_run(ttfas_ms, middle_ms):
    assert median_run(heard_after(*ttfas_ms)).metrics["ttfa_ms"] == middle_ms


def test_without_runs_there_is_no_median_run():
    assert median_run([]) is None
    assert median_run([silent()]) is None


def test_the_worst_run_has_the_most_silence():
    assert worst_run([]) is None
    assert worst_run([steady(1), steady(2)]) is None
    assert worst_run([steady(1), STALLED, jittery(1, policy=BufferPolicy.fixed(0.0))]) is not None
    assert worst_run([steady(1), STALLED]) is STALLED
