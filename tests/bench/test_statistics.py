from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest

from voicecli.bench.statistics import (
    Interval,
    Summary,
    _mann_whitney,
    median_interval,
    percentile,
    shift,
)


@pytest.mark.parametrize("count", [1, 2, 3, 20, 101])
def test_percentiles_agree_with_numpy(count):
    chance = random.Random(count)
    values = sorted(chance.uniform(-5, 5) for _ in range(count))
    percents = [0, 1, 50, 95, 99.9, 100]
    ours = [percentile(values, percent) for percent in percents]
    assert ours == pytest.approx(np.percentile(values, percents))


def test_a_summary_of_values_in_any_order():
    summary = Summary.of([4.0, 1.0, 3.0, 2.0])
    assert summary == Summary(n=4, mean=2.5, p50=2.5, p95=pytest.approx(3.85), max=4.0)


def test_the_99th_percentile_needs_a_hundred_values():
    values = [float(value) for value in range(100)]
    assert Summary.of(values[:99]).p99 is None
    assert Summary.of(values).p99 == pytest.approx(98.01)


def test_json_is_rounded():
    assert Summary.of([1 / 3]).to_json() == {
        "n": 1,
        "mean": 0.3333,
        "p50": 0.3333,
        "p95": 0.3333,
        "max": 0.3333,
        "p99": None,
        "ci95": None,
    }
    assert Summary.of([1 / 3] * 6).to_json()["ci95"] == [0.3333, 0.3333]


@pytest.mark.parametrize(
    ("count", "dropped"),
    # Conover 1999, table A3: the greatest k with P(Bin(n, 1/2) < k) <= 0.025.
    [
        (1, 0),
        (5, 0),
        (6, 1),
        (8, 1),
        (9, 2),
        (12, 3),
        (15, 4),
        (20, 6),
        (25, 8),
        (80, 31),
        (400, 180),
        (2000, 956),
    ],
)
def test_the_interval_of_the_median_agrees_with_tables(count, dropped):
    interval = median_interval([float(value) for value in range(1, count + 1)])
    assert interval == (Interval(dropped, count + 1 - dropped) if dropped else None)


@pytest.mark.parametrize("count", [6, 9, 17, 200])
def test_the_interval_contains_the_median_as_often_as_claimed(count):
    rng = random.Random(count)
    samples = [sorted(rng.expovariate(1.0) for _ in range(count)) for _ in range(2000)]
    held = sum(low <= math.log(2) <= high for low, high in map(median_interval, samples))
    assert held / len(samples) > 0.94


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (4, 4), (3, 5)])
def test_the_orders_of_every_u_are_counted(m, n):
    places = range(m + n)
    found = Counter(
        sum(1 for a in chosen for b in places if b not in chosen and b < a)
        for chosen in itertools.combinations(places, m)
    )
    assert _mann_whitney(m, n) == tuple(found[u] for u in range(m * n + 1))


@pytest.mark.parametrize(
    ("m", "n", "dropped"),
    # Tables of Mann and Whitney's U, two-sided 0.05: critical values 0, 2, 23, 127; 3 have none.
    [(3, 3, 0), (4, 4, 1), (5, 5, 3), (10, 10, 24), (20, 20, 128)],
)
def test_the_interval_of_a_shift_agrees_with_tables(m, n, dropped):
    before = [float(value) for value in range(m)]
    after = [100.0 * value for value in range(n)]
    differences = sorted(b - a for a in before for b in after)
    interval = shift(before, after).interval
    if dropped:
        assert interval == Interval(differences[dropped - 1], differences[-dropped])
    else:
        assert interval is None


def test_a_shift_is_found_only_if_there_is_one():
    before = [200.0, 203.0, 199.0, 207.0, 201.0]
    slower = shift(before, [value + 40 for value in before])
    assert slower.estimate == pytest.approx(40)
    assert slower.interval.low > 0
    same = shift(before, before[::-1])
    assert same.estimate == 0
    assert same.interval.low < 0 < same.interval.high


@pytest.mark.parametrize(("m", "n"), [(5, 5), (8, 12), (60, 50)])
def test_the_interval_contains_the_shift_as_often_as_claimed(m, n):
    rng = random.Random(m)
    held = 0
    for _ in range(400):
        before = [rng.gauss(0, 1) for _ in range(m)]
        after = [rng.gauss(2, 1) for _ in range(n)]
        low, high = shift(before, after).interval
        held += low <= 2 <= high
    assert held / 400 > 0.92


@pytest.mark.parametrize("measured", [lambda: Summary.of([]), lambda: percentile([], 50)])
def test_no_values_are_an_error(measured):
    with pytest.raises(ValueError, match="nothing was measured"):
        measured()


@pytest.mark.parametrize(("before", "after"), [([], [1.0]), ([1.0], [])])
def test_an_empty_sample_is_an_error(before, after):
    with pytest.raises(ValueError, match="nothing was measured"):
        shift(before, after)
