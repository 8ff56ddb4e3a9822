from __future__ import annotations

import pytest

from tests.bench.page.figures import draw, shapes, texts, tooltips, width
from tests.bench.page.runs import jittery, silent, speech_run, steady
from voicecli.bench.page import runfigures
from voicecli.bench.page.captions import milliseconds
from voicecli.bench.page.curves import Curves
from voicecli.bench.page.drawing import WIDTH_PX
from voicecli.bench.page.runfigures import Limits
from voicecli.playback.policy import BufferPolicy


def curves_and_limits(run):
    curves = Curves.of(run)
    return curves, Limits.around([curves])


def test_both_curves_end_together_if_everything_was_heard():
    root = draw(runfigures.arrival, *curves_and_limits(steady()))
    (heard,) = shapes(root, "heard", "stroke")[:1]
    (decoded,) = shapes(root, "decoded", "stroke")[:1]
    assert heard[-1] == pytest.approx(decoded[-1], abs=0.2)
    assert heard[0][1] == pytest.approx(decoded[0][1])
    assert heard[0][0] > decoded[0][0]
    assert {"decoded", "heard"} <= set(texts(root))


@pytest.mark.parametrize("figure", [runfigures.arrival, runfigures.level])
def test_each_gap_has_a_band_a_triangle_and_a_tooltip(figure):
    run = jittery(3, policy=BufferPolicy.fixed(0.0))
    curves, limits = curves_and_limits(run)
    assert len(curves.gaps) > 1
    root = draw(figure, curves, limits)
    bands = [c for c in shapes(root, "gap") if len(c) > 3]
    assert len(bands) == len(curves.gaps)
    px_per_s = (WIDTH_PX - 46) / limits.time_s
    assert [width(band) for band in bands] == pytest.approx(
        [gap.length_s * px_per_s for gap in curves.gaps], abs=0.01
    )
    triangles = [u for u in root.iter("use") if "var(--gap)" in u.get("style", "")]
    assert [float(u.get("x")) for u in triangles] == pytest.approx(
        [32 + (gap.began_s + gap.length_s / 2) * px_per_s for gap in curves.gaps], abs=0.01
    )
    assert [tooltip.split(",")[0] for tooltip in tooltips(root)] == [
        f"gap: {milliseconds(gap.length_s * 1e3)} ms at {gap.at_s:.2f} s" for gap in curves.gaps
    ]


def test_the_level_is_drawn_to_scale():
    curves, limits = curves_and_limits(steady())
    root = draw(runfigures.level, curves, limits)
    (line,) = shapes(root, "decoded", "stroke")[:1]
    top, bottom = min(y for _, y in line), max(y for _, y in line)
    highest = max(level for _, level in curves.level)
    assert (bottom - top) / (160 - 32 - 38) == pytest.approx(
        highest / (limits.level_s * 1.08), abs=0.01
    )


def test_runs_share_their_limits():
    one, two = Curves.of(steady()), Curves.of(jittery())
    both = Limits.around([one, two])
    assert both.time_s == max(one.ends_s, two.ends_s)
    assert both.audio_s == max(y for c in (one, two) for _, y in (*c.decoded, *c.heard))
    assert both.level_s == max(y for c in (one, two) for _, y in c.level)


def test_runs_of_very_different_lengths_do_not_share_limits():
    short, long = Curves.of(steady()), Curves.of(speech_run([(n * 0.5, 0.25) for n in range(40)]))
    assert Limits.shared([short, long]) is None
    assert Limits.shared([]) is None
    assert Limits.shared([long]) == Limits.around([long])
    assert Limits.shared([short, Curves.of(jittery())]) is not None


@pytest.mark.parametrize("figure", [runfigures.arrival, runfigures.level])
def test_empty_curves_can_be_drawn(figure):
    root = draw(figure, *curves_and_limits(silent()))
    assert "seconds since the request" in texts(root)
    assert Limits.around([]) == Limits(1.0, 1.0, 1.0)


@pytest.mark.parametrize("figure", [runfigures.arrival, runfigures.level])
def test_figures_have_a_title_and_a_description(figure):
    root = draw(figure, *curves_and_limits(steady()), description="The numbers in words.")
    assert root[0].text
    assert root[1].text == "The numbers in words."
