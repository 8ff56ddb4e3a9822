from __future__ import annotations

import random

import numpy as np
import pytest

from voicecli.bench.statistics import Summary, percentile


@pytest.mark.parametrize("percent", [0, 1, 50, 95, 99.9, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 20, 101])
def test_percentiles_are_numpy_s(count, percent):
    values = sorted(random.Random(count).uniform(-5, 5) for _ in range(count))
    assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))


def test_a_summary_of_values_in_any_order():
    summary = Summary.of([4.0, 1.0, 3.0, 2.0])
    assert summary == Summary(n=4, mean=2.5, p50=2.5, p95=pytest.approx(3.85), max=4.0)


def test_json_is_rounded():
    assert Summary.of([1 / 3]).to_json() == {
        "n": 1,
        "mean": 0.3333,
        "p50": 0.3333,
        "p95": 0.3333,
        "max": 0.3333,
    }


def test_nothing_comes_to_nothing():
    with pytest.raises(ValueError, match="nothing was measured"):
        Summary.of([])
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)
