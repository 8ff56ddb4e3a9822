"""Draw a figure of the report, and find what it shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from voicecli.bench.page.drawing import matplotlib_style


def draw(figure, *arguments, description="Words."):
    with matplotlib_style():
        return ET.fromstring(figure("one", *arguments, description))


def texts(root):
    return [element.text for element in root.iter("text")]


def tooltips(root):
    return [e[0].text for e in root.iter("g") if len(e) and e[0].tag == "title"]


def shapes(root, color, paint="fill"):
    """Return the paths of a colour as lists of their points, in pixels."""
    found = [
        re.findall(r"([\d.]+) ([\d.]+)", path.get("d"))
        for path in root.iter("path")
        if f"{paint}: var(--{color})" in path.get("style", "")
    ]
    return [[(float(x), float(y)) for x, y in points] for points in found]


def width(points):
    xs = [x for x, _ in points]
    return max(xs) - min(xs)
