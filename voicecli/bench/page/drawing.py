"""A drawing of matplotlib's in the page's own measures: CSS pixels, named inks, words.

matplotlib is an extra and takes a second to load: it is imported where it is
used. Its object interface alone is used, under its own defaults, whatever
settings of the user's it has read.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from voicecli.bench.page.inlinesvg import inline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH_PX = 330
"""About what a telephone of 360 px leaves: there, text is as large as it is drawn."""

FONT_PX = 12.0

AXIS_PX = 38
"""What the numbers and the name of a horizontal axis take."""

INKS = (
    "page", "card", "ink", "soft", "line", "grid", "accent", "decoded", "heard", "gap", "on-part",
    *(f"part-{number}" for number in range(1, 8)),
)  # fmt: skip
"""Colours by what they mean; the page's style sheet has one of each for light and for dark."""

_POINTS_PER_INCH = 72.0
"""Of matplotlib's SVG: one of its points is one unit of the picture, here one pixel."""


def ink(name: str) -> str:
    """What stands for an ink while matplotlib draws: a colour that no drawing has."""
    return f"#fe01{INKS.index(name) + 1:02x}"


_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: selectable, in the page's font
    "svg.hashsalt": "voicecli",
    "font.size": FONT_PX,
    "text.color": ink("soft"),
    "axes.facecolor": "none",
    "axes.edgecolor": ink("line"),
    "axes.labelcolor": ink("soft"),
    "axes.labelsize": FONT_PX,
    "axes.titlesize": FONT_PX,
    "axes.linewidth": 1.0,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": ink("grid"),
    "grid.linewidth": 1.0,
    "xtick.color": ink("line"),
    "xtick.labelcolor": ink("soft"),
    "xtick.labelsize": FONT_PX,
    "ytick.color": ink("line"),
    "ytick.labelcolor": ink("soft"),
    "ytick.labelsize": FONT_PX,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": FONT_PX,
    "legend.labelcolor": ink("soft"),
}


@contextmanager
def quiet() -> Iterator[None]:
    """Let matplotlib draw in this module's style, its talk of font caches unheard.

    Its settings are its module's: not for two threads at once. They are as they
    were afterwards.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib as mpl  # noqa: PLC0415  an extra, and slow

        with mpl.rc_context():
            mpl.rcdefaults()
            settings: dict[Any, Any] = mpl.rcParams  # their keys are a type of 300 literals
            settings.update(_STYLE)
            yield
    finally:
        logger.setLevel(level)


class Drawing:
    """One picture in the making; used inside `quiet`, once.

    ``name`` is unique in the page. Lengths are pixels of a picture `WIDTH_PX` wide.
    """

    def __init__(self, name: str, height_px: float) -> None:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow

        size = (WIDTH_PX / _POINTS_PER_INCH, height_px / _POINTS_PER_INCH)
        self._name = name
        self._height_px = height_px
        self._figure = Figure(figsize=size, dpi=_POINTS_PER_INCH, facecolor="none")
        self._notes: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def axes(self, *, left: float, top: float, right: float, bottom: float) -> Axes:
        """Axes that leave these margins."""
        return self._figure.add_axes(
            (
                left / WIDTH_PX,
                bottom / self._height_px,
                1 - (left + right) / WIDTH_PX,
                1 - (top + bottom) / self._height_px,
            )
        )

    def note(self, artist: Artist, text: str) -> None:
        """Show a text where a pointer rests on an artist."""
        gid = f"note-{len(self._notes)}"
        artist.set_gid(gid)
        self._notes[gid] = text

    def text(self, text: str) -> str:
        """What to have drawn for a text of others, which matplotlib does not get to see.

        It knows no glyphs but its font's, and takes some characters for formulas.
        """
        token = f"text-{len(self._texts)}"
        self._texts[token] = text
        return token

    def svg(self, title: str, description: str) -> str:
        """The picture as an element of HTML, with words for those who cannot see it."""
        file = StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        self._figure.savefig(file, format="svg", metadata=nothing)
        return inline(
            file.getvalue(),
            name=self._name,
            title=title,
            description=description,
            inks={ink(name): f"var(--{name})" for name in INKS},
            notes=self._notes,
            texts=self._texts,
        )


def number_ticks(axes: Axes) -> None:
    """Few numbers at an axis, and each as short as it can be."""
    axes.locator_params(axis="x", nbins=6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
