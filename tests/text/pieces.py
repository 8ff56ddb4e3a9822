"""Text as it arrives: cut anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject


def cut_anywhere(text: str, data: DataObject) -> list[bytes]:
    """Return ``text`` as UTF-8 in pieces, which may end within characters."""
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=12)))
    return [raw[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def each_byte(text: str) -> list[bytes]:
    """Return ``text`` as UTF-8, byte by byte."""
    return [bytes([byte]) for byte in text.encode()]
