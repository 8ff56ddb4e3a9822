"""From a drawing of matplotlib's to SVG that lives inside a page; pure.

What a file on its own needs is dropped (prologue, metadata, style sheet, size);
what a page needs is put in: a role and words for those who cannot see it, colours
that follow the page's scheme, identifiers that no other drawing has, and a
`title` where a pointer may ask. Text of others enters here and is escaped here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

_DROPPED = frozenset({"metadata", "style"})
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_HREF = "href"


def inline(
    drawn: str,
    *,
    name: str,
    title: str,
    description: str,
    inks: Mapping[str, str],
    notes: Mapping[str, str],
    texts: Mapping[str, str],
) -> str:
    """An ``svg`` element for HTML.

    Args:
        drawn: an SVG file that matplotlib wrote; nobody else's, it is parsed as trusted.
        name: begins every identifier; unique in the page.
        title: what it is, for those who listen.
        description: what it shows, for those who listen.
        inks: what stands for a colour (``#rrggbb``), and the colour in CSS.
        notes: by group identifier, what is shown where a pointer rests.
        texts: what stands for a text, and the text.
    """
    root = ET.fromstring(drawn)  # noqa: S314  written a moment ago by matplotlib, in this process
    _strip(root)
    _say(root, notes, texts)
    _rename(root, name)
    _colour(root, inks)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": view, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
    )
    words = [ET.Element(tag, id=f"{name}-{tag}") for tag in ("title", "desc")]
    for element, text in zip(words, (title, description), strict=True):
        element.text = text
    root[:0] = words
    return ET.tostring(root, encoding="unicode")


def _strip(element: ET.Element) -> None:
    """Names without their namespace, and nothing that a page does not want."""
    element.tag = _local(element.tag)
    element.attrib = {_local(key): value for key, value in element.attrib.items()}
    element.text = element.text if element.tag == "text" else None
    element.tail = None
    for child in list(element):
        if _local(child.tag) in _DROPPED:
            element.remove(child)
        else:
            _strip(child)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _say(root: ET.Element, notes: Mapping[str, str], texts: Mapping[str, str]) -> None:
    for element in root.iter():
        if element.tag == "text" and element.text is not None:
            element.text = texts.get(element.text, element.text)
        note = notes.get(element.get("id", ""))
        if note is not None:
            title = ET.Element("title")
            title.text = note
            element.insert(0, title)


def _rename(root: ET.Element, name: str) -> None:
    """Number the identifiers that are referred to, drop the others.

    Those of matplotlib's come from the content, and in part from addresses in memory.
    """
    wanted: dict[str, str] = {}

    def new(old: str) -> str:
        return wanted.setdefault(old, f"{name}-{len(wanted) + 1}")

    for element in root.iter():
        if _HREF in element.attrib:
            element.set(_HREF, "#" + new(element.attrib[_HREF][1:]))
        for key, value in element.attrib.items():
            element.set(key, _REFERENCE.sub(lambda m: f"url(#{new(m[1])})", value))
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in wanted:
            element.set("id", wanted[old])


def _colour(root: ET.Element, inks: Mapping[str, str]) -> None:
    """The scheme's colours for what stands for them, in every style and attribute."""
    standing_in = re.compile("|".join(map(re.escape, inks)), re.IGNORECASE)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, standing_in.sub(lambda m: inks[m[0].lower()], value))
