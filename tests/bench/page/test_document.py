from __future__ import annotations

import functools
import re
import sys
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from tests.bench.page.runs import jittery, silent, speech_run, steady
from voicecli.bench.page.document import PageCase, check, render
from voicecli.bench.page.drawing import COLORS
from voicecli.errors import ConfigError
from voicecli.playback.policy import BufferPolicy

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}&amp;"

VOID = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """A page as its elements: (tag, attributes, own text)."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.feed(html)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self._open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        if self._open:
            self._open[-1][2] += data

    def of(self, *tags):
        return [
            (attributes, text.strip()) for tag, attributes, text in self.elements if tag in tags
        ]

    def texts(self, *tags):
        return [text for _, text in self.of(*tags)]


def page(cases=(), **changes):
    settings = {
        "headline": "How fast speech is heard",
        "settings": {},
        "machine": {},
        "table": [],
        "findings": [],
    }
    return Page(render(cases, **settings | changes))


STEADY = PageCase("opus", [steady(seed, silence_ms=20.0) for seed in range(5)])
GAPPED = PageCase("pcm", [jittery(seed, policy=BufferPolicy.fixed(0.0)) for seed in range(5)])

WORST = max(GAPPED.runs, key=lambda run: run.metrics["underruns"]["sink"]["total_ms"])


@functools.cache
def usual_page():
    """A page that no test changes: drawing it takes half a second."""
    return page([STEADY])


@functools.cache
def full_page():
    """One with a second case, whose runs have gaps, and every section."""
    return page([STEADY, GAPPED], table=TABLE, findings=["a"])


def test_headline_settings_and_machine():
    html = page(
        headline="Fast & whole",
        settings={"buffer_ms": 60, "cold": False, "device": None, "formats": ["opus", "mp3"]},
        machine={"cpus": 2, "idle": True},
    )
    assert html.texts("h1") == ["Fast & whole"]
    facts = list(zip(html.texts("dt"), html.texts("dd"), strict=True))
    assert facts[:5] == [
        ("buffer ms", "60"), ("cold", "no"), ("formats", "opus, mp3"),
        ("cpus", "2"), ("idle", "yes"),
    ]  # fmt: skip


TABLE = [
    ["server", "format", "TTFA ms p50", "95 %", "RTF"],
    ["1", "opus", "261", "255–280", "0.25"],
    ["2", "mp3", "322", "–", "–"],
]


def test_the_table_has_every_cell():
    html = page(table=TABLE)
    cells = html.texts("th", "td")[len(TABLE[0]) :]
    assert [cells[:5], cells[5:]] == TABLE[1:]
    assert html.texts("span") == " ".join(TABLE[0]).split()


def test_every_cell_has_the_label_of_its_column():
    labels = [a["data-label"] for a, _ in page(table=TABLE).of("th", "td") if "data-label" in a]
    assert labels == TABLE[0] * 2


def test_columns_are_classed_as_numbers_or_text():
    kinds = [a["class"] for a, _ in page(table=TABLE).of("td")]
    assert kinds == ["text", "number", "number", "number"] * 2
    table = [["a", "b", "c", "d"], ["", "-3", "≥ 2", "5 %"], ["–", "x", "3", "12"]]
    kinds = [a["class"] for a, _ in page(table=table).of("th") if "scope" in a]
    assert kinds[:4] == ["number", "text", "number", "number"]


def test_findings_and_failures_with_their_counts():
    failing = PageCase("mp3", [], ["gone", "late", "gone"])
    html = page([STEADY, failing], findings=["opus: bursts", "mp3: slow"])
    assert html.texts("li")[:2] == ["opus: bursts", "mp3: slow"]
    assert html.texts("strong") == ["2 ×", "1 ×"]
    assert [text for text in html.texts("li") if text in {"gone", "late"}] == ["gone", "late"]
    assert "Failures" in html.texts("h2")


def test_empty_sections_have_no_heading():
    assert usual_page().texts("h2") == ["Figures", "Runs over time", "What the numbers mean"]
    assert page().texts("h2") == ["Figures", "What the numbers mean"]


def test_captions_have_the_numbers_of_the_runs():
    html = usual_page()
    words = " ".join(html.texts("p", "li", "desc"))
    ttfas = sorted(run.metrics["ttfa_ms"] for run in STEADY.runs)
    median = next(run for run in STEADY.runs if run.metrics["ttfa_ms"] == ttfas[2])
    assert f"{ttfas[0]:.0f} to {ttfas[4]:.0f} ms, p50 {ttfas[2]:.0f}" in words
    parts = median.metrics["waterfall_ms"]
    assert f"first byte {parts['first_byte']:.0f}" in words
    assert f"silence 20; total {median.metrics['ttfa_audible_ms']:.0f} ms" in words
    assert f"First sound after {ttfas[2]:.0f} ms" in words
    assert f"{median.metrics['audio_s']:.2f} s of audio" in words
    assert f"{median.metrics['buffer']['start_ms']:.1f} ms at the start" in words


def test_the_key_of_the_waterfall_has_every_part_in_its_colour():
    html = usual_page()
    parts = [part.replace("_", " ") for part in STEADY.runs[0].metrics["waterfall_ms"]]
    assert [text for text in html.texts("li") if text in parts] == parts
    colors = [a["style"] for a, _ in html.of("i")]
    assert colors == [f"background:var(--part-{n})" for n in range(1, 8)]
    assert html.texts("i") == [str(n) for n in range(1, 8)]


def test_the_worst_run_is_shown_beside_the_median_if_it_has_gaps():
    assert usual_page().texts("p").count("Run with the most silence") == 0
    html = full_page()
    which = [text for text in html.texts("p") if text.startswith(("Median run,", "Run with"))]
    assert which == ["Median run, by time to first audio"] * 2 + ["Run with the most silence"]
    event = WORST.metrics["underruns"]["sink"]["events"][0]
    assert f"at {event['at_s']:.2f} s (network)" in " ".join(html.texts("p"))


@pytest.mark.parametrize("times", [1, 3])
def test_of_equally_bad_runs_one_is_shown(times):
    html = page([PageCase("pcm", [WORST] * times)])
    assert html.texts("p").count("Run with the most silence") == 0
    assert len(html.of("svg")) == 4


def test_the_page_says_whether_axes_are_shared():
    slow = PageCase("slow", [speech_run([(n * 0.5, 0.25) for n in range(40)])])
    assert "All runs share the same axes." in full_page().texts("p")
    assert "Each run has its own axes." in page([STEADY, slow]).texts("p")
    assert not any("axes" in text for text in usual_page().texts("p"))


@pytest.mark.parametrize("runs", [[], [silent()]])
def test_a_case_that_was_not_heard(runs):
    html = page([PageCase("opus", runs)])
    assert html.texts("h3") == ["How the time to first audio is distributed"]
    assert "opus: nothing was heard." in html.texts("p")


def test_a_run_without_audible_sound_has_no_waterfall():
    run = steady()
    metrics = dict(run.metrics) | {"waterfall_ms": None, "ttfa_audible_ms": None}
    html = page([PageCase("opus", [type(run)(metrics, run.arrivals)])])
    assert "Where the wait for the first sound goes" not in html.texts("h3")
    assert len(html.of("svg")) == 3


def test_untrusted_text_is_escaped():
    hostile = PageCase(HOSTILE, STEADY.runs, [HOSTILE])
    html = page(
        [hostile, hostile],
        headline=HOSTILE,
        settings={HOSTILE: [HOSTILE]},
        machine={HOSTILE: HOSTILE},
        table=[[HOSTILE, HOSTILE], [HOSTILE, HOSTILE]],
        findings=[HOSTILE],
    )
    tags = {tag for tag, _, _ in html.elements}
    assert tags.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "a", "link", "base", "form"}
    )
    names = {name for _, attributes, _ in html.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert html.texts("h1") == [HOSTILE]
    assert html.texts("th", "td")[2:] == [HOSTILE] * 2
    assert html.texts("strong") == ["1 ×"] * 2
    assert {a["data-label"] for a, _ in html.of("td")} == {HOSTILE}
    tooltips = [text for text in html.texts("title") if text.startswith(HOSTILE)]
    assert len(tooltips) == 2 * (7 + 1)


def test_control_characters_are_dropped_and_long_texts_cut():
    html = page(headline="\x1b[31mred\x00\u202e" + "x" * 1000, findings=["a\ud800b"])
    (headline,) = html.texts("h1")
    assert headline.startswith("redxxx")
    assert len(headline) == 300
    assert html.texts("li") == ["ab"]


def test_the_page_loads_and_runs_nothing():
    html = full_page()
    (policy,) = [a["content"] for a, _ in html.of("meta") if "http-equiv" in a]
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy
    assert "http" not in policy
    for _, attributes, _ in html.elements:
        for name, value in attributes.items():
            assert name not in {"src", "srcset", "xlink:href", "background", "action"}
            assert name != "href" or value.startswith("#")
            assert not re.search(r"url\((?!#)", value or "")
    (css,) = html.texts("style")
    assert "url(" not in css
    assert "@import" not in css


def test_identifiers_are_unique_and_references_resolve():
    html = full_page()
    identifiers = [a["id"] for _, a, _ in html.elements if "id" in a]
    assert len(set(identifiers)) == len(identifiers)
    wanted = set()
    for _, attributes, _ in html.elements:
        wanted |= set((attributes.get("aria-labelledby") or "").split())
        wanted |= set(
            re.findall(r"url\(#([^)]+)\)", " ".join(v or "" for v in attributes.values()))
        )
        if attributes.get("href"):
            wanted.add(attributes["href"][1:])
    assert wanted
    assert wanted <= set(identifiers)


def test_rendering_is_deterministic():
    again = page([STEADY, GAPPED], table=TABLE, findings=["a"])
    assert again.elements == full_page().elements


# -- colours


def schemes():
    css = (files("voicecli.bench.page") / "page.css").read_text(encoding="utf-8")
    light, dark = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)[:2]
    ]
    return light, dark


def luminance(color):
    """Relative luminance of WCAG 2.2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color, other):
    dark, light = sorted((luminance(color), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_both_schemes_have_every_colour():
    light, dark = schemes()
    assert set(light) == set(dark) == set(COLORS)


@pytest.mark.parametrize("scheme", schemes(), ids=["light", "dark"])
def test_contrast(scheme):
    """WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for graphics (1.4.11)."""
    for text in ("ink", "soft", "accent", "gap"):
        for ground in ("page", "card"):
            assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
    for color in COLORS:
        if color.startswith("part-"):
            assert contrast(scheme[color], scheme["on-part"]) >= 4.5, color
            assert contrast(scheme[color], scheme["card"]) >= 3, color
    for color in ("decoded", "heard", "gap"):
        assert contrast(scheme[color], scheme["card"]) >= 3, color


# -- the extra


def test_the_required_packages_are_found():
    check()


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_a_missing_package_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    for call in (check, lambda: page([STEADY])):
        with pytest.raises(ConfigError, match=missing) as caught:
            call()
        assert caught.value.remedy == "pip install -e '.[report]' in the clone"
