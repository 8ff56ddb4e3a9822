"""Summarise in one line how a run went, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_LISTED = 4
_TIMES = {1: "once", 2: "twice"}


class AboutText(NamedTuple):
    """What the metrics lack about the text: sentences heard, and their number if it is known.

    ``first_sound_ms`` counts from the text's first piece, if that came during the run.
    """

    heard: int = 0
    known: int | None = None
    first_sound_ms: float | None = None


def summarise(metrics: dict[str, Any], text: AboutText | None = None) -> str:
    """Describe in one line how a run went, from its metrics."""
    return " · ".join(_parts(metrics, text or AboutText()))


def _parts(metrics: dict[str, Any], text: AboutText) -> Iterator[str]:
    waits, turn_ms = metrics["waits"]["text"], metrics["waits"].get("turn_ms")
    if text.known == 0 and not metrics["interrupted"]:
        yield "nothing to say: there are no words in the text"
        return
    yield _spoken(metrics)
    yield from _sentences(metrics, text)
    if text.first_sound_ms is not None:
        yield f"first sound {text.first_sound_ms / 1e3:.2f} s after the text began"
    elif metrics["ttfa_ms"] is not None:
        launch_ms = metrics["launch_to_request_ms"] or 0.0
        yield f"first sound after {(launch_ms + metrics['ttfa_ms']) / 1e3:.2f} s"
    if metrics["ttfa_ms"] is not None:
        yield _gaps(metrics["underruns"]["sink"])
    if waits["count"]:
        yield f"waited {waits['total_ms'] / 1e3:.1f} s for the text"
    if turn_ms:
        yield f"waited {turn_ms / 1e3:.1f} s for its turn"
    reworded = [str(each["number"] + 1) for each in metrics["segments"] if each.get("reworded")]
    if reworded:
        yield f"reworded: segment{'s' if len(reworded) > 1 else ''} {_listed(reworded)}"
    if metrics["saved"]:
        yield "saved " + _listed(metrics["saved"])


def _spoken(metrics: dict[str, Any]) -> str:
    spoken_s, audio_s = metrics["spoken_s"], metrics["audio_s"]
    if metrics["interrupted"]:
        by = f" by {metrics['stopped_by']}" if metrics.get("stopped_by") else ""
        return f"interrupted{by} after {spoken_s:.1f} s"
    verb = "spoke" if metrics["ttfa_ms"] is not None else "received"
    if audio_s - spoken_s > 0.05:  # noqa: PLR2004  half of the last digit shown
        return f"{verb} {spoken_s:.1f} of {audio_s:.1f} s"
    return f"{verb} {audio_s:.1f} s"


def _sentences(metrics: dict[str, Any], text: AboutText) -> Iterator[str]:
    """Yield how many sentences were spoken, unless all were, and how often it was recovered."""
    if metrics["segments"] and (metrics["interrupted"] or metrics["recovered"]):
        count = text.heard if text.known is None else text.known
        heard = "" if text.known is None else f"{text.heard} of "
        yield f"spoken {heard}{count} sentence{'' if count == 1 else 's'}"
    if metrics["recovered"]:
        times = _TIMES.get(metrics["recovered"], f"{metrics['recovered']} times")
        yield f"recovered {times}"


def _gaps(sink: dict[str, Any]) -> str:
    if not sink["count"]:
        return "no gaps"
    plural = "s" if sink["count"] > 1 else ""
    return f"{sink['count']} gap{plural}, {sink['total_ms'] / 1e3:.2f} s in all"


def _listed(paths: list[str]) -> str:
    """Name the first few: with --debug-audio each answer to a long text is a file."""
    more = [f"{len(paths) - _MAX_LISTED} more"] if len(paths) > _MAX_LISTED else []
    shown = ["to standard output" if path == "-" else path for path in paths[:_MAX_LISTED]]
    return ", ".join([*shown, *more])
