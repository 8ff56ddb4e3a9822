"""The wait for the first audible sound as one bar: what took how long of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 60
"""Cells of the whole bar."""

_FILLS = "#=:-+.~"
"""One for each part, in ASCII: whatever the terminal's encoding, they differ."""


def lines(parts_ms: Mapping[str, float], width: int = WIDTH) -> list[str]:
    """The bar, and below it what each fill means; a part of any length has a cell."""
    shown = {name: ms for name, ms in parts_ms.items() if ms > 0}
    fills = dict(zip(parts_ms, _FILLS, strict=False))
    total_ms = sum(shown.values())
    cells = _cells(list(shown.values()), width)
    bar = "".join(fills[name] * count for name, count in zip(shown, cells, strict=True))
    legend = "  ".join(f"{fills[n]} {n.replace('_', ' ')} {ms:.0f}" for n, ms in shown.items())
    return [f"[{bar}] {total_ms:.0f} ms to the first audible sound", f"  {legend}"]


def _cells(parts_ms: list[float], width: int) -> list[int]:
    """How many cells each part gets: one at least, the rest by length, ``width`` in all."""
    total_ms, spare = sum(parts_ms), width - len(parts_ms)
    ends, so_far_ms = [0], 0.0
    for part_ms in parts_ms:
        so_far_ms += part_ms
        ends.append(round(spare * so_far_ms / total_ms))
    return [1 + end - begin for begin, end in pairwise(ends)]
