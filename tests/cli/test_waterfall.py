from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.cli.waterfall import lines
from voicecli.telemetry import waterfall

PARTS = dict(zip(waterfall.PARTS, (10.0, 0.0, 200.0, 5.0, 60.0, 25.0, 0.0), strict=True))


def test_one_bar_and_what_its_fills_mean():
    bar, legend = lines(PARTS, width=30)
    assert bar == "[##::::::::::::::::::-++++++...] 300 ms to the first audible sound"
    assert legend == "# connect 10  : first byte 200  - first frame 5  + prebuffer 60  . device 25"


@given(st.lists(st.floats(0, 1e5), min_size=7, max_size=7).filter(any), st.integers(7, 80))
def test_the_bar_has_its_width_and_every_part_a_cell(values, width):
    parts = dict(zip(waterfall.PARTS, values, strict=True))
    bar = lines(parts, width)[0]
    inside = bar[1 : bar.index("]")]
    assert len(inside) == width
    assert len(set(inside)) == sum(value > 0 for value in values)


def test_nothing_at_all_is_an_empty_bar():
    assert lines(dict.fromkeys(waterfall.PARTS, 0.0)) == [
        "[] 0 ms to the first audible sound",
        "",
    ]


@pytest.mark.parametrize("ms", [0.1, 1e5])
def test_a_single_part_fills_it(ms):
    assert lines({"connect": ms}, width=5)[0].startswith("[#####]")
