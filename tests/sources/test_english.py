from __future__ import annotations

import pytest

from voicecli.sources.english import EnglishSentences, english_part
from voicecli.text.segment import Sentence, Span


def sentence(text, **how):
    return Sentence(0, text, Span(0, 1), **how)


@pytest.mark.parametrize(
    ("text", "kept", "left_out"),
    [
        ("Hello 你好 world", "Hello world", 1),
        ("Привет мир", "", 2),
        ("Καλημέρα κόσμε", "", 2),
        ("你好，世界。", "", 1),
        ("नमस्ते means hello", "means hello", 1),
        ("Москва is big", "is big", 1),
        ("5 рублей", "5", 1),
        ("مرحبا بالعالم", "", 2),
        ("안녕 friend", "friend", 1),
    ],
)
def test_words_in_other_scripts_are_left_out_and_counted(text, kept, left_out):
    assert english_part(text) == (kept, left_out)


@pytest.mark.parametrize(
    "text",
    [
        "Hello.", "naïve café in Łódź", "π is 3.14, Ω is ohm", "the α-particle", "H₂O ① № 5",
        "x² + y³", "Chapter Ⅷ", "😀", "…", "“quoted” – it’s", "ﬁne", "٣ apples", "10⁷ m²",
    ],
)  # fmt: skip
def test_what_the_voice_knows_stays(text):
    assert english_part(text) == (text, 0)


class TestSentences:
    def test_a_sentence_without_english_is_dropped_with_its_pause_kept(self):
        english = EnglishSentences()
        found = english(
            [
                sentence("Hello."),
                sentence("Привет.", pause_ms=500, begins_paragraph=True),
                sentence("Bye 你好.", pause_ms=100),
            ]
        )
        assert [each.text for each in found] == ["Hello.", "Bye ."]
        assert (found[1].pause_ms, found[1].begins_paragraph) == (600, True)
        assert english.left_out == 2

    def test_a_paragraph_that_begins_behind_a_dropped_sentence_stays_one(self):
        english = EnglishSentences()
        found = english([sentence("Мир."), sentence("Bye 你好.", begins_paragraph=True)])
        assert [each.begins_paragraph for each in found] == [True]

    def test_sentences_of_other_voices_stay(self):
        english = EnglishSentences(lambda voice: voice is None)
        found = english([sentence("Привет.", voice="server/ivan"), sentence("Мир.")])
        assert [each.text for each in found] == ["Привет."]
        assert english.left_out == 1
