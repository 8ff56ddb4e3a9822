from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from voicecli.bench.page.drawing import COLORS, FONT_PX, WIDTH_PX, Drawing, color, matplotlib_style


def settings():
    """Return matplotlib's settings without the backend, which would be chosen by reading it."""
    return {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}


def square(name="one", height_px=100):
    with matplotlib_style():
        drawing = Drawing(name, height_px)
        axes = drawing.axes(left=30, top=10, right=20, bottom=40)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        (line,) = axes.plot([0, 1, 1], [0, 0, 1], color=color("heard"), linewidth=3)
        drawing.tooltip(line, "a line")
        axes.text(0, 0.5, drawing.placeholder("$x^2$ 日本 <i>"), color=color("ink"))
        return ET.fromstring(drawing.svg("A title", "Words."))


def test_a_unit_of_the_picture_is_a_pixel():
    root = square()
    assert root.get("viewBox") == f"0 0 {WIDTH_PX} 100"
    (line,) = [p for p in root.iter("path") if "var(--heard)" in p.get("style", "")]
    numbers = [float(number) for number in re.findall(r"[\d.]+", line.get("d"))]
    assert numbers == [30, 60, 310, 60, 310, 10]
    assert "stroke-width: 3" in line.get("style")


def test_text_stays_text_of_the_given_size():
    texts = list(square().iter("text"))
    assert texts
    for text in texts:
        assert f"font-size: {FONT_PX:g}px" in text.get("style") or re.match(
            rf"font: {FONT_PX:g}px", text.get("style")
        )


def test_arbitrary_text_is_neither_formula_nor_markup():
    assert "$x^2$ 日本 <i>" in [text.text for text in square().iter("text")]


def test_a_tooltip_belongs_to_its_artist():
    titled = [e for e in square().iter("g") if len(e) and e[0].tag == "title"]
    assert [group[0].text for group in titled] == ["a line"]


def test_every_colour_is_a_css_variable():
    styles = " ".join(element.get("style", "") for element in square().iter())
    assert "var(--heard)" in styles
    assert set(re.findall(r"#[0-9a-f]{3,6}|\brgb\b", styles)) == set()
    assert len({color(name) for name in COLORS}) == len(COLORS)


def test_pictures_do_not_share_identifiers():
    def identifiers(root):
        return {element.get("id") for element in root.iter()} - {None}

    assert identifiers(square("one")).isdisjoint(identifiers(square("two")))


@pytest.fixture
def logger():
    """Set an unusual level for matplotlib's logger."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(17)
    yield logger
    logger.setLevel(before)


def test_the_user_s_settings_are_ignored_and_unchanged(logger):
    plain = ET.tostring(square())
    before = settings()
    with mpl.rc_context({"font.size": 40, "svg.fonttype": "path", "xtick.major.size": 20}):
        changed = settings()
        assert ET.tostring(square()) == plain
        assert settings() == changed
    assert settings() == before
    assert logger.level == 17


def test_settings_and_logger_come_back_when_drawing_fails(logger):
    before = settings()

    def fails():
        with matplotlib_style():
            assert logger.level == logging.ERROR
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert settings() == before
    assert logger.level == 17


DRAW = """
from voicecli.bench.page.drawing import Drawing, color, matplotlib_style
with matplotlib_style():
    drawing = Drawing("one", 100)
    axes = drawing.axes(left=30, top=10, right=20, bottom=40)
    axes.plot([0, 1], [0, 1], marker="o", color=color("heard"))
    print(drawing.svg("A title", "Words."))
import sys
assert "matplotlib.pyplot" not in sys.modules
"""


def test_a_broken_matplotlibrc_and_an_unwritable_cache_are_harmless(tmp_path):
    """Nothing is printed, and the drawing is the same."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "matplotlibrc").write_text("font.size: huge\nno.such: 1\nlines.color: red\n")
    (tmp_path / "file").write_text("no folder can be made here")
    outputs = []
    for home in (tmp_path / "fresh", broken, tmp_path / "file" / "nowhere"):
        env = os.environ | {
            "MPLCONFIGDIR": str(home),
            "MPLBACKEND": ("", "module://nowhere", "tkagg")[len(outputs)],
            "PYTHONHASHSEED": str(len(outputs)),
            "TMPDIR": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", DRAW], env=env, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append(done.stdout)
    assert outputs[0].startswith("<svg")
    assert len(set(outputs)) == 1
