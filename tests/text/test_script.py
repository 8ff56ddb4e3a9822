"""Scripts with several voices and pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pieces import cut_anywhere
from voicecli.text.fragment import TextDecoder
from voicecli.text.script import ScriptReader, pause_ms
from voicecli.text.segmenter import Segmenter

if TYPE_CHECKING:
    from voicecli.text.segment import Sentence


def read(pieces: list[bytes]) -> list[Sentence]:
    decoder, script, segmenter = TextDecoder(), ScriptReader(), Segmenter()
    found = []
    for piece in pieces:
        found += segmenter.feed_fragments(script.feed(decoder.feed(piece)))
    found += segmenter.feed_fragments(script.feed(decoder.finish()))
    found += segmenter.feed_fragments(script.finish())
    return found + segmenter.finish()


def spoken(text: str) -> list[tuple[str | None, int, str]]:
    return [(s.voice, s.pause_ms, s.text) for s in read([text.encode()])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nova: Hello. Bye.", [("nova", 0, "Hello."), ("nova", 0, "Bye.")]),
        ("nova: Hello\nonyx: Hi", [("nova", 0, "Hello"), ("onyx", 0, "Hi")]),
        ("kokoro/af_bella: Hello", [("kokoro/af_bella", 0, "Hello")]),
        ("af_bella(2)+af_sky(1): Hello", [("af_bella(2)+af_sky(1)", 0, "Hello")]),
        ("  nova:\tHello", [("nova", 0, "Hello")]),
        ("nova: One\nnova: Two", [("nova", 0, "One"), ("nova", 0, "Two")]),
        ("nova: One sentence\non two lines.", [("nova", 0, "One sentence on two lines.")]),
        ("nova:\nHello.", [("nova", 0, "Hello.")]),
        ("No voice.\nnova: Hello", [(None, 0, "No voice."), ("nova", 0, "Hello")]),
        ("https://a.org is it", [(None, 0, "https://a.org is it")]),
        ("10:30 is late", [(None, 0, "10:30 is late")]),
        ("Two words: no voice", [(None, 0, "Two words: no voice")]),
        ("[500ms]Hello", [(None, 500, "Hello")]),
        ("Hello [1.5s] there", [(None, 0, "Hello"), (None, 1500, "there")]),
        ("Hi. [500ms] [250 ms]\nYou.", [(None, 0, "Hi."), (None, 750, "You.")]),
        ("nova: Hi [1s]\nonyx: You", [("nova", 0, "Hi"), ("onyx", 1000, "You")]),
        ("nova: [300ms] Hi", [("nova", 300, "Hi")]),
        ("See [1] and [x ms] and [500m].", [(None, 0, "See [1] and [x ms] and [500m].")]),
        ("Hi [9999s] you", [(None, 0, "Hi"), (None, 60_000, "you")]),
        ("Hello [500ms]", [(None, 0, "Hello")]),
        ("Hello [500", [(None, 0, "Hello [500")]),
        ("nova:", []),
    ],
)
def test_who_says_what_after_which_pause(text, expected):
    assert spoken(text) == expected


def test_spans_are_those_of_the_words_without_the_voice():
    text = "nova: Hello. [500ms] Bye.\nonyx: Hi."
    assert [text[s.span.start : s.span.end] for s in read([text.encode()])] == [
        "Hello.",
        "Bye.",
        "Hi.",
    ]


def test_a_blank_line_begins_a_paragraph_and_another_line_does_not():
    found = read([b"nova: One.\nonyx: Two.\n\nnova: Three."])
    assert [sentence.begins_paragraph for sentence in found] == [True, False, True]


@given(
    st.lists(
        st.sampled_from(["nova: ", "onyx:", "\n", " ", "[500ms]", "[1", "s]", "Hello.", "é", "[x]"])
    ).map("".join),
    st.data(),
)
def test_a_script_reads_the_same_however_it_is_split(text, data):
    assert read(cut_anywhere(text, data)) == read([text.encode()])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[500ms]", 500), ("[1.5s]", 1500), ("[ 2 S ]", 2000), ("[5]", None), ("500ms", None)],
)
def test_a_pause_on_its_own(text, expected):
    assert pause_ms(text) == expected


def test_an_open_bracket_holds_back_only_what_may_be_a_pause():
    script, decoder = ScriptReader(), TextDecoder()
    assert [each.text for each in script.feed(decoder.feed("So [1"))] == ["So "]
    assert [each.text for each in script.feed(decoder.feed("1" * 200))] == ["[1" + "1" * 200]
