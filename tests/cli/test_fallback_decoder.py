from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.cli.fallback_decoder import FallbackDecoder, utf8_word

WORDS = ("plain", "größe", "naïve", "Übung", "“No”", "20 €", "\n", " ")


@given(
    words=st.lists(st.tuples(st.sampled_from(WORDS), st.booleans()), max_size=8),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_each_word_is_read_in_its_own_encoding_however_it_is_cut(words, cuts):
    encoded = [word.encode("utf-8" if is_utf8 else "cp1252") for word, is_utf8 in words]
    data = b" ".join(encoded)
    decoder = FallbackDecoder("cp1252")
    text, begin = "", 0
    for cut in sorted(min(cut, len(data)) for cut in cuts):
        text += decoder.decode(data[begin:cut])
        begin = cut
    text += decoder.decode(data[begin:], final=True)
    assert text == " ".join(word for word, _ in words)
    assert decoder.held == b""


def test_words_without_an_end_are_not_held_for_ever():
    decoder = FallbackDecoder("cp1252")
    assert decoder.decode(b"\xe9" * 9000) == "é" * 9000


def test_words_of_ascii_do_not_wait():
    assert FallbackDecoder("cp1252").decode(b"caf\xe9 no") == "café no"


@pytest.mark.parametrize("word", ["MENÜ“", "CAFÉ»", "ÜBER–", "É…"])
def test_letters_and_marks_that_are_utf_8_by_chance_are_none(word):
    assert utf8_word(word.encode("cp1252")) is None
    assert utf8_word(word.encode()) == word
