from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicecli.sources.phrases import phrases, pieces, plain_digits, short_runs


class Reader:
    """A voice that remembers what it reads, and spells it."""

    def __init__(self):
        self.read = []

    def split_sentences(self, text):
        return text.splitlines()

    def g2p(self, text):
        self.read.append(text)
        return text.lower()


def test_a_phrase_a_sentence():
    assert list(phrases(Reader(), "One.\nTwo.")) == ["one.", "two."]


def test_the_next_sentence_is_not_read_before_it_is_needed():
    reader = Reader()
    assert next(phrases(reader, "One.\nTwo.")) == "one."
    assert reader.read == ["One."]


def test_phrases_without_a_letter_are_left_out():
    assert list(phrases(Reader(), "…!\nYes.\n?")) == ["yes."]


def test_long_sentences_are_read_and_spoken_in_parts():
    reader = Reader()
    parts = list(phrases(reader, "word " * 300))
    assert 400 < max(map(len, reader.read)) <= 500
    assert 180 < max(map(len, parts)) <= 200
    assert " ".join(part.strip() for part in parts).split() == ["word"] * 300


@pytest.mark.parametrize(("speed", "most"), [(0.25, 50), (1.0, 200), (4.0, 200)])
def test_no_input_makes_more_sound_than_memory_allows(speed, most):
    for text in ("word " * 300, "m" * 1000, "a, b; " * 300):
        assert max(map(len, phrases(Reader(), text, speed))) <= most


def test_digits_reach_the_reader_plain():
    assert list(phrases(Reader(), "H₂O")) == ["h2o"]


@pytest.mark.parametrize(
    ("text", "as_if"),
    [
        ("a word of " + "m" * 32 + " letters", "a word of " + "m" * 32 + " letters"),
        ("m" * 33, "m" * 32 + " m"),
        ("see https://example.com/a/long/path/to-it", "see https://example.com/a/long/path/ to-it"),
        ("9" * 70, "9" * 32 + " " + "9" * 32 + " " + "9" * 6),
    ],
)
def test_long_runs_get_a_space(text, as_if):
    assert short_runs(text) == as_if


@given(text=st.text("a-/9 .", max_size=200))
def test_no_run_is_too_long_to_read_and_nothing_is_lost(text):
    short = short_runs(text)
    assert short.replace(" ", "") == text.replace(" ", "")
    assert max(map(len, short.split(" "))) <= 32


@pytest.mark.slow
def test_every_digit_of_unicode_can_be_read(voices):
    voice = voices.load("heart")
    digits = [chr(code) for code in range(0x110000) if chr(code).isdigit()]
    assert all(voice.g2p(plain_digits(f"{digit}a")) for digit in digits)


@given(st.text(alphabet="ab ,;", max_size=60), st.integers(1, 12))
@example("one, two three", 9)
def test_pieces_lose_nothing_but_space_and_keep_the_limit(text, limit):
    parts = list(pieces(text, limit))
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("short", 10, ["short"]),
        ("one two, three", 10, ["one two,", "three"]),
        ("one two three", 8, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("", 3, []),
    ],
)
def test_pieces_are_cut_after_clauses_then_words(text, limit, parts):
    assert list(pieces(text, limit)) == parts
