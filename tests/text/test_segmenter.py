"""Where sentences end, how early that is known, and what the first segment is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.hard_sentences import CASES
from tests.text.harder_sentences import HARDER
from tests.text.pieces import cut_anywhere, each_byte
from voicecli.text.fragment import Break, Fragment
from voicecli.text.language import guess_language, guess_latin
from voicecli.text.segment import Sentence, Span
from voicecli.text.segmenter import LONG_FIRST_SENTENCE, MAX_SENTENCE, Segmenter


def cut(pieces: list[bytes] | list[str], language: str | None = None) -> list[Sentence]:
    segmenter = Segmenter(language)
    found = []
    for piece in pieces:
        found += segmenter.feed(piece)
    return found + segmenter.finish()


def texts(text: str, language: str | None = None) -> list[str]:
    return [sentence.text for sentence in cut([text], language)]


def test_there_are_enough_hard_sentences_in_enough_languages():
    assert len(CASES) >= 150
    assert len({code for code, _ in CASES + HARDER}) >= 8


NEEDS_LANGUAGE = {
    "Die Fa. Müller & Co. KG liefert.|Wir zahlen.",
    "Mora na Av. Brasil, n.º 5, Lisboa.|Eu não.",
    "Atatürk Cad. No. 5'te oturuyor.|Ben değil.",
}
"""What may be a word of another language: only --lang tells."""


def test_hard_sentences():
    for language, line in [*CASES, *HARDER]:
        expected = line.split("|")
        text = ("" if language in ("ja", "zh") else " ").join(expected)
        for given_language in (language,) if line in NEEDS_LANGUAGE else (language, None):
            case = f"{line!r}, --lang {given_language}"
            whole = cut([text], given_language)
            assert [sentence.text for sentence in whole] == expected, case
            assert cut(each_byte(text), given_language) == whole, f"{case}, byte by byte"


WORDS = st.sampled_from([
    "Hello", "world", "Dr.", "Mr.", "U.S.", "5", "p.m.", "3.14", ". ", "! ", "? ", "\n", "\n\n",
    " “", "” ", ' "', '" ', "(", ") ", ", ", "— ", "…", "。", "日本", "「", "」", "と", "1. ", "- ",
    "e.g.", "the", "The", "'", ": ", "www.x.org", "«", " »", "A", "b", "[1]", "...", " ",
    "x" * 40, "word, " * 20, "John's", "é", "\r\n",
])  # fmt: skip


@given(st.lists(WORDS, max_size=40).map("".join), st.data())
def test_the_same_sentences_however_the_text_is_split(text, data):
    whole = cut([text])
    assert cut(cut_anywhere(text, data)) == whole
    assert cut(each_byte(text)) == whole


@given(st.lists(WORDS, max_size=40).map("".join))
def test_nothing_is_lost_and_every_span_is_that_of_its_text(text):
    found = cut([text])
    for sentence in found:
        source = text[sentence.span.start : sentence.span.end]
        assert "".join(source.split()) == "".join(sentence.text.split())
    spoken = "".join(sentence.text for sentence in found)
    assert [c for c in spoken if c.isalnum()] == [c for c in text if c.isalnum()]
    assert [sentence.number for sentence in found] == list(range(len(found)))


@given(st.binary(max_size=60))
def test_bytes_that_are_not_text_do_no_harm(data):
    assert cut([bytes([byte]) for byte in data]) == cut([data])


def test_bytes_and_text_may_be_mixed_and_a_byte_order_mark_is_silent():
    segmenter = Segmenter()
    segmenter.feed(b"\xef\xbb\xbfCaf\xc3")
    segmenter.feed(b"\xa9 is ")
    segmenter.feed("open \ud800.")
    (sentence,) = segmenter.finish()
    assert sentence.text == "Café is open \ufffd."
    assert sentence.span == Span(1, 16)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("He left.", " "),
        ("He left.", "\n"),
        ("He ran. ", "T"),
        ("He ran.\n", "\n"),
        ("He left? ", "T"),
        ('"He left." ', "T"),
        ("走了。", "他"),
        ("Go to the U.S. ", "The "),
        ("At 5 p.m. ", "The "),
        ("A title", "\n\n"),
        ("A first item\n", "- b"),
    ],
)
def test_a_sentence_is_certain_as_soon_as_it_can_be(before, after):
    segmenter = Segmenter()
    assert segmenter.feed(before) == []
    assert [sentence.text for sentence in segmenter.feed(after)] == [before.strip()]


def test_only_the_first_sentence_ends_before_small_letters():
    segmenter = Segmenter()
    assert [s.text for s in segmenter.feed("It stopped. ")] == ["It stopped."]
    assert segmenter.feed("Then it started. ") == []
    assert [s.text for s in segmenter.feed("and then")] == []
    assert [s.text for s in segmenter.finish()] == ["Then it started. and then"]


def test_blank_lines_begin_paragraphs_and_single_ones_do_not():
    found = cut(["One\ntwo. Three.\n \nFour.\r\n\r\nFive."])
    assert [(s.text, s.begins_paragraph) for s in found] == [
        ("One two.", True),
        ("Three.", False),
        ("Four.", True),
        ("Five.", True),
    ]


def test_lines_of_a_list_are_sentences_and_wrapped_lines_are_not():
    items = "Buy:\n- milk\n- two\n  eggs\n1. Go\n2) Come"
    assert texts(items) == ["Buy:", "- milk", "- two eggs", "1. Go", "2) Come"]
    assert texts("I was born in\n1990. He was not.") == ["I was born in 1990.", "He was not."]


def test_wrapped_chinese_has_no_spaces_in_it():
    assert texts("今天\n很好。明天 也。") == ["今天很好。", "明天 也。"]


def test_what_has_nothing_to_speak_is_left_out():
    assert texts("--- ... !!! ***\n\n ? \n\nHello.") == ["Hello."]
    assert texts("") == texts(" \n\n") == []


LONG = (
    "When the tide comes in over the sands of the bay, which happens twice a day, "
    "the fishermen of the village, who have waited, go out to sea"
)


def test_a_long_first_sentence_begins_with_its_first_clause():
    assert len(LONG) > LONG_FIRST_SENTENCE
    found = cut([LONG + "."])
    assert [(s.text, s.continues) for s in found] == [
        ("When the tide comes in over the sands of the bay,", False),
        (LONG[50:] + ".", True),
    ]
    segmenter = Segmenter()
    assert segmenter.feed(LONG[:LONG_FIRST_SENTENCE]) == []
    assert len(segmenter.feed(LONG[LONG_FIRST_SENTENCE:])) == 1


def test_a_sentence_of_120_characters_and_later_ones_stay_whole():
    exact = LONG[: LONG_FIRST_SENTENCE - 1] + "."
    assert texts(exact + " Next.") == [exact, "Next."]
    assert texts("Short. " + LONG + ".") == ["Short.", LONG + "."]


@pytest.mark.parametrize(
    "beginning",
    [
        "About 1,000,000 people and 10:30:00 hours and no clause at all",
        "They all came here on March 5, 1990 in the evening of that day",
        "She answered him with 'yes, but not now, please' and went away",
        "See e.g., this and i.e., that without any",
        "He said “yes, no, maybe, and yes” and went",
        "Go to https://example.com/a,b;c:d now",
        "Well, no",
    ],
)
def test_a_first_clause_ends_in_no_number_abbreviation_address_or_short_quotation(beginning):
    text = f"{beginning} {'and on ' * 20}, then it ends."
    assert texts(text)[0] == f"{beginning} {'and on ' * 20},".replace(" ,", " ,")


def test_a_long_quotation_may_be_cut():
    text = "She said “there was a time when I knew the sea, and the sea knew me” " + "so " * 40
    assert texts(text)[0] == "She said “there was a time when I knew the sea,"


def test_a_pause_of_the_writer_releases_the_first_clause():
    segmenter = Segmenter(pause_ms=400)
    assert segmenter.feed("When the tide comes in, the", 10.0) == []
    assert segmenter.tick(10.399) == []
    (clause,) = segmenter.tick(10.4)
    assert clause.text == "When the tide comes in,"
    (rest,) = segmenter.feed(" fishermen go. N", 11.0)
    assert (rest.text, rest.continues, rest.begins_paragraph) == ("the fishermen go.", True, False)


@pytest.mark.parametrize(
    ("text", "released"),
    [
        ("Hello there.", True),
        ('"Is it you?"', True),
        ("A line without a full stop\n", True),
        ("走了。", True),
        ("I met Dr.", False),
        ("It costs 3.", False),
        ("It costs 3. ", True),
        ("It is 5 p.m.", True),
        ("No clause yet", False),
        ("1.", False),
    ],
)
def test_a_pause_releases_a_sentence_that_seems_complete(text, released):
    segmenter = Segmenter()
    assert segmenter.feed(text, 0.0) == []
    assert bool(segmenter.tick(1.0)) is released


def test_pauses_release_complete_sentences_later_too_but_no_clauses():
    segmenter = Segmenter()
    segmenter.feed("One. Two, then", 0.0)
    assert segmenter.tick(1.0) == []
    segmenter.feed(" three.", 1.0)
    assert [s.text for s in segmenter.tick(2.0)] == ["Two, then three."]
    assert segmenter.tick(3.0) == []
    segmenter.feed("\n\nFour.", 3.0)
    assert [(s.text, s.begins_paragraph) for s in segmenter.finish()] == [("Four.", True)]


def test_before_anything_is_written_there_is_no_pause():
    assert Segmenter().tick(100.0) == []


def test_text_without_any_full_stop_is_cut_and_memory_stays_bounded():
    segmenter = Segmenter()
    found = []
    for _ in range(200):
        found += segmenter.feed("word " * 100)
        assert len(segmenter._text) < 2 * MAX_SENTENCE
    assert all(len(sentence.text) <= MAX_SENTENCE for sentence in found)
    endless = cut(["x" * 5000])
    assert [len(sentence.text) for sentence in endless] == [MAX_SENTENCE] * 5


def test_voices_and_pauses_end_sentences_and_reach_the_next_one():
    segmenter = Segmenter()
    found = segmenter.feed_fragments(
        [
            Fragment("Hello", Span(0, 5)),
            Fragment(" there", Span(5, 11), pause_ms=300),
            Fragment("", Span(11, 11), pause_ms=200),
            Fragment("you", Span(11, 14), voice="nova"),
            Fragment("Next", Span(14, 18), Break.PARAGRAPH, voice="nova"),
        ]
    )
    found += segmenter.finish()
    assert [(s.text, s.pause_ms, s.voice, s.begins_paragraph) for s in found] == [
        ("Hello", 0, None, True),
        ("there", 300, None, False),
        ("you", 200, "nova", False),
        ("Next", 0, "nova", True),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Hello", "en"), ("123", "en"), ("", "en"), ("Привет", "ru"), ("Γεια", "el"),
        ("今日は", "ja"), ("今天", "zh"), ("안녕", "ko"), ("مرحبا", "ar"), ("שלום", "he"),
        ("नमस्ते", "hi"), ("OK, да", "ru"),
    ],
)  # fmt: skip
def test_the_language_is_guessed_by_the_script(text, code):
    assert guess_language(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Der Hund ist nicht da.", "de"), ("Le chien est dans la maison.", "fr"),
        ("El perro está en la casa.", "es"), ("Il cane è nella casa, non qui.", "it"),
        ("O cão não está em casa.", "pt"), ("De hond is niet in het huis.", "nl"),
        ("Pies jest w domu i nie śpi.", "pl"), ("Köpek evde değil ve bu çok iyi.", "tr"),
        ("The dog is in the house.", "en"), ("He ate a crème brûlée in the café.", "en"),
        ("Die, he said to the man on the floor.", "en"), ("No.", "en"), ("", "en"),
    ],
)  # fmt: skip
def test_the_language_of_latin_script_is_guessed_by_frequent_words(text, code):
    assert guess_latin(text) == code


@pytest.mark.parametrize(
    "line",
    [
        "He lives on Main St.|She does not.",
        "I met Ed.|He left.",
        "Put it on.|5 men came.",
        "It was the max.|He liked it.",
        "He drew a fig.|It was ripe.",
        "She is with me.|Max. 5 people may come.",
        "They paid at par.|We did not.",
        "I wear a cap.|It is red.",
        "That is art.|You know.",
        "'Tis the rag.|It is old.",
        "The '90s were fun.|The '80s too.",
        "He said 'no'.|She said 'yes'.",
        "It's the boys' ball.|'Give it back!' they said.",
    ],
)
def test_english_words_that_are_abbreviations_elsewhere_end_sentences(line):
    expected = line.split("|")
    assert texts(" ".join(expected)) == expected
    assert cut(each_byte(" ".join(expected))) == cut([" ".join(expected)])


def test_what_was_said_before_tells_the_language():
    text = "Das ist der Hund, und er ist nicht da. Am 3. Okt. 1990 kam er."
    assert texts(text)[1:] == ["Am 3. Okt. 1990 kam er."]


@pytest.mark.parametrize(
    "line",
    [
        "Τι κάνεις;|Καλά!|Ο κ. Παπάς ήρθε.",
        "One; two; three.|Τι είναι;|Four.",
        "ဒါက ပထမ စာကြောင်းပါ။|ဒုတိယပါ။",
        "བོད་ཡིག།|གཉིས་པ།",
        "यह पहला है।|डॉ. शर्मा आए।",
        "Really⁉|Yes‼",
    ],
)
def test_terminators_of_each_script_are_known_without_the_language(line):
    expected = line.split("|")
    joined = " ".join(expected)
    for size in (1, 3, len(joined)):
        segmenter = Segmenter()
        found = [
            s for at in range(0, len(joined), size) for s in segmenter.feed(joined[at : at + size])
        ]
        assert [sentence.text for sentence in [*found, *segmenter.finish()]] == expected
