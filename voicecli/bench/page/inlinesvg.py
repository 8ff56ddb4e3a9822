"""Turn matplotlib's SVG file into an SVG element of a page; pure.

What only a file needs is dropped: prologue, metadata, style sheet, size. What a page needs
is added: a role, a title and a description for screen readers, colours of the page's
scheme, unique identifiers, and tooltips. Untrusted text is put in and escaped here.
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
    file: str,
    *,
    name: str,
    title: str,
    description: str,
    colors: Mapping[str, str],
    tooltips: Mapping[str, str],
    texts: Mapping[str, str],
) -> str:
    """Return the ``svg`` element.

    Args:
        file: an SVG file by matplotlib; it is parsed as trusted.
        name: prefix of every identifier; unique in the page.
        title: what the picture is, for screen readers.
        description: what it shows, for screen readers.
        colors: placeholder (``#rrggbb``) to CSS colour.
        tooltips: group identifier to text.
        texts: placeholder to text.
    """
    root = ET.fromstring(file)  # noqa: S314  written by matplotlib, in this process
    _strip(root)
    _fill_in(root, tooltips, texts)
    _rename(root, name)
    _colour(root, colors)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": view, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
    )
    labels = [ET.Element(tag, id=f"{name}-{tag}") for tag in ("title", "desc")]
    for element, text in zip(labels, (title, description), strict=True):
        element.text = text
    root[:0] = labels
    return ET.tostring(root, encoding="unicode")


def _strip(element: ET.Element) -> None:
    """Drop namespaces and everything that a page does not need."""
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


def _fill_in(root: ET.Element, tooltips: Mapping[str, str], texts: Mapping[str, str]) -> None:
    for element in root.iter():
        if element.tag == "text" and element.text is not None:
            element.text = texts.get(element.text, element.text)
        tooltip = tooltips.get(element.get("id", ""))
        if tooltip is not None:
            title = ET.Element("title")
            title.text = tooltip
            element.insert(0, title)


def _rename(root: ET.Element, name: str) -> None:
    """Replace the identifiers that are referred to, and drop the others.

    matplotlib derives some of its own from memory addresses.
    """
    new_ids: dict[str, str] = {}

    def new(old: str) -> str:
        return new_ids.setdefault(old, f"{name}-{len(new_ids) + 1}")

    for element in root.iter():
        if _HREF in element.attrib:
            element.set(_HREF, "#" + new(element.attrib[_HREF][1:]))
        for key, value in element.attrib.items():
            element.set(key, _REFERENCE.sub(lambda m: f"url(#{new(m[1])})", value))
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in new_ids:
            element.set("id", new_ids[old])


def _colour(root: ET.Element, colors: Mapping[str, str]) -> None:
    """Replace placeholders by CSS colours in all attributes."""
    placeholder = re.compile("|".join(map(re.escape, colors)), re.IGNORECASE)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, placeholder.sub(lambda m: colors[m[0].lower()], value))
