"""``bench --report``: results and figures as a single HTML page.

The page is the Jinja template ``page.html``, which escapes everything put into it, with
``page.css`` inside. It runs no scripts, and its policy forbids loading anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from voicecli import __version__
from voicecli.bench.page import captions, casefigures, runfigures
from voicecli.bench.page.curves import Curves, median_run, silence_ms, worst_run
from voicecli.bench.page.drawing import matplotlib_style
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Template

    from voicecli.bench.speech import SpeechRun

REMEDY = "pip install -e '.[report]' in the clone"

_MAX_CHARACTERS = 300
"""Longest text from outside."""

_NOTHING = ("", "–", "-")
"""Cells of numbers without a value."""


@dataclass(frozen=True, slots=True)
class PageCase:
    """A case of the benchmark: its successful runs, and the messages of its failures."""

    title: str
    runs: Sequence[SpeechRun]
    failures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Picture:
    """A figure with its caption, a sentence each, and the names of its colours."""

    svg: Any
    words: list[str]
    parts: Sequence[str] = ()


def render(
    cases: Sequence[PageCase],
    *,
    headline: str,
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    table: Sequence[Sequence[str]],
    findings: Sequence[str],
) -> str:
    """Render the page, deterministically; takes a second or more.

    Texts need not be trusted: they are shortened, stripped of control characters and
    escaped. Not thread-safe, as matplotlib is not.

    Args:
        cases: what the figures show.
        headline: the title.
        settings: the settings of the benchmark.
        machine: the machine it ran on.
        table: the results; the first row is the header, the first column the case.
        findings: one sentence each.

    Raises:
        ConfigError: Jinja or matplotlib is not installed.
    """
    check()
    cases = [PageCase(_clean(c.title), c.runs, [_clean(f) for f in c.failures]) for c in cases]
    head, *rows = [[_clean(cell) for cell in row] for row in table] or [[]]
    return _template().render(
        version=__version__,
        headline=_clean(headline),
        settings=_facts(settings),
        machine=_facts(machine),
        findings=[_clean(finding) for finding in findings],
        head=head,
        rows=rows,
        kinds=[_kind(column) for column in zip(*rows, strict=True)] if rows else [],
        failures=[
            (case.title, Counter(case.failures).most_common()) for case in cases if case.failures
        ],
        **_figures(cases),
    )


def check() -> None:
    """Check that `render` finds the packages it needs, without importing them.

    Raises:
        ConfigError: one is missing.
    """
    for package in ("jinja2", "matplotlib"):
        if find_spec(package) is None:
            raise ConfigError(f"a report needs {package}, which is not installed", remedy=REMEDY)


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  an extra

    folder = files("voicecli.bench.page")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.globals["css"] = _markup((folder / "page.css").read_text(encoding="utf-8"))
    return environment.from_string((folder / "page.html").read_text(encoding="utf-8"))


def _figures(cases: Sequence[PageCase]) -> dict[str, Any]:
    """Draw all figures."""
    with matplotlib_style():
        return {
            "waterfall": _waterfall(cases),
            "distribution": _distribution(cases),
            **_runs([run for case in cases for run in _representatives(case)]),
        }


def _waterfall(cases: Sequence[PageCase]) -> _Picture | None:
    medians = [(case.title, median_run(case.runs)) for case in cases]
    rows = [
        (title, run.metrics["waterfall_ms"])
        for title, run in medians
        if run is not None and run.metrics["waterfall_ms"] is not None
    ]
    if not rows:
        return None
    words = [captions.waterfall(title, parts) for title, parts in rows]
    drawn = casefigures.waterfall("waterfall", rows, " ".join(words))
    return _Picture(_markup(drawn), words, [captions.part_name(part) for part in rows[0][1]])


def _distribution(cases: Sequence[PageCase]) -> _Picture:
    rows = [
        (case.title, [ms for run in case.runs if (ms := run.metrics["ttfa_ms"]) is not None])
        for case in cases
    ]
    words = [captions.distribution(title, values) for title, values in rows]
    drawn = casefigures.distribution("distribution", rows, " ".join(words))
    return _Picture(_markup(drawn), words)


def _representatives(case: PageCase) -> Iterator[tuple[str, str, SpeechRun]]:
    """Yield the median run, and the one with the most silence if that is another."""
    median, worst = median_run(case.runs), worst_run(case.runs)
    if median is not None:
        yield case.title, "Median run, by time to first audio", median
    if worst is not None and (median is None or silence_ms(worst) > silence_ms(median)):
        yield case.title, "Run with the most silence", worst


def _runs(shown: Sequence[tuple[str, str, SpeechRun]]) -> dict[str, Any]:
    all_curves = [Curves.of(run) for _, _, run in shown]
    shared = runfigures.Limits.shared(all_curves)
    runs = []
    for number, ((title, which, run), curves) in enumerate(zip(shown, all_curves, strict=True)):
        thin, limits = curves.thinned(), shared or runfigures.Limits.around([curves])
        arrival, level = captions.arrival(curves), captions.level(run, curves)
        svgs = (
            runfigures.arrival(f"arrival-{number}", thin, limits, arrival),
            runfigures.level(f"level-{number}", thin, limits, level),
        )
        pictures = [_Picture(_markup(svgs[0]), [arrival]), _Picture(_markup(svgs[1]), [level])]
        runs.append({"title": title, "which": which, "pictures": pictures})
    return {"runs": runs, "axes_are_shared": shared is not None}


def _markup(text: str) -> Any:
    """Exempt the style sheet, and SVG that `inlinesvg` has escaped, from escaping."""
    from markupsafe import Markup  # noqa: PLC0415  an extra

    return Markup(text)  # noqa: S704  see above


def _clean(text: str) -> str:
    return clean(text, _MAX_CHARACTERS)


def _facts(pairs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Format names and values for people; values that are not set are left out."""
    return [
        (_clean(name.replace("_", " ")), _clean(_text(value)))
        for name, value in pairs.items()
        if value is not None
    ]


def _kind(column: Sequence[str]) -> str:
    """Return the CSS class of a column: numbers align right, texts left."""
    are_numbers = all(
        cell.lstrip("+-−–≥≤<>~ ")[:1].isdigit() or cell in _NOTHING for cell in column
    )
    return "number" if are_numbers else "text"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return str(value)
