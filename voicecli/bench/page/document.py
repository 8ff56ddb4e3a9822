"""``bench --report``: results and figures as one page of HTML that needs nothing else.

The page is ``page.html``, a template of Jinja's that escapes whatever is put into
it, with ``page.css`` inside. It runs no script, and its policy forbids it any load.
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
from voicecli.bench.page.drawing import quiet
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Template

    from voicecli.bench.speech import SpeechRun

REMEDY = "pip install 'voicecli[report]'"

_MOST_CHARACTERS = 300
"""Of any one text that is not ours."""


_NOTHING = ("", "–", "-")
"""What stands in a cell of numbers where there is none."""


@dataclass(frozen=True, slots=True)
class PageCase:
    """A case of the benchmark: the runs that went well, and why the others did not."""

    title: str
    runs: Sequence[SpeechRun]
    failures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Picture:
    svg: Any
    words: list[str]
    parts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    """A run whose curves are drawn."""

    title: str
    which: str
    run: SpeechRun
    curves: Curves


@dataclass(frozen=True, slots=True)
class _DrawnRun:
    title: str
    which: str
    arrival: _Picture
    level: _Picture


def render(
    cases: Sequence[PageCase],
    *,
    headline: str,
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    table: Sequence[Sequence[str]],
    findings: Sequence[str],
) -> str:
    """The page; the same for the same arguments. Takes a second or more.

    Texts may be anybody's: they are cut, cleaned of what is no text, and escaped.
    Not for two threads at once, as matplotlib is not.

    Args:
        cases: what the figures show.
        headline: the first thing to read.
        settings: what was asked for.
        machine: what it was measured on.
        table: the results; the first row is the head, the first column the case.
        findings: what the results say, a sentence each.

    Raises:
        ConfigError: what draws and writes the page is not installed.
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
    """See whether `render` would find what it needs, without loading it.

    Raises:
        ConfigError: it would not.
    """
    for needed in ("jinja2", "matplotlib"):
        if find_spec(needed) is None:
            raise ConfigError(f"a report needs {needed}, which is not installed", remedy=REMEDY)


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  an extra

    folder = files("voicecli.bench.page")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.globals["css"] = _markup((folder / "page.css").read_text(encoding="utf-8"))
    return environment.from_string((folder / "page.html").read_text(encoding="utf-8"))


def _figures(cases: Sequence[PageCase]) -> dict[str, Any]:
    """What the template draws its figures from."""
    with quiet():
        return {
            "waterfall": _waterfall(cases),
            "distribution": _distribution(cases),
            **_runs([shown for case in cases for shown in _representatives(case)]),
        }


def _waterfall(cases: Sequence[PageCase]) -> _Picture | None:
    middles = [(case.title, median_run(case.runs)) for case in cases]
    rows = [
        (title, run.metrics["waterfall_ms"])
        for title, run in middles
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


def _representatives(case: PageCase) -> Iterator[_Shown]:
    """The run in the middle, and the worst where there were gaps and it is another."""
    middle, worst = median_run(case.runs), worst_run(case.runs)
    if middle is not None:
        yield _Shown(case.title, "Median run, by time to first audio", middle, Curves.of(middle))
    if worst is not None and (middle is None or silence_ms(worst) > silence_ms(middle)):
        yield _Shown(case.title, "Run with the most silence", worst, Curves.of(worst))


def _runs(shown: Sequence[_Shown]) -> dict[str, Any]:
    shared = runfigures.Limits.shared([each.curves for each in shown])
    drawn = []
    for place, each in enumerate(shown, start=1):
        thin, limits = each.curves.thinned(), shared or runfigures.Limits.around([each.curves])
        came, filled = captions.arrival(each.curves), captions.level(each.run, each.curves)
        arrival = runfigures.arrival(f"arrival-{place}", thin, limits, came)
        level = runfigures.level(f"level-{place}", thin, limits, filled)
        drawn.append(
            _DrawnRun(
                each.title,
                each.which,
                _Picture(_markup(arrival), [came]),
                _Picture(_markup(level), [filled]),
            )
        )
    return {"runs": drawn, "axes_are_shared": shared is not None}


def _markup(ours: str) -> Any:
    """What is put into the page as it is: the style sheet, and what `inlinesvg` has escaped."""
    from markupsafe import Markup  # noqa: PLC0415  an extra

    return Markup(ours)  # noqa: S704  see above


def _clean(text: str) -> str:
    return clean(text, _MOST_CHARACTERS)


def _facts(pairs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as people read them; what was not set is left out."""
    return [
        (_clean(name.replace("_", " ")), _clean(_told(value)))
        for name, value in pairs.items()
        if value is not None
    ]


def _kind(column: Sequence[str]) -> str:
    """How a column is set: numbers end, and texts begin, below one another."""
    are_numbers = all(
        cell.lstrip("+-−–≥≤<>~ ")[:1].isdigit() or cell in _NOTHING for cell in column
    )
    return "number" if are_numbers else "text"


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_told, value))
    return str(value)
