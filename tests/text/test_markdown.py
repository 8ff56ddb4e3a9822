"""Markdown as it is spoken: the CommonMark and GFM specifications, and real chat answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pieces import cut_anywhere, each_byte
from voicecli.text.markdown import CodeBlocks, looks_like_markdown
from voicecli.text.stage import Markdown, TextOptions, TextStage

if TYPE_CHECKING:
    from voicecli.text.segment import Sentence


def read(pieces: list[bytes], **options: object) -> list[Sentence]:
    stage = TextStage(TextOptions(**options))  # type: ignore[arg-type]
    found = []
    for piece in pieces:
        found += stage.feed(piece)
    return found + stage.finish()


def spoken(text: str, **options: object) -> list[str]:
    """Return sentences; ``¶`` before one that begins a paragraph, but for the first."""
    found = read([text.encode()], markdown=Markdown.ON, **options)
    return [("¶" if s.begins_paragraph and s.number else "") + s.text for s in found]


INLINE = [
    # Emphasis: CommonMark 6.2
    ("*foo bar*", "foo bar"),
    ("a * foo bar*", "a * foo bar*"),
    ('a*"foo"*', 'a*"foo"*'),
    ("foo*bar*", "foobar"),
    ("_foo bar_", "foo bar"),
    ("foo_bar_baz", "foo_bar_baz"),
    ("пристаням_стремятся_", "пристаням_стремятся_"),
    ("**foo bar**", "foo bar"),
    ("** foo bar**", "** foo bar**"),
    ("__foo bar__", "foo bar"),
    ("foo__bar__baz", "foo__bar__baz"),
    ("*foo **bar** baz*", "foo bar baz"),
    ("***strong emph***", "strong emph"),
    ("**unfinished and more", "**unfinished and more"),
    (r"\*not emphasis\*", "*not emphasis*"),
    ("3 * 4 * 5", "3 * 4 * 5"),
    ("3*4*5 and 2*x", "3*4*5 and 2*x"),
    ("C# and F# and #1 and a_b", "C# and F# and #1 and a_b"),
    # Strikethrough
    ("~~gone~~ here", "gone here"),
    ("about ~5 or ~ 6", "about ~5 or ~ 6"),
    # Code
    ("`foo`", "foo"),
    ("`` foo ` bar ``", "foo ` bar"),
    ("`foo   bar baz`", "foo bar baz"),
    ("`<b>` and `**`", "<b> and **"),
    ("a ` lonely one", "a ` lonely one"),
    # Links and images
    ('[link](/uri "title")', "link"),
    ("[link](<b)c>)", "link"),
    ("[a *b* `c`](u)", "a b c"),
    ("[link](foo(bar))", "link"),
    ("[not a link] (u)", "[not a link] (u)"),
    ("x[0] and y[i]", "x[0] and y[i]"),
    ("[text][ref] and [text][]", "text and text"),
    ("![A dog](dog.png)", "A dog"),
    ("![A *big* dog](dog.png) barks", "A big dog barks"),
    ("![](dog.png) barks", "barks"),
    ("[![badge](b.svg)](u) text", "badge text"),
    ("<https://example.com/a/b>", "example.com"),
    ("see <https://a.org/b> now", "see a.org now"),
    # Bare addresses
    ("See https://www.example.com/a/b?c=d#e.", "See example.com."),
    ("(www.example.com/x), yes", "(example.com), yes"),
    ("https://de.wikipedia.org/wiki/Foo_(bar) x", "de.wikipedia.org x"),
    ("http://localhost:8080/v1 runs", "localhost runs"),
    ("mail me@example.com now", "mail me@example.com now"),
    # HTML
    ("a <b>bold</b> word", "a bold word"),
    ("one<br>two", "one two"),
    ("H<sub>2</sub>O", "H2O"),
    ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
    ("a <!-- hidden --> b", "a b"),
    ("AT&amp;T &copy; &quot;x&quot;", 'AT&T © "x"'),
    ("AT&T and R&D", "AT&T and R&D"),
    ("foo  \nbar", "foo bar"),
    ("foo\\\nbar", "foo bar"),
    ("foo\nbaz", "foo baz"),
    # Emoji and footnotes
    ("Done 🎉 now 👍🏽", "Done now"),
    ("👨‍👩‍👧 family 🇩🇪 1️⃣", "family 1"),
    ("A claim[^1] here", "A claim here"),
]

BLOCKS = [
    # Headings
    ("# foo\nbar", ["foo.", "¶bar"]),
    ("### foo ###", ["foo."]),
    ("#5 bolt\n\n#hashtag", ["#5 bolt", "¶#hashtag"]),
    ("# What now?\ntext", ["What now?", "¶text"]),
    ("Foo *bar*\n=========\ntext", ["Foo bar", "¶text"]),
    # Rules
    ("foo\n\n***\n\nbar", ["foo", "¶bar"]),
    ("- - -\nfoo", ["foo"]),
    # Lists
    ("- foo\n- bar\n+ baz", ["foo.", "bar.", "¶baz."]),
    ("1. foo\n2. bar\n10) baz", ["1. foo.", "2. bar.", "¶10) baz."]),
    ("- foo\n  - bar\n    - baz", ["foo.", "bar.", "baz."]),
    ("- a\n\n  second\n- b", ["a.", "second.", "b."]),
    ("* **Fast**: it is quick.\n* Good!", ["Fast: it is quick.", "Good!"]),
    ("- [ ] open\n- [x] shut", ["open.", "done: shut."]),
    ("Take:\n- one\n- two\n\nThen go.", ["Take:", "¶one.", "two.", "¶Then go."]),
    ("1986. A great year.", ["1986. A great year."]),
    ("1.5 million and -5 degrees", ["1.5 million and -5 degrees"]),
    ("- 买牛奶\n- 写信", ["买牛奶。", "写信。"]),
    # Quotations
    ("> foo\n> bar", ["foo bar"]),
    ("> # Foo\n> bar\nbaz", ["Foo.", "¶bar baz"]),
    ("> a\n\nb", ["a", "¶b"]),
    # Code
    ("```python\nx = 1\n\ny = 2\n```\nDone.", ["code, 3 lines, Python.", "¶Done."]),
    ("~~~\none\n~~~", ["code, 1 line."]),
    ("```text\none\ntwo\n```", ["code, 2 lines."]),
    ("```foo bar\none\n", ["code, 1 line, Foo."]),
    ("text\n\n    a = 1\n    b = 2\n\nmore", ["text", "¶code, 2 lines.", "¶more"]),
    ("1. Run:\n   ```sh\n   make\n   ```\n2. Go", ["1. Run:", "code, 1 line, shell.", "2. Go."]),
    # Tables
    ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |  |", ["a, b.", "1, 2.", "3."]),
    ("abc | def\n--- | ---\nx | y\n\nz", ["abc , def.", "x, y.", "¶z"]),
    ("| `a` | **b** \\| c |\n| :-: | --: |\n| [d](e) | f. |", ["a, b | c.", "d, f."]),
    ("|" + "x|" * 8 + "\n|" + "-|" * 8 + "\n|" + "1|" * 8 + "\n", ["table, 8 columns, 1 row."]),
    ("a | b is no table", ["a | b is no table"]),
    # HTML blocks
    ("<div>\nHello <i>you</i>\n</div>\n\nBye", ["Hello you", "¶Bye"]),
    ("<!-- hidden\n\nmore -->\n\nfoo", ["foo"]),
    ("[foo]: /url 'title'\n\nfoo", ["foo"]),
    ("foo\n\n[a]: http://b.c\n", ["foo"]),
]  # fmt: skip

ANSWER = """\
Sure! Here's how **tides** work 🌊:

