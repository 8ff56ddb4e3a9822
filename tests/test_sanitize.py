from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.sanitize import clean, html_title, mask_controls, without_escapes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("  two\r\n\tlines \u2028 and\x0bmore ", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jscreen", "screen"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice control\x9cafter", "after"),
        ("\x1b]never ended", ""),
        ("\x1b(Bcharset \x1bc reset", "charset reset"),
        ("cut \x1b[", "cut"),
        ("cut \x1b", "cut"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("zero\u200bwidth \ud800", "zerowidth"),
        ("Grüße, 你好 😀", "Grüße, 你好 😀"),
        ("", ""),
    ],
)
def test_everything_but_text_is_removed(text, shown):
    assert clean(text) == shown


def test_a_cut_is_marked():
    assert clean("x" * 300) == "x" * 300
    assert clean("x" * 301) == "x" * 299 + "…"
    assert clean("one two three", 8) == "one two…"


def test_the_rest_of_a_huge_text_is_not_examined():
    assert clean(" " * 10_000 + "x", 20) == "…"


@given(st.text(max_size=80), st.integers(1, 40))
def test_any_text_is_safe_and_short(text, limit):
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


@given(st.text(alphabet="\x1b\x9b[]0;m\x07\\ab\x9c", max_size=40))
def test_no_escape_forms_from_what_remains(text):
    assert "\x1b" not in clean(text)
    assert "\x9b" not in clean(text)


def test_escapes_are_removed_and_lines_kept():
    assert without_escapes("\x1b[1mone\x1b[0m\n  two\x93") == "one\n  two\x93"
    assert without_escapes("C1 alone \x9b is no terminal's") == "C1 alone \x9b is no terminal's"


def test_masked_text_keeps_its_lines_and_letters():
    assert mask_controls("a\tb\nc\r\x07 你好 😀 \udce9") == "a\tb\nc?? 你好 😀 \udce9"


def test_a_title_is_looked_for_within_bounds():
    """Looking from each beginning to the end of the page would take time in its square."""
    assert html_title('<html><TITLE lang="en">502 <Bad> Gateway</title>') == "502 <Bad> Gateway"
    assert html_title("<title>" + "x" * 1_001 + "</title>") == ""
    assert html_title("<title" * 10_000 + "<title>" * 10_000) == ""
