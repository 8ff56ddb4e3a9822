from __future__ import annotations

import pytest

from voicecli.bench.components.encode import COLUMNS, EncodeSettings, cases

FAST = EncodeSettings(duration_s=0.5, pace=100.0)


def test_every_combination_with_those_to_compare_beside_each_other():
    made = cases(["opus", "wav"], [20, 60], ["inline", "threaded"], FAST)
    labels = [tuple(case.labels.values()) for case in made]
    assert labels[:3] == [("opus", 20, "inline"), ("opus", 20, "threaded"), ("opus", 60, "inline")]
    assert len(set(labels)) == 8


@pytest.mark.parametrize("mode", ["inline", "threaded"])
@pytest.mark.parametrize(("codec", "pages"), [("opus", 6), ("wav", 9)])
def test_readings(codec, pages, mode):
    (case,) = cases([codec], [60], [mode], FAST)
    readings = case.measure()
    assert len(readings["push_us"]) == len(readings["loop_us"]) == 9
    assert all(
        0 < push <= loop
        for push, loop in zip(readings["push_us"], readings["loop_us"], strict=True)
    )
    assert readings["pages"] == [pages]
    assert len(readings["first_page_ms"]) == 1
    assert len(readings["between_ms"]) == pages - 1
    assert min(*readings["between_ms"], *readings["first_page_ms"]) >= 0
    assert readings["bytes"][0] > 1_000
    assert {c.metric for c in COLUMNS} <= {*readings, *case.labels}


def test_both_modes_make_the_same_pages():
    inline, threaded = (
        case.measure() for case in cases(["mp3"], [10], ["inline", "threaded"], FAST)
    )
    assert inline["bytes"] == threaded["bytes"]
    assert inline["pages"] == threaded["pages"]


def test_no_pace_is_too_fast():
    """More than an encoder lets wait by itself comes at once."""
    settings = EncodeSettings(duration_s=12.0, pace=1e6)
    (case,) = cases(["pcm"], [500], ["threaded"], settings)
    assert case.measure()["bytes"] == [12 * 48_000]
