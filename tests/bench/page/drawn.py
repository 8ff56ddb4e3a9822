"""A figure of the report, drawn, and what there is to see in it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from voicecli.bench.page.drawing import quiet


def drawn(figure, *arguments, says="Words."):
    with quiet():
        return ET.fromstring(figure("one", *arguments, says))


def texts(root):
    return [element.text for element in root.iter("text")]


def notes(root):
    return [e[0].text for e in root.iter("g") if len(e) and e[0].tag == "title"]


def shapes(root, ink, paint="fill"):
    """Paths in an ink, as lists of their corners, in pixels."""
    found = [
        re.findall(r"([\d.]+) ([\d.]+)", path.get("d"))
        for path in root.iter("path")
        if f"{paint}: var(--{ink})" in path.get("style", "")
    ]
    return [[(float(x), float(y)) for x, y in corners] for corners in found]


def width(corners):
    xs = [x for x, _ in corners]
    return max(xs) - min(xs)
