"""A matplotlib drawing in the page's terms: CSS pixels, named colours, tooltips.

matplotlib is an extra and takes a second to load, so it is imported where it is used.
Only its object interface is used, with its own defaults instead of the user's settings.
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
"""About what fits on a phone of 360 px: there, text has the size it is drawn in."""

FONT_PX = 12.0

AXIS_PX = 38
"""Height of the tick labels and the label of a horizontal axis."""

COLORS = (
    "page", "card", "ink", "soft", "line", "grid", "accent", "decoded", "heard", "gap", "on-part",
    *(f"part-{number}" for number in range(1, 8)),
)  # fmt: skip
"""Colours by meaning; the style sheet defines each for light and for dark."""

_POINTS_PER_INCH = 72.0
"""In matplotlib's SVG a point is a unit of the picture, here a pixel."""


def color(name: str) -> str:
    """Return a placeholder for a named colour, which no drawing uses otherwise."""
    return f"#fe01{COLORS.index(name) + 1:02x}"


_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: selectable, in the page's font
    "svg.hashsalt": "voicecli",
    "font.size": FONT_PX,
    "text.color": color("soft"),
    "axes.facecolor": "none",
    "axes.edgecolor": color("line"),
    "axes.labelcolor": color("soft"),
    "axes.labelsize": FONT_PX,
    "axes.titlesize": FONT_PX,
    "axes.linewidth": 1.0,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": color("grid"),
    "grid.linewidth": 1.0,
    "xtick.color": color("line"),
    "xtick.labelcolor": color("soft"),
    "xtick.labelsize": FONT_PX,
    "ytick.color": color("line"),
    "ytick.labelcolor": color("soft"),
    "ytick.labelsize": FONT_PX,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": FONT_PX,
    "legend.labelcolor": color("soft"),
}


@contextmanager
def matplotlib_style() -> Iterator[None]:
    """Make matplotlib use this module's style, and silence its log messages.

    The settings are global, so only one thread may draw. They are restored afterwards.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib as mpl  # noqa: PLC0415  an extra, and slow

        with mpl.rc_context():
            mpl.rcdefaults()
            settings: dict[Any, Any] = mpl.rcParams  # its keys are a type of 300 literals
            settings.update(_STYLE)
            yield
    finally:
        logger.setLevel(level)


class Drawing:
    """One picture; use it inside `matplotlib_style`, once.

    ``name`` is unique in the page. Lengths are pixels of a picture `WIDTH_PX` wide.
    """

    def __init__(self, name: str, height_px: float) -> None:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow

        size = (WIDTH_PX / _POINTS_PER_INCH, height_px / _POINTS_PER_INCH)
        self._name = name
        self._height_px = height_px
        self._figure = Figure(figsize=size, dpi=_POINTS_PER_INCH, facecolor="none")
        self._tooltips: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def axes(self, *, left: float, top: float, right: float, bottom: float) -> Axes:
        """Make axes with these margins."""
        return self._figure.add_axes(
            (
                left / WIDTH_PX,
                bottom / self._height_px,
                1 - (left + right) / WIDTH_PX,
                1 - (top + bottom) / self._height_px,
            )
        )

    def tooltip(self, artist: Artist, text: str) -> None:
        """Show a text when the pointer rests on an artist."""
        gid = f"tooltip-{len(self._tooltips)}"
        artist.set_gid(gid)
        self._tooltips[gid] = text

    def placeholder(self, text: str) -> str:
        """Return what to draw in place of an arbitrary text, which is put in later.

        matplotlib knows only the glyphs of its font, and takes some characters as formulas.
        """
        token = f"text-{len(self._texts)}"
        self._texts[token] = text
        return token

    def svg(self, title: str, description: str) -> str:
        """Return the picture as an HTML element, with labels for screen readers."""
        file = StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        self._figure.savefig(file, format="svg", metadata=no_metadata)
        return inline(
            file.getvalue(),
            name=self._name,
            title=title,
            description=description,
            colors={color(name): f"var(--{name})" for name in COLORS},
            tooltips=self._tooltips,
            texts=self._texts,
        )


def number_ticks(axes: Axes) -> None:
    """Label an axis with few, short numbers."""
    axes.locator_params(axis="x", nbins=6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
