from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from voicecli.bench.page.inlinesvg import inline

FILE = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
     width="330pt" height="60pt" viewBox="0 0 330 60" version="1.1">
 <metadata><about>somebody</about></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="figure_1">
  <defs><path id="m12" d="M 0 1"/></defs>
  <g id="tooltip-0" clip-path="url(#p34)"><use xlink:href="#m12" style="fill: #FE0101"/></g>
  <g id="text_1"><text style="fill: #fe0102; stroke: #fe0101">text-0</text></g>
  <g id="text_2"><text>text-00</text></g>
 </g>
 <defs><clipPath id="p34"><rect/></clipPath></defs>
</svg>
"""


def inlined(**changes):
    settings = {
        "name": "level-1",
        "title": "A level",
        "description": "It rises.",
        "colors": {"#fe0101": "var(--ink)", "#fe0102": "var(--gap)"},
        "tooltips": {"tooltip-0": "5 < 6 & more"},
        "texts": {"text-0": "<script>alert('x')</script>"},
    }
    return inline(FILE, **settings | changes)


@pytest.fixture
def root():
    return ET.fromstring(inlined())


def test_the_picture_has_a_role_a_title_and_a_description(root):
    assert root.attrib == {
        "viewBox": "0 0 330 60",
        "role": "img",
        "aria-labelledby": "level-1-title level-1-desc",
    }
    title, description = root[:2]
    assert (title.tag, title.get("id"), title.text) == ("title", "level-1-title", "A level")
    assert (description.tag, description.get("id")) == ("desc", "level-1-desc")
    assert description.text == "It rises."


def test_everything_that_only_a_file_needs_is_gone():
    text = inlined()
    for word in ("<?xml", "DOCTYPE", "xmlns", "metadata", "somebody", "<style", "xlink", "330pt"):
        assert word not in text


def test_only_referenced_identifiers_are_kept_with_the_name_as_prefix(root):
    named = {element.get("id") for element in root.iter()} - {None}
    assert named == {"level-1-title", "level-1-desc", "level-1-1", "level-1-2"}
    (path,) = root.iter("path")
    (use,) = root.iter("use")
    (clip,) = root.iter("clipPath")
    assert use.get("href") == f"#{path.get('id')}"
    assert [e.get("clip-path") for e in root.iter("g") if e.get("clip-path")] == [
        f"url(#{clip.get('id')})"
    ]


def test_colours_follow_the_scheme(root):
    (use,) = root.iter("use")
    first, _ = root.iter("text")
    assert use.get("style") == "fill: var(--ink)"
    assert first.get("style") == "fill: var(--gap); stroke: var(--ink)"


def test_tooltips_are_escaped_titles(root):
    (group,) = [element for element in root.iter("g") if element.get("clip-path")]
    assert group[0].tag == "title"
    assert group[0].text == "5 < 6 & more"
    assert "5 &lt; 6 &amp; more" in inlined()


def test_texts_replace_exactly_their_placeholders(root):
    assert [element.text for element in root.iter("text")] == [
        "<script>alert('x')</script>",
        "text-00",
    ]
    assert "<script" not in inlined()


@pytest.mark.parametrize("field", ["title", "description"])
def test_title_and_description_are_escaped(field):
    assert "&lt;b&gt;" in inlined(**{field: "<b>"})
    assert "<b>" not in inlined(**{field: "<b>"})
