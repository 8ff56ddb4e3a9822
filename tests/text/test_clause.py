"""Where a long sentence is cut: at clauses, between words, and never within a character."""

from __future__ import annotations

import pytest

from voicecli.text.clause import MIN_CLAUSE, SHORT_QUOTE, first_clause, last_cut, parts

MORE = "x" * SHORT_QUOTE


def clause(text: str, *, begin: int = 0, final: bool = False) -> str | None:
    end = first_clause(text, begin, len(text), final=final)
    return None if end is None else text[begin:end]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("The tide comes in, and then goes out", "The tide comes in,"),
        ("The tide comes in; it goes out", "The tide comes in;"),
        ("The tide comes in — slowly", "The tide comes in —"),
        ("Yes, the tide comes in, and out", "Yes, the tide comes in,"),  # too short before it
        ("It was 5,000 of them, and more", "It was 5,000 of them,"),
        ("At 10:30 in the morning: breakfast", "At 10:30 in the morning:"),
        ("She is with Acme Inc., and likes it", None),  # an abbreviation
        ("It began on March 5, 1990 and more, as planned", "It began on March 5, 1990 and more,"),
        ("The year was 1990, 1991 came, and so on", "The year was 1990, 1991 came,"),
        ("The tide comes in and then goes out", None),
    ],
)
def test_the_first_clause(text, first):
    assert clause(text) == first


def test_a_clause_counts_from_where_its_sentence_begins():
    before = "Before it. "
    text = before + "Now, the tide comes in, and out"
    assert clause(text, begin=len(before)) == "Now, the tide comes in,"
    assert clause("x" * (MIN_CLAUSE - 2) + ", y") is None
    assert clause("x" * (MIN_CLAUSE - 1) + ", y") == "x" * (MIN_CLAUSE - 1) + ","


def test_after_a_number_the_next_character_decides():
    assert clause("There were about 1,") is None
    assert clause("There were about 1, ") is None
    assert clause("There were about 1, ", final=True) == "There were about 1,"
    assert clause("There were about 1, or") == "There were about 1,"


def test_a_short_quotation_is_not_cut():
    text = 'He said "wait, please" and left'
    assert clause(text) is None
    assert clause('He said to me "wait, please') is None  # it may close soon
    assert clause('He said to me "wait, please', final=True) is None
    assert clause(f'He said to me "wait, {MORE}') == 'He said to me "wait,'
    assert clause(f'He said to me "wait, {MORE}', final=True) == 'He said to me "wait,'
    first = 'He said to me "wait, please" and left,'
    assert clause(f"{first} {MORE}") == first


@pytest.mark.parametrize(
    ("text", "limit", "first"),
    [
        ("The tide comes in, and then it goes", 30, "The tide comes in,"),
        ("So, the tide comes in and then it goes", 30, "So, the tide comes in and"),
        ("thetidecomesinandthengoes", 10, "thetidecom"),
        ("ab cdefghijklmnop", 10, "ab"),
        ("abcdefghe\u0301xyz", 9, "abcdefgh"),  # not between e and its accent
    ],
)
def test_the_best_place_to_cut(text, limit, first):
    assert text[: last_cut(text, 0, limit)] == first


def test_the_best_place_counts_from_the_beginning():
    text = "x" * 10 + " The tide in, and then it goes out"
    assert text[11 : last_cut(text, 11, 41)] == "The tide in,"


def test_a_cut_always_goes_on():
    accents = "\u0301" * 20
    assert last_cut("a" + accents, 0, 5) == 5
    assert last_cut(f"word {accents}", 5, 10) == 10
    assert last_cut("ab" + accents, 0, 5) == 5
    assert last_cut("abc" + accents, 0, 5) == 2


def test_accents_without_end_are_cut_into_few_pieces():
    assert len(list(parts("a" + "\u0301" * 10_000, 1_000))) == 11


def test_parts_hold_all_words_within_the_limit():
    text = "The tide comes in, and then it goes out. " * 5
    found = [text[begin:end] for begin, end in parts(text, 30)]
    assert max(map(len, found)) <= 30
    assert " ".join(found).split() == text.split()
    assert list(parts("One two.", 30)) == [(0, 8)]
    assert list(parts("abcde fghij", 5)) == [(0, 5), (6, 11)]
