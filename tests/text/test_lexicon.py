"""Words and regular expressions that are spoken otherwise."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pieces import cut_anywhere
from voicecli.errors import ConfigError
from voicecli.text.fragment import Fragment, TextDecoder
from voicecli.text.lexicon import Lexicon, Replacer
from voicecli.text.segment import Span

TABLE = tomllib.loads(r"""
kubectl = "cube control"
US = "U S"
"New York" = "the big city"
"New" = "brand new"
"C++" = "see plus plus"
"AC/DC" = 'ay see \ dee see'
'/(\d+) ?km\/h/' = '\1 kilometres an hour'
'/v(\d+)\.(\d+)/' = 'version \1 point \2'

[de]
"z. B." = "zum Beispiel"
kubectl = "Kuberkontroll"

[pt-BR]
vc = "você"

[pt]
vc = "tu"
""")


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Run kubectl now.", "Run cube control now."),
        ("Kubectl, KUBECTL.", "cube control, cube control."),
        ("kubectls and mykubectl stay.", "kubectls and mykubectl stay."),
        ("The US and us.", "The U S and us."),
        ("In New York.", "In the big city."),
        ("A New Yorker's New hat.", "A brand new Yorker's brand new hat."),
        ("New", "brand new"),
        ("I write C++.", "I write see plus plus."),
        ("AC/DC!", r"ay see \ dee see!"),
        ("At 120 km/h, or 90km/h.", "At 120 kilometres an hour, or 90 kilometres an hour."),
        ("Use v2.11 (v3.0).", "Use version 2 point 11 (version 3 point 0)."),
        ("z. B. Hunde", "z. B. Hunde"),
        ("", ""),
    ],
)
def test_what_is_spoken(text, spoken):
    assert Lexicon(TABLE).apply(text) == spoken


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("de", "Hunde, z. B. kubectl.", "Hunde, zum Beispiel Kuberkontroll."),
        ("de-AT", "z. B.", "zum Beispiel"),
        ("pt-BR", "vc", "você"),
        ("pt", "vc", "tu"),
        ("en", "vc", "vc"),
    ],
)
def test_the_tables_of_languages_win_over_what_is_for_all(language, text, spoken):
    assert Lexicon(TABLE, language).apply(text) == spoken


def test_replaced_text_keeps_its_place_in_the_source():
    stage = Replacer(Lexicon(TABLE))
    text = "Now kubectl runs."
    found = stage.feed([Fragment(text, Span(100, 100 + len(text)))]) + stage.finish()
    assert [(piece.text, tuple(piece.span)) for piece in found] == [
        ("Now ", (100, 104)),
        ("cube control", (104, 111)),
        (" runs.", (111, 117)),
    ]


def test_a_word_that_cannot_be_one_of_the_lexicon_is_not_held_back():
    stage, decoder = Replacer(Lexicon({"kubectl": "x"})), TextDecoder()
    assert "".join(f.text for f in stage.feed(decoder.feed("The t"))) == "The t"
    assert "".join(f.text for f in stage.feed(decoder.feed(" kub"))) == " "
    assert "".join(f.text for f in stage.feed(decoder.feed("es"))) == "kubes"


@given(
    st.lists(
        st.sampled_from([
            "kubectl", "US", "New", "York", " ", " ", "\n", "120", "km/h", "v2", ".11", "C++", "x",
            "AC/", "DC", ".", "é", "kube",
        ])
    ).map("".join),
    st.data(),
)  # fmt: skip
def test_the_same_is_spoken_however_the_text_is_split(text, data):
    stage, decoder = Replacer(Lexicon(TABLE)), TextDecoder()
    spoken = ""
    for piece in cut_anywhere(text, data):
        spoken += "".join(fragment.text for fragment in stage.feed(decoder.feed(piece)))
    spoken += "".join(fragment.text for fragment in stage.feed(decoder.finish()))
    spoken += "".join(fragment.text for fragment in stage.finish())
    assert spoken == Lexicon(TABLE).apply(text)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": 5}, "'a' must be a string, not a number"),
        ({"a": True}, "'a' must be a string, not a boolean"),
        ({"a": ["b"]}, "'a' must be a string, not an array"),
        ({"": "x"}, "1 to 500 characters, not 0"),
        ({"x" * 501: "x"}, "1 to 500 characters, not 501"),
        ({"/(/": "x"}, r"/\(/ = 'x': missing \)"),
        ({"/a/": r"\1"}, r"invalid group reference 1"),
        ({"/a*/": "x"}, "matches the empty string"),
        ({"german words": {"a": "b"}}, "not a language code"),
        ({"de": {"a": 5}}, "lexicon.de: 'a' must be a string, not a number"),
        ({"de": {"/(/": "x"}}, r"/\(/"),
        ({f"w{n}": "x" for n in range(5001)}, "5001 entries are more than 5000"),
    ],
)
def test_mistakes_are_named(table, message):
    with pytest.raises(ConfigError, match=message):
        Lexicon(table)


@pytest.mark.parametrize(
    ("expression", "text"), [("(a|aa)+b", "a" * 64), (r"(a|a)+\1b", "a" * 64 + " b")]
)
def test_a_regular_expression_without_end_is_given_up(expression, text):
    """Python's re would take years, and nothing could interrupt it."""
    warnings = []
    lexicon = Lexicon({f"/{expression}/": "x", "/[bc]/": "y"}, notify=warnings.append)
    assert lexicon.apply(f"{text} {text} c") == f"{text} {text} c".replace("b", "y")[:-1] + "y"
    assert warnings == [f"lexicon: {expression!r} takes too long to match and is ignored"]


@pytest.mark.parametrize(
    ("key", "text", "spoken"),
    [
        ("日本", "日本語と日本。", "x語とx。"),
        ("北京", "他住在北京市。", "他住在x市。"),
        ("กรุงเทพ", "ไปกรุงเทพกัน", "ไปxกัน"),
        ("US", "米国はUSです。USAも", "米国はxです。USAも"),
        ("don't", "I don’t, don't", "I x, x"),
        ("’tis", "'tis ’tis", "x x"),
    ],
)
def test_words_are_found_without_spaces_and_with_either_apostrophe(key, text, spoken):
    assert Lexicon({key: "x"}).apply(text) == spoken
    stage, decoder = Replacer(Lexicon({key: "x"})), TextDecoder()
    found = [piece for letter in text for piece in stage.feed(decoder.feed(letter))]
    assert "".join(piece.text for piece in [*found, *stage.finish()]) == spoken
