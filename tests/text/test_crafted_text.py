"""Text made to be slow: the work grows with its length, not with its square."""

from __future__ import annotations

import sys

import pytest

from voicecli.text.stage import Markdown, TextOptions, TextStage

UNITS = [
    "![", "[a](", "*a ", "**a", "~~a ", "`a ", "```a ", "<a ", "> q\n", "- item\n", "- a\n\n",
    "| a | b |\n", "<div>\n", "[a]: b\n", "*_`[![", "'a ", "a\n",
]  # fmt: skip

LENGTH = 800


def calls(text, size, options=None):
    """How many functions are called, Python's and C's, to read a text in such pieces."""
    count = 0

    def count_call(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    stage = TextStage(options)
    sys.setprofile(count_call)
    try:
        for at in range(0, len(text), size):
            stage.feed(text[at : at + size])
        stage.finish()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_twice_the_text_takes_about_twice_the_work(unit):
    options = TextOptions(markdown=Markdown.ON)
    calls(unit * 10, 256, options)  # what is loaded and compiled once
    whole = unit * (2 * LENGTH // len(unit))
    half = calls(whole[:LENGTH], 256, options)
    assert calls(whole, 256, options) < 2.6 * half + 2000
    assert half < 500 * LENGTH


def test_nested_lists_are_read_in_linear_time():
    nested = "".join("  " * depth + "- x\n" for depth in range(60))
    calls(nested, 256)
    assert calls(nested * 2, 256) < 2.6 * calls(nested, 256)


def test_text_that_comes_word_by_word_is_not_looked_at_again_and_again():
    text = "*a " * 200
    calls(text, 256)
    assert calls(text, 3) < 6 * calls(text, 256)
