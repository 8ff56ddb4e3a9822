import time

import pytest

from voicecli.text.wording import difference


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Hello, World!", "hello world"),
        ("“Quoted” — it’s so.", '"Quoted" - it\'s so'),
        (
            "It costs $5.20, 3:05 p.m.",
            "it costs five dollars and twenty cents, three oh five PM",
        ),
        ("In 2026, we'll be 21.", "In twenty twenty-six, we'll be twenty-one"),
        ("In 2026", "in two thousand and twenty six"),
        ("1,234,567 people", "1.234.567 people"),
        (
            "1,234,567 people",
            "one million two hundred thirty-four thousand five hundred sixty-seven people",
        ),
        ("The 3rd e-mail", "the third email"),
        ("the 21st day", "the twenty-first day"),
        ("Dr. Smith & Co.", "Doctor Smith and Co"),
        ("5 million", "five million"),
        ("5 million", "5,000,000"),
        ("2 million and 3 million", "two million and three million"),
        ("Room 101", "room one oh one"),
        ("one hundred and five", "105"),
        ("3.14 is pi", "three point one four is pi"),
        ("100%", "one hundred percent"),
        ("20 °C", "20 degrees C"),
        ("Call 555-1234.", "Call five five five one two three four"),
        ("U.S. policy", "US policy"),
        ("Er hat 12 Äpfel", "Er hat zwölf Äpfel"),
        ("Il a 92 ans", "Il a quatre-vingt-douze ans"),
        ("你好，世界。", "你好世界"),
        ("", "…"),
    ],
)
def test_spelling_is_no_difference(asked, said):
    assert difference(asked, said) is None
    assert difference(said, asked) is None


@pytest.mark.parametrize(
    ("asked", "said", "found"),
    [
        ("I can't go.", "I cannot go.", ("cant", "cannot")),
        ("I don't know.", "I do not know.", ("dont", "do not")),
        ("Take 5 apples.", "Take six apples.", ("5", "6")),
        ("It costs $5.", "It costs $6.", ("5", "6")),
        ("one two", "one three", ("12", "13")),
        ("Hello there.", "Hello.", ("there", "")),
        ("This and that.", "This, that.", ("and", "")),
        ("3 cats and 2 dogs", "3 cats 2 dogs", ("and", "")),
        ("Hello.", "Sure! Hello.", ("", "sure")),
        ("What is 2 plus 2?", "Four.", ("what is 2 plus 2", "4")),
        ("你好世界", "你好", ("你好世界", "你好")),
        ("Say it.", "", ("say it", "")),
    ],
)
def test_other_words_are_a_difference(asked, said, found):
    assert difference(asked, said) == found


def test_a_long_transcript_is_shown_in_part_and_takes_no_time():
    began = time.process_time()
    found = difference("Hello.", "word " * 100_000)
    assert found is not None
    assert len(found.said) < 100
    assert difference("a b " * 5000, "b a " * 5000) is not None
    assert time.process_time() - began < 10