## The Moon's pull

The Moon's *gravity* pulls on the ocean (see [NOAA](https://noaa.gov/tides)). Dr. Smith
calls it "a bulge". That is 2 * 12 hours.

1. **High tide** – the bulge faces you.
2. **Low tide** – it doesn't.

```python
def tide(hour):
    return hour % 12
```

> Remember: water follows the Moon.

| Place | Range |
|:------|------:|
| Fundy | 16 m  |

Let me know if you'd like more!
"""
HEARD = [
    "Sure!",
    "Here's how tides work:",
    "¶The Moon's pull.",
    "¶The Moon's gravity pulls on the ocean (see NOAA).",
    'Dr. Smith calls it "a bulge".',
    "That is 2 * 12 hours.",
    "¶1. High tide – the bulge faces you.",
    "2. Low tide – it doesn't.",
    "¶code, 2 lines, Python.",
    "¶Remember: water follows the Moon.",
    "¶Place, Range.",
    "Fundy, 16 m.",
    "¶Let me know if you'd like more!",
]


def test_the_inside_of_a_paragraph():
    for text, expected in INLINE:
        assert " ".join(spoken(text)) == expected, repr(text)


def test_blocks():
    for text, expected in BLOCKS:
        assert spoken(text) == expected, repr(text)


@pytest.mark.parametrize("markdown", [Markdown.ON, Markdown.AUTO])
def test_each_byte_on_its_own_makes_no_difference(markdown):
    for text, _ in [*INLINE, *BLOCKS]:
        whole = read([text.encode()], markdown=markdown)
        assert read(each_byte(text), markdown=markdown) == whole, repr(text)


def test_a_real_answer_from_a_chat():
    assert spoken(ANSWER) == HEARD
    assert read([ANSWER.encode()]) == read([ANSWER.encode()], markdown=Markdown.ON)


def test_each_sentence_knows_its_place_in_the_source():
    places = {s.text: ANSWER[s.span.start : s.span.end] for s in read([ANSWER.encode()])}
    assert places["Here's how tides work:"] == "Here's how **tides** work 🌊:"
    assert places["The Moon's pull."] == "The Moon's pull"
    assert places["1. High tide – the bulge faces you."].startswith("1. **High tide**")
    code = ANSWER[ANSWER.index("```") : ANSWER.rindex("```") + 3]
    assert places["code, 2 lines, Python."] == code
    assert places["Fundy, 16 m."] == "Fundy | 16 m"


@pytest.mark.parametrize(
    "text",
    [
        "3 * 4 is 12, and 5 * 6 is 30.", "C# or F#?", "a_b and __init__ of x", "#1 in the charts",
        "# is a hash", "x < y and y > z", "AT&T, R&D", "2*3*4", "a [sic] b", "f(x)[0][1]",
        "~5 minutes", "Back\\slash", "- ", "1. First\n2. Second", "cost: $5 * 2", "it's `odd",
        "    indented\n    lines", "<name> is missing", "2 | 3", "ab\n cd", "* footnote",
    ],
)  # fmt: skip
def test_prose_is_spoken_as_it_is(text):
    if text not in ("# is a hash", "* footnote", "a_b and __init__ of x"):
        assert not looks_like_markdown(text)
        plain = read([text.encode()], markdown=Markdown.OFF)
        assert read([text.encode()]) == plain


@pytest.mark.parametrize(
    "text",
    [
        "# Title", "a **b** c", "*b*", "a _b_ c", "`code`", "```\nx", "~~~py", "- item", "* item",
        "+ item", "> quote", "[a](b)", "![a](b)", "| a | b |", "a | b\n--- | ---", "Title\n===",
        "***", "~~no~~", "a<br>b", "<details>", "[a]: http://b", "<https://a.b>", "text\n- item",
    ],
)  # fmt: skip
def test_marks_that_are_markdown(text):
    assert looks_like_markdown(text)


def test_addresses_and_emoji_are_never_read_out():
    assert [s.text for s in read([b"See https://a.org/b?c=1 there."])] == ["See a.org there."]
    assert [s.text for s in read(["Nice 👍 work.".encode()])] == ["Nice work."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello world 🌍!", "Hello world!"),
        ("Hello 👍🏽, you and I.", "Hello, you and I."),
        ("Well done 🎉 🎉 .", "Well done ."),
        ("Well done 🎉 🎉.", "Well done."),
        ("It went (fine 😀) today.", "It went (fine) today."),
        ("A **strong** 🌍!", "A strong!"),
        ("Bonjour le monde 🌍 !", "Bonjour le monde !"),
        ("A word 🌍 and more.", "A word and more."),
    ],
)
def test_an_emoji_takes_the_space_before_punctuation_with_it(text, expected):
    for size in (1, 3, len(text)):
        pieces = [text[at : at + size].encode() for at in range(0, len(text), size)]
        assert [s.text for s in read(pieces)] == [expected]


def test_code_can_be_read_or_left_out():
    text = "Do:\n\n```py\na = 1\n\nb = 2\n```\n\nDone."
    assert spoken(text, code=CodeBlocks.READ) == ["Do:", "¶a = 1", "b = 2", "¶Done."]
    assert spoken(text, code=CodeBlocks.SKIP) == ["Do:", "¶Done."]


def test_with_markdown_off_every_mark_is_spoken():
    text = "# A **b** `c` https://a.b/c"
    assert [s.text for s in read([text.encode()], markdown=Markdown.OFF)] == [text]


def test_what_a_model_thinks_is_left_out_unless_wanted():
    text = "<think>\nHmm. **Wait.**\n</think>\n\nThe answer is 4."
    assert spoken(text) == ["The answer is 4."]
    assert spoken(text, think=True) == ["Hmm.", "Wait.", "¶The answer is 4."]
    inline = "<think>Hmm.</think>The answer is 4."
    assert spoken(inline) == ["The answer is 4."]
    assert spoken(inline, think=True) == ["Hmm.", "¶The answer is 4."]
    assert spoken("Use the <think> tag.") == ["Use the think tag."]
    assert spoken("<thin air>") == ["thin air"]
    assert spoken("<think>never closed. Really.") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\n<think>\nx\n```\n\nAfter.", ["code, 2 lines.", "After."]),
        ("A:\n~~~xml\n<think>hm\n~~~\nAfter.", ["A:", "code, 1 line, XML.", "After."]),
        ("- A:\n  ```\n  <think>\n  ```\n\nAfter.", ["A:", "code, 1 line.", "After."]),
        ("````\n```\n<think>\n````\n\nAfter.", ["code, 2 lines.", "After."]),
        ("`<think>` is a tag. It opens.", ["<think> is a tag.", "It opens."]),
        ("```x``` is code.\n<think>\nHm.\n</think>\nAfter.", ["x is code.", "After."]),
        ("```\na\n```\n<think>\nHm.\n</think>\nAfter.", ["code, 1 line.", "After."]),
        ("<think>\n```\nHm.\n</think>\n<think>No.</think>After.", ["After."]),
    ],
)
def test_a_think_tag_in_code_is_code(text, expected):
    for size in (1, 5, len(text)):
        pieces = [text[at : at + size].encode() for at in range(0, len(text), size)]
        assert [s.text for s in read(pieces)] == expected


def test_text_flows_word_by_word_until_a_mark_opens():
    stage = TextStage()
    assert [s.text for s in stage.feed("Hello there. T")] == ["Hello there."]
    assert stage.feed("his is **bold. No") == []
    assert [s.text for s in stage.feed("pe** word. N")] == ["This is bold.", "Nope word."]


def test_an_item_is_spoken_when_the_next_one_begins():
    stage = TextStage()
    assert [s.text for s in stage.feed("- one\n- two\n")] == ["one."]
    assert [s.text for s in stage.feed("\nN")] == ["two."]


def test_a_pause_of_the_writer_releases_a_sentence_and_a_complete_item():
    stage = TextStage()
    assert stage.feed("Hello **there**.", 1.0) == []
    assert stage.tick(1.2) == []
    assert [s.text for s in stage.tick(1.4)] == ["Hello there."]
    assert stage.feed("\n\n- one\n", 2.0) == []
    assert [s.text for s in stage.tick(2.5)] == ["one."]


def test_a_mark_that_never_closes_holds_text_back_only_so_long():
    stage = TextStage(TextOptions(markdown=Markdown.ON))
    found = stage.feed("An *odd start. " + "This goes on and on. " * 40)
    assert len(found) > 10
    assert found[0].text == "An *odd start."


MARKS = st.sampled_from([
    "Hello", "world", "Dr.", " ", " ", " ", ". ", "! ", "\n", "\n\n", "* ", "- ", "*", "**", "_",
    "__", "~~", "`", "``", "```", "```py\n", "\n```\n", "[", "]", "](", "(", ")", "[a](http://b.c)",
    "![x](y)", "<", "<b>", "</b>", "<br>", "http", "https://", "www.", "a.b/c", "|", "| a | b |\n",
    "|---|---|\n", "--- | ---\n", "# ", "## ", "> ", "1. ", "2) ", "===", "---", "    ", "\t",
    "\\", "&amp;", "&", "😀", "👨‍👩", "x", "é", "日本。", "<think>", "</think>", "\r\n", "!",
    "[ref]: http://x\n", "[a][b]", "5", "3*4", "#1", "<!--", "-->", "<div>",
])  # fmt: skip


@given(st.lists(MARKS, max_size=30).map("".join), st.sampled_from(list(Markdown)), st.data())
def test_the_same_is_spoken_however_the_text_is_split(text, markdown, data):
    whole = read([text.encode()], markdown=markdown)
    assert read(cut_anywhere(text, data), markdown=markdown) == whole
    assert all(0 <= s.span.start < s.span.end <= len(text) for s in whole)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Said before.[^1] And[^2] after.", "Said before. And after."),
        ("See [the docs][1] and [others][].", "See the docs and others."),
        ("AT&amp;T said &quot;no&quot;.", 'AT&T said "no".'),
        ("It is <!-- not --> here.", "It is here."),
        ("<script>alert(1)</script>\n\nNext.", "Next."),
        ("Use a[0][1], f(x)[0][1] and [^abc] here.", "Use a[0][1], f(x)[0][1] and [^abc] here."),
    ],
)
def test_marks_of_one_line_are_recognised_without_any_other(text, expected):
    stage = TextStage(TextOptions())
    found = stage.feed(text) + stage.finish()
    assert " ".join(sentence.text for sentence in found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Put **your** <api-key> there.", ["Put your api-key there."]),
        ("A **List**<String> is <b>it</b>.", ["A List String is it."]),
        ("So a<b and c>d, **x**.", ["So a b and cd, x."]),
        ('<x-card title="no"></x-card> and <details open>**yes**</details>', ["and yes"]),
        (
            "<table><tr><th>a</th><th>b</th></tr>\n<tr><td>1</td><td>2.</td></tr></table>\n",
            ["a, b. 1, 2."],
        ),
        ("<ul><li>One</li><li>Two</li></ul>\n", ["One.", "Two."]),
        ("<h1>Title</h1><p>Text<br>more</p>\n", ["Title.", "Text more."]),
    ],
)
def test_html_keeps_its_words_apart_and_placeholders_are_words(text, expected):
    stage = TextStage(TextOptions(markdown=Markdown.ON))
    found = stage.feed(text) + stage.finish()
    assert [sentence.text for sentence in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ntitle: A page\ntags:\n  - one\n- two\n---\n\n# Hello\n\nText.", ["Hello.", "Text."]),
        ("---\r\ntitle: A page\r\n---\r\nText.", ["Text."]),
        ("---\nlayout: post\n...\nText.", ["Text."]),
        ("+++\ntitle = 'x'\n[extra]\n+++\nText.", ["Text."]),
        ("---\ntitle: only\n---", []),
        ("---\n\nText: it is.\n\n---\n", ["Text: it is."]),
        ("---\nNote: it is.\n\n---\n", ["Note: it is."]),
        ("---\ntitle: never closed\n", ["title: never closed"]),
        ("Text.\n\n---\nkey: value\n---\n", ["Text.", "key: value"]),
        ("---\r\nNote: it is.\r\n\r\n---\r\n", ["Note: it is."]),
        ("--- he said.", ["--- he said."]),
    ],
)
def test_front_matter_is_silent(text, expected):
    for size in (1, 5, len(text)):
        stage = TextStage(TextOptions())
        found = [s for at in range(0, len(text), size) for s in stage.feed(text[at : at + size])]
        assert [sentence.text for sentence in [*found, *stage.finish()]] == expected


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nText.\n",
        "Title\n=====\nText.\n",
        "***\nText.\n",
        "a | b\n-|-\n1 | 2\n",
        "| a |\n|---|\n",
    ],
)
def test_lines_that_end_as_in_windows_are_the_same_markdown(text):
    def spoken_as(source):
        stage = TextStage(TextOptions())
        return [sentence.text for sentence in stage.feed(source) + stage.finish()]

    assert spoken_as(text.replace("\n", "\r\n")) == spoken_as(text)
    assert not any(mark in "".join(spoken_as(text)) for mark in "-=*|")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think lang='x'>hm</think>Hi.", ["Hi."]),
        ("<THINK >hm</Think >Hi.", ["Hi."]),
        ("<thinking\nbudget=1>\nhm\n</thinking>\nHi.", ["Hi."]),
        ("<think twice before you speak. Really.", ["<think twice before you speak.", "Really."]),
        (f"<think {'long ' * 30}> it is.", [f"<think {'long ' * 30}> it is."]),
    ],
)
def test_a_think_tag_may_have_attributes(text, expected):
    for size in (1, len(text)):
        stage = TextStage(TextOptions(markdown=Markdown.OFF))
        found = [s for at in range(0, len(text), size) for s in stage.feed(text[at : at + size])]
        spoken = " ".join(sentence.text for sentence in [*found, *stage.finish()])
        assert spoken == " ".join(" ".join(expected).split())
