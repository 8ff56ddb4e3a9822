from __future__ import annotations

from voicecli.cli.table import columns


def test_columns_are_aligned_without_trailing_space():
    assert columns([("a", "bb", ""), ("ccc", "d", "e")]) == "a    bb\nccc  d   e"


def test_one_row():
    assert columns([("a", "b")]) == "a  b"
