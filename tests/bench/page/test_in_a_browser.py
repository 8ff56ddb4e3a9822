"""The report in Chromium: on a phone and on a desktop, light and dark."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.bench.page.runs import jittery, speech_run, steady
from tests.bench.page.test_document import HOSTILE
from tests.support.browser import Browser
from voicecli.bench.page.document import PageCase, render
from voicecli.playback.policy import BufferPolicy

FIGURES = 2 + 5 * 2
"""Waterfall and distribution, then two figures for each of five runs."""

TABLE = [
    ["server", "format", "n", "TTFB ms p50", "TTFA ms p50", "TTFA ms p95", "TTFA ms 95 %",
     "audible p50", "RTF", "gaps", "whole", "kbit/s", "buffer"],
    *[[str(n), name, "5", "201", "261", "299", "255–280", "272", "0.25", "0", "100", "32", "60"]
      for n, name in enumerate(("opus", "mp3", "a format of " + "many words " * 9), start=1)],
]  # fmt: skip

SIZES = [360, 1280]
SCHEMES = ["light", "dark"]

BOXES = """[...document.querySelectorAll('figure > svg')].map(svg => {
  const box = svg.getBoundingClientRect();
  return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height,
          seen: svg.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})};
})"""

TEXT_PX = """Math.min(...[...document.querySelectorAll('svg text')].map(
  text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""

WORDS_PX = """Math.min(...[...document.querySelectorAll('body *:not(svg, svg *)')]
  .filter(e => e.textContent.trim()).map(e => parseFloat(getComputedStyle(e).fontSize)))"""

BEYOND = """[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect();
  return !e.closest('.scroll') && box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(e => e.tagName + '.' + e.className)"""

TABLE_OVERFLOWS_PX = """
(box => box.scrollWidth - box.clientWidth)(document.querySelector('.scroll'))"""

FOREIGN = """
document.querySelectorAll('script, img, iframe, object, [onerror], [onload]').length"""

CUT = """[...document.querySelectorAll('svg text')].filter(text => {
  const box = text.getBoundingClientRect(), svg = text.ownerSVGElement.getBoundingClientRect();
  return box.left < svg.left - 1 || box.right > svg.right + 1
      || box.top < svg.top - 1 || box.bottom > svg.bottom + 1;
}).map(text => text.textContent)"""


def cases():
    return [
        PageCase("opus · http://localhost:8880/v1", [steady(n, silence_ms=20.0) for n in range(5)]),
        PageCase("mp3 · http://localhost:8880/v1", [jittery(n) for n in range(5)], [HOSTILE]),
        PageCase(
            f"pcm · https://speech.example.org:8443/a/very/{'long/' * 20}path/{HOSTILE}",
            [jittery(n, policy=BufferPolicy.fixed(0.0)) for n in range(100)],
        ),
        # The last tick label of its axis is at the very end.
        PageCase("slow", [speech_run([(0.0, 2.0), (2.5, 2.0)], ttfb_ms=3000.0)]),
    ]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    report = tmp_path_factory.mktemp("report") / "report.html"
    html = render(
        cases(),
        headline="opus is heard first",
        settings={"runs": 5, "text": "x" * 250, "network": HOSTILE},
        machine={"system": "Linux x86_64", "cpus": 2},
        table=TABLE,
        findings=["opus: bursts", HOSTILE],
    )
    report.write_text(html, encoding="utf-8")
    return report.as_uri()


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@dataclass(frozen=True)
class Look:
    """What was visible, and what the page logged and requested."""

    boxes: list[dict[str, Any]]
    overflows: bool
    beyond: list[str]
    table_overflows_px: float
    cut: list[str]
    drawn_text_px: float
    written_text_px: float
    foreign: int
    words: str
    logged: list[Any]
    requests: list[str]
    pixels: np.ndarray


@pytest.fixture(scope="module")
def look(browser, url):
    """Look at the report in a window of a width and a scheme, once each."""

    @functools.cache
    def look(width, scheme):
        browser.set_window(width=width, scheme=scheme)
        browser.open(url)
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        evaluate = browser.evaluate
        return Look(
            boxes=evaluate(BOXES),
            overflows=evaluate("document.documentElement.scrollWidth > innerWidth"),
            beyond=evaluate(BEYOND),
            table_overflows_px=evaluate(TABLE_OVERFLOWS_PX),
            cut=evaluate(CUT),
            drawn_text_px=evaluate(TEXT_PX),
            written_text_px=evaluate(WORDS_PX),
            foreign=evaluate(FOREIGN),
            words=evaluate("document.body.innerText"),
            pixels=np.asarray(browser.screenshot()).astype(int),
            logged=[event for kind in kinds for event in browser.events_named(kind)],
            requests=[
                e["request"]["url"] for e in browser.events_named("Network.requestWillBeSent")
            ],
        )

    return look


@pytest.fixture(params=SCHEMES)
def scheme(request):
    return request.param


@pytest.fixture(params=SIZES)
def seen(request, scheme, look):
    return look(request.param, scheme)


def test_every_figure_is_visible_and_nothing_is_logged(seen, url):
    assert len(seen.boxes) == FIGURES
    for box in seen.boxes:
        assert box["seen"]
        assert box["width"] > 200
        assert box["height"] > 60
    assert seen.logged == []
    assert seen.requests == [url]


def test_nothing_is_wider_than_the_window(seen):
    assert not seen.overflows
    assert seen.beyond == []


def test_on_a_phone_the_table_fits(look):
    assert look(360, "light").table_overflows_px == 0


def test_text_is_large_enough_and_not_cut_off(seen):
    assert 11 <= seen.drawn_text_px <= 16
    assert seen.written_text_px >= 12
    assert seen.cut == []


def test_untrusted_markup_does_not_run(seen):
    assert seen.foreign == 0
    assert HOSTILE in seen.words


def test_every_figure_has_an_accessible_name(browser, url):
    browser.open(url)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    images = [node for node in nodes if node.get("role", {}).get("value") in {"image", "img"}]
    assert len(images) == FIGURES
    for image in images:
        assert image["name"]["value"]
    (table,) = [node for node in nodes if node.get("role", {}).get("value") == "table"]
    assert table


@pytest.mark.parametrize("width", SIZES)
def test_figures_are_not_blank_and_follow_the_scheme(width, look):
    brightness = {}
    for scheme in SCHEMES:
        seen = look(width, scheme)
        assert seen.pixels.shape[1] == width
        brightness[scheme] = np.median(seen.pixels)
        for box in seen.boxes:
            left, top = round(box["x"]), round(box["y"])
            figure = seen.pixels[top : top + int(box["height"]), left : left + int(box["width"])]
            ground = np.median(figure.reshape(-1, 3), axis=0)
            is_drawn = np.abs(figure - ground).max(axis=2) > 40
            assert 0.005 < is_drawn.mean() < 0.6, (scheme, box)
            # There is something in every half of it.
            for half in (*np.array_split(is_drawn, 2), *np.array_split(is_drawn, 2, axis=1)):
                assert half.any()
    assert brightness["light"] > 225
    assert brightness["dark"] < 50


def test_gaps_are_visible_in_their_colour(look):
    pixels = look(1280, "light").pixels.reshape(-1, 3)
    is_gap = np.abs(pixels - (0xB3, 0x26, 0x1E)).max(axis=1) < 8
    assert is_gap.sum() > 20


def test_print_is_light(browser, url):
    browser.set_window(width=768, scheme="dark")
    browser.emulate_media("dark", "print")
    browser.open(url)
    assert (
        browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(23, 32, 43)"


def test_the_checks_can_fail(browser):
    browser.open("data:text/html,<script>console.error('x')</script><p style='width:5000px'>x")
    assert browser.evaluate(BOXES) == []
    assert len(browser.events_named("Runtime.consoleAPICalled")) == 1
    assert browser.evaluate(BEYOND) != []
    assert browser.evaluate(FOREIGN) == 1
