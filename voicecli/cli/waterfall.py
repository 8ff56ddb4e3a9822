"""Draw the parts of the wait for the first audible sound as a bar."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 30
"""Cells of the whole bar."""

_FILLS = "#=:-+.~"
"""One for each part, in ASCII, so that they differ in every encoding."""


def lines(parts_ms: Mapping[str, float], width: int = WIDTH) -> list[str]:
    """Draw the bar and a legend; a part of any length gets at least one cell."""
    shown = {name: ms for name, ms in parts_ms.items() if ms > 0}
    fills = dict(zip(parts_ms, _FILLS, strict=False))
    total_ms = sum(shown.values())
    cells = _cells(list(shown.values()), width)
    bar = "".join(fills[name] * count for name, count in zip(shown, cells, strict=True))
    legend = "  ".join(f"{fills[n]} {n.replace('_', ' ')} {ms:.0f}" for n, ms in shown.items())
    return [f"[{bar}] {total_ms:.0f} ms to the first audible sound", legend]


def _cells(parts_ms: list[float], width: int) -> list[int]:
    """Divide ``width`` cells among the parts by their length, at least one each."""
    total_ms, spare = sum(parts_ms), width - len(parts_ms)
    ends, so_far_ms = [0], 0.0
    for part_ms in parts_ms:
        so_far_ms += part_ms
        ends.append(round(spare * so_far_ms / total_ms))
    return [1 + end - begin for begin, end in pairwise(ends)]
