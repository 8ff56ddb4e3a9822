"""Which quotations and brackets are open, and where they close."""

from __future__ import annotations

import pytest

from voicecli.text.quotes import QuoteScan, after_closers


def opened(text: str) -> str:
    return "".join(quote.mark for quote in QuoteScan(text, 0).open_at(len(text)))


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ('He said "wait', '"'),
        ('He said "wait" and', ""),
        ('It is 5" wide', ""),  # inches
        ('It ends. " and', ""),  # a mark between spaces
        ("I don't know", ""),
        ("She said 'wait", "'"),
        ("She said 'it's", "'"),  # an apostrophe within
        ("She said 'it is' and", ""),
        ("She said 'the boys ' and", "'"),
        ("'Tis so", ""),
        ("rock 'n' roll", ""),
        ("the '90s", ""),
        ("It is (see", "("),
        ("It is (see below) and", ""),
        ("Well :(", ""),
        ("He said “one ‘two", "“‘"),
        ("He said “one ‘two’ three", "“"),
        ("He said “one ‘it’s", "“‘"),
        ("« bonjour", "«"),
        ("Er sagte „ja", "„"),
        ("Er sagte „ja“ und", ""),
        ("(" * 20, "(" * 16),
    ],
)
def test_what_is_open(text, marks):
    assert opened(text) == marks


def test_a_scan_goes_on_where_it_was():
    scan = QuoteScan('One "two (three) four" five', 0)
    assert [quote.position for quote in scan.open_at(12)] == [4, 9]
    assert [quote.position for quote in scan.open_at(20)] == [4]
    assert scan.open_at(27) == []


def test_what_comes_before_the_sentence_does_not_count():
    text = '"Open. It is (so'
    assert [quote.mark for quote in QuoteScan(text, 7).open_at(len(text))] == ["("]
    assert QuoteScan('x"one', 1).open_at(5)[0].position == 1


@pytest.mark.parametrize(
    ("text", "place", "end"),
    [
        ('"one (two) three" four', 6, 17),
        ('"one (two) three" four', 0, 0),  # nothing is open there
        ('"one two', 4, None),
        ('"one (two" three', 6, None),
    ],
)
def test_where_everything_is_closed(text, place, end):
    assert QuoteScan(text, 0).closing(place, len(text)) == end


def test_an_apostrophe_at_the_end_may_go_on():
    assert QuoteScan("'one two'", 0).closing(4, 9, final=False) is None
    assert QuoteScan("'one two'", 0).closing(4, 9) == 9


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ('"One." Two', 5, 6),
        ('("One.") Two', 6, 8),
        ("«Un. » Deux", 4, 6),
        ("One.[12] Two", 4, 8),
        ("One.) Two", 4, 5),  # closes nothing
        ("One. Two", 4, 4),
    ],
)
def test_closing_marks_behind_a_sentence(text, begin, end):
    stack = QuoteScan(text, 0).open_at(begin)
    assert after_closers(text, stack, begin) == end
    assert stack == []
