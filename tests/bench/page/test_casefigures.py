from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from tests.bench.page.figures import draw, shapes, texts, tooltips, width
from voicecli.bench.page import casefigures
from voicecli.bench.page.drawing import WIDTH_PX
from voicecli.bench.statistics import percentile

PARTS = {"connect": 2.5, "first_byte": 197.5, "prebuffer": 0.0, "silence": 200.0}


def test_parts_stand_end_to_end_at_their_lengths():
    root = draw(casefigures.waterfall, [("opus", PARTS)])
    lengths = [width(shapes(root, f"part-{place}")[0]) for place in range(1, 5)]
    assert sum(lengths) == pytest.approx(WIDTH_PX - 36, abs=0.1)
    assert lengths == pytest.approx([ms * sum(lengths) / 400 for ms in PARTS.values()], abs=0.01)
    begins = [min(shapes(root, f"part-{place}")[0])[0] for place in (1, 2, 4)]
    assert begins == pytest.approx([18, 18 + lengths[0], 18 + lengths[0] + lengths[1]], abs=0.01)


def test_a_part_has_a_tooltip_and_its_number_if_there_is_room():
    root = draw(casefigures.waterfall, [("opus <1>", PARTS)])
    assert texts(root)[-4:] == ["opus <1>", "400 ms", "2", "4"]
    assert tooltips(root) == [
        "opus <1>: connect 2.5 ms",
        "opus <1>: first byte 198 ms",
        "opus <1>: prebuffer 0 ms",
        "opus <1>: silence 200 ms",
    ]


def test_cases_share_one_axis():
    half = {part: ms / 2 for part, ms in PARTS.items()}
    root = draw(casefigures.waterfall, [("a", PARTS), ("b", half)])
    first, second = shapes(root, "part-4")
    assert width(first) == pytest.approx(2 * width(second), abs=0.01)
    assert second[0][1] > first[0][1]


def test_a_wait_of_zero():
    assert "0 ms" in texts(draw(casefigures.waterfall, [("a", dict.fromkeys(PARTS, 0.0))]))


def test_a_title_that_fits_stays_whole():
    title = "opus · http://localhost:8880/v1"
    assert title in texts(draw(casefigures.waterfall, [(title, PARTS)]))


@pytest.mark.parametrize(
    "title", ["opus · https://speech.example.org:8443/some/path/v1", "日本" * 30]
)
def test_a_long_title_keeps_both_ends_and_leaves_room_for_the_result(title):
    *_, cut, result, _, _ = texts(draw(casefigures.waterfall, [(title, PARTS)]))
    assert result == "400 ms"
    front, back = cut.split("…")
    assert title.startswith(front)
    assert title.endswith(back)
    assert 36 <= cell_len(cut) <= 41


# -- the distribution


def dots(root):
    return [(float(u.get("x")), float(u.get("y"))) for u in root.iter("use")
            if "var(--decoded)" in u.get("style", "")]  # fmt: skip


def test_every_run_is_a_dot_and_equal_ones_are_stacked():
    values = [200.0, 300.0, 250.0, 250.0]
    root = draw(casefigures.distribution, [("opus", values)])
    at = sorted(dots(root))
    assert len(at) == 4
    assert at[1][0] == at[2][0] == pytest.approx((at[0][0] + at[3][0]) / 2, abs=0.01)
    assert at[2][1] - at[1][1] >= casefigures._DOT_PX
    assert tooltips(root) == ["opus: 4 runs, 200 to 300 ms"]


def test_lines_at_p50_and_p95_with_their_numbers():
    values = [200.0, 210.0, 300.0, 260.0, 250.0]
    root = draw(casefigures.distribution, [("opus", values)])
    p50, p95 = percentile(sorted(values), 50), percentile(sorted(values), 95)
    first, last = min(dots(root))[0], max(dots(root))[0]
    lines = shapes(root, "ink", "stroke")
    assert [points[0][0] for points in lines] == pytest.approx(
        [first + (p - 200) / 100 * (last - first) for p in (p50, p95)], abs=0.01
    )
    assert texts(root)[-2:] == ["opus", f"{p50:.0f} · {p95:.0f} ms"]
    dashes = [p.get("style").count("dasharray") for p in root.iter("path")
              if "stroke: var(--ink)" in p.get("style", "")]  # fmt: skip
    assert dashes == [0, 1]


def test_a_thousand_runs_fill_the_row_and_no_more():
    values = [200 + (i % 100) * (i % 7) / 6 for i in range(1000)]
    root = draw(casefigures.distribution, [("opus", values)])
    heights = [y for _, y in dots(root)]
    assert len(heights) == 1000
    assert 20 < max(heights) - min(heights) <= 2 * casefigures._SPREAD_PX


def test_lines_are_in_front_of_the_dots():
    root = draw(casefigures.distribution, [("opus", [200.0, 250.0] * 300)])
    colors = [
        re.search(r"(?:fill|stroke): var\(--(ink|decoded)\)", e.get("style", ""))
        for e in root.iter()
        if e.tag in {"path", "use"}
    ]
    order = [color[1] for color in colors if color]
    assert order[-2:] == ["ink", "ink"]


def test_equal_runs_are_drawn():
    assert len(dots(draw(casefigures.distribution, [("opus", [250.0] * 3)]))) == 3


def test_a_case_that_was_not_heard():
    root = draw(casefigures.distribution, [("opus", []), ("mp3", [1.0])])
    assert "not heard" in texts(root)
    assert "not heard" in texts(draw(casefigures.distribution, [("opus", [])]))


@pytest.mark.parametrize(
    ("figure", "rows"),
    [(casefigures.waterfall, [("a", PARTS)]), (casefigures.distribution, [("a", [1.0])])],
)
def test_figures_have_a_title_and_a_description(figure, rows):
    root = draw(figure, rows, description="The numbers in words.")
    assert root[0].text
    assert root[1].text == "The numbers in words."
