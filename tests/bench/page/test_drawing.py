from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from voicecli.bench.page.drawing import FONT_PX, INKS, WIDTH_PX, Drawing, ink, quiet


def settings():
    """All of matplotlib's but the backend, which is looked for when it is asked for."""
    return {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}


def square(name="one", height_px=100):
    with quiet():
        drawing = Drawing(name, height_px)
        axes = drawing.axes(left=30, top=10, right=20, bottom=40)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        (line,) = axes.plot([0, 1, 1], [0, 0, 1], color=ink("heard"), linewidth=3)
        drawing.note(line, "a line")
        axes.text(0, 0.5, drawing.text("$x^2$ 日本 <i>"), color=ink("ink"))
        return ET.fromstring(drawing.svg("A title", "Words."))


def test_a_pixel_is_a_unit_of_the_picture():
    root = square()
    assert root.get("viewBox") == f"0 0 {WIDTH_PX} 100"
    (line,) = [p for p in root.iter("path") if "var(--heard)" in p.get("style", "")]
    numbers = [float(number) for number in re.findall(r"[\d.]+", line.get("d"))]
    assert numbers == [30, 60, 310, 60, 310, 10]
    assert "stroke-width: 3" in line.get("style")


def test_text_stays_text_of_a_known_size():
    texts = list(square().iter("text"))
    assert texts
    for text in texts:
        assert f"font-size: {FONT_PX:g}px" in text.get("style") or re.match(
            rf"font: {FONT_PX:g}px", text.get("style")
        )


def test_a_text_of_others_is_neither_formula_nor_markup():
    assert "$x^2$ 日本 <i>" in [text.text for text in square().iter("text")]


def test_a_note_is_with_its_artist():
    notes = [e for e in square().iter("g") if len(e) and e[0].tag == "title"]
    assert [note[0].text for note in notes] == ["a line"]


def test_every_colour_is_one_of_the_page_s():
    styles = " ".join(element.get("style", "") for element in square().iter())
    assert "var(--heard)" in styles
    assert set(re.findall(r"#[0-9a-f]{3,6}|\brgb\b", styles)) == set()
    assert len({ink(name) for name in INKS}) == len(INKS)


def test_pictures_do_not_share_identifiers():
    def identifiers(root):
        return {element.get("id") for element in root.iter()} - {None}

    assert identifiers(square("one")).isdisjoint(identifiers(square("two")))


@pytest.fixture
def logger():
    """Matplotlib's, at a level that nobody else would set."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(17)
    yield logger
    logger.setLevel(before)


def test_the_users_settings_are_neither_followed_nor_changed(logger):
    plain = ET.tostring(square())
    before = settings()
    with mpl.rc_context({"font.size": 40, "svg.fonttype": "path", "xtick.major.size": 20}):
        theirs = settings()
        assert ET.tostring(square()) == plain
        assert settings() == theirs
    assert settings() == before
    assert logger.level == 17


def test_settings_and_logger_come_back_when_drawing_fails(logger):
    before = settings()

    def fails():
        with quiet():
            assert logger.level == logging.ERROR
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert settings() == before
    assert logger.level == 17


DRAW = """
from voicecli.bench.page.drawing import Drawing, ink, quiet
with quiet():
    drawing = Drawing("one", 100)
    axes = drawing.axes(left=30, top=10, right=20, bottom=40)
    axes.plot([0, 1], [0, 1], marker="o", color=ink("heard"))
    print(drawing.svg("A title", "Words."))
import sys
assert "matplotlib.pyplot" not in sys.modules
"""


def test_a_broken_matplotlibrc_and_no_place_for_a_cache_are_no_trouble(tmp_path):
    """Nothing is said, and what is drawn is the same."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "matplotlibrc").write_text("font.size: huge\nno.such: 1\nlines.color: red\n")
    (tmp_path / "file").write_text("no folder can be made here")
    told = []
    for home in (tmp_path / "fresh", broken, tmp_path / "file" / "nowhere"):
        env = os.environ | {
            "MPLCONFIGDIR": str(home),
            "MPLBACKEND": ("", "module://nowhere", "tkagg")[len(told)],
            "PYTHONHASHSEED": str(len(told)),
            "TMPDIR": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", DRAW], env=env, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        told.append(done.stdout)
    assert told[0].startswith("<svg")
    assert len(set(told)) == 1
