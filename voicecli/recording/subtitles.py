"""Subtitles of what was heard, as SRT or WebVTT, one cue a sentence; pure but for `write`.

A cue's times count from the first sound, with every gap and every wait for the text before
it, so that they fit a recording of the loudspeaker. Where a segment of the text begins and
ends is known; sentences within it are placed by their share of its characters, and then
moved to a pause in the sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.audio.pauses import Pause
from voicecli.recording.partfile import save_errors
from voicecli.text.timing import TimedSentence, timed_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from voicecli.text.segment import Segment

SUFFIXES = (".srt", ".vtt")

REACH_S = 1.5
"""How far from where it is expected the end of a sentence is looked for, in sound."""

_REWARD, _LONG_PAUSE_S = 4.0, 0.8
"""What a second of silence counts, in squared deviations, and how much of it counts."""

_TOLERANCE_S = 0.002
"""A gap this close to a sentence's edge is at the edge: positions are rounded to frames."""


class PlacedSegment(NamedTuple):
    """A segment, and where its speech begins and ends in the sound, in seconds."""

    segment: Segment
    starts_s: float
    ends_s: float


class Gap(NamedTuple):
    """Silence of ``silence_s`` heard before the sound at ``at_s``, which is not part of it."""

    at_s: float
    silence_s: float


class Cue(NamedTuple):
    """A text, and when it is heard, in seconds since the first sound."""

    starts_s: float
    ends_s: float
    text: str


def cues(
    segments: Iterable[PlacedSegment],
    pauses: Sequence[Pause],
    gaps: Sequence[Gap],
    spoken_s: float,
) -> list[Cue]:
    """Return the cues of what was heard; ``spoken_s`` is how much of the sound was."""
    found: list[Cue] = []
    for segment in segments:
        for sentence in _at_pauses(segment, pauses):
            if sentence.starts_s >= spoken_s:
                break
            begin = _heard_s(sentence.starts_s + _TOLERANCE_S, gaps) - _TOLERANCE_S
            end = _heard_s(min(sentence.ends_s, spoken_s) - _TOLERANCE_S, gaps) + _TOLERANCE_S
            if end > begin:
                found.append(Cue(max(0.0, begin), end, sentence.text))
    return found


def _at_pauses(segment: PlacedSegment, pauses: Sequence[Pause]) -> list[TimedSentence]:
    """Place the sentences of a segment, with the edges between them at pauses in the sound."""
    texts = timed_sentences(*segment)
    begins_s = [segment.starts_s]
    ends_s: list[float] = []
    for edge in _edges(segment, [len(text.text) + 1 for text in texts], pauses):
        ends_s.append(edge.starts_s)
        begins_s.append(edge.ends_s)
    ends_s.append(segment.ends_s)
    return [
        text._replace(starts_s=begin_s, ends_s=end_s)
        for text, begin_s, end_s in zip(texts, begins_s, ends_s, strict=True)
    ]


class _Path(NamedTuple):
    """The best choice of edges so far: its cost, and how much sound precedes the last."""

    cost: float
    voiced_s: float
    edges: tuple[Pause, ...]


def _edges(
    segment: PlacedSegment, lengths: Sequence[int], pauses: Sequence[Pause]
) -> tuple[Pause, ...]:
    """Return where sentences of these lengths end and begin, by dynamic programming.

    The time of a sentence that is not silent should be in proportion to its length, and a
    long pause ends a sentence rather than a clause.
    """
    inside = [p for p in pauses if p.starts_s > segment.starts_s and p.ends_s < segment.ends_s]
    silent_s = sum(pause.length_s for pause in inside)
    pace_s = max(0.0, segment.ends_s - segment.starts_s - silent_s) / sum(lengths)
    paths = [_Path(0.0, 0.0, ())]
    for number, length in enumerate(lengths[:-1], 1):
        expected_s = pace_s * sum(lengths[:number])
        following: list[_Path] = []
        for voiced_s, edge in _candidates(segment.starts_s, expected_s, inside):
            reward = _REWARD * min(edge.length_s, _LONG_PAUSE_S)
            steps = [
                path._replace(
                    cost=path.cost + _misfit(voiced_s - path.voiced_s, pace_s * length) - reward,
                    edges=(*path.edges, edge),
                    voiced_s=voiced_s,
                )
                for path in paths
                if not path.edges or edge.starts_s >= path.edges[-1].ends_s
            ]
            following += [min(steps)] if steps else []
        paths = following or [_with_empty_edge(path) for path in paths]
    total_s = pace_s * sum(lengths)
    return min(
        path._replace(cost=path.cost + _misfit(total_s - path.voiced_s, pace_s * lengths[-1]))
        for path in paths
    ).edges


def _with_empty_edge(path: _Path) -> _Path:
    """Let a sentence for which there is no time end where the one before does."""
    at_s = path.edges[-1].ends_s
    return path._replace(edges=(*path.edges, Pause(at_s, at_s)))


def _candidates(
    begin_s: float, expected_s: float, pauses: Sequence[Pause]
) -> Iterator[tuple[float, Pause]]:
    """Yield the pauses around ``expected_s`` seconds of sound, and the place itself."""
    silent_s = 0.0
    place_s = begin_s + expected_s
    for pause in pauses:
        voiced_s = pause.starts_s - begin_s - silent_s
        if abs(voiced_s - expected_s) <= REACH_S:
            yield voiced_s, pause
        silent_s += pause.length_s
        if voiced_s < expected_s:
            place_s = begin_s + expected_s + silent_s
    yield expected_s, Pause(place_s, place_s)


def _misfit(voiced_s: float, expected_s: float) -> float:
    """Return how badly a sentence of ``voiced_s`` fits its length: squared deviations."""
    return ((voiced_s - expected_s) / (0.25 * expected_s + 0.15)) ** 2


def _heard_s(position_s: float, gaps: Sequence[Gap]) -> float:
    """Return when the sound at a position is heard, since the first sound."""
    return position_s + sum(gap.silence_s for gap in gaps if gap.at_s <= position_s)


def as_srt(found: Iterable[Cue]) -> str:
    """Return SubRip: numbered cues, times with a comma."""
    blocks = (
        f"{number}\n{_clock(cue.starts_s, ',')} --> {_clock(cue.ends_s, ',')}\n{cue.text}\n"
        for number, cue in enumerate(found, 1)
    )
    return "\n".join(blocks)


def as_vtt(found: Iterable[Cue]) -> str:
    """Return WebVTT (W3C, sections 4.1 and 4.2.1: ``&``, ``<`` and ``>`` are escaped)."""
    blocks = [
        f"{_clock(cue.starts_s, '.')} --> {_clock(cue.ends_s, '.')}\n{_escaped(cue.text)}\n"
        for cue in found
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def write(path: Path, found: Sequence[Cue]) -> None:
    """Write cues in the format that the suffix of ``path`` names.

    Raises:
        SaveError: the file cannot be written.
    """
    text = as_vtt(found) if path.suffix.lower() == ".vtt" else as_srt(found)
    with save_errors(path):
        path.write_text(text, encoding="utf-8")


def _clock(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1e3), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
