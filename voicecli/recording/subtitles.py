"""Subtitles of what was heard, as SRT or WebVTT, one cue a sentence; pure but for `write`.

A cue's times count from the first sound, with every gap and every wait for the text before
it, so that they fit a recording of the loudspeaker. Where a segment of the text begins and
ends is known; sentences within it are placed by their share of its characters, and then
moved to a pause in the sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.recording.partfile import save_errors
from voicecli.text.timing import TimedSentence, timed_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from voicecli.audio.pauses import Pause
    from voicecli.text.segment import Segment

SUFFIXES = (".srt", ".vtt")

REACH_S = 0.6
"""How far from where it is expected the end of a sentence is looked for."""

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
    for segment, starts_s, ends_s in segments:
        for sentence in _at_pauses(timed_sentences(segment, starts_s, ends_s), pauses):
            if sentence.starts_s >= spoken_s:
                break
            begin = _heard_s(sentence.starts_s + _TOLERANCE_S, gaps) - _TOLERANCE_S
            end = _heard_s(min(sentence.ends_s, spoken_s) - _TOLERANCE_S, gaps) + _TOLERANCE_S
            if end > begin:
                found.append(Cue(max(0.0, begin), end, sentence.text))
    return found


def _at_pauses(sentences: Sequence[TimedSentence], pauses: Sequence[Pause]) -> list[TimedSentence]:
    """Move the edges between the sentences of a segment to pauses in the sound."""
    placed = list(sentences)
    for number in range(1, len(placed)):
        before, after = placed[number - 1], placed[number]
        edge_s = after.starts_s
        last_s = placed[-1].ends_s
        near = [
            pause
            for pause in pauses
            if pause.starts_s - REACH_S <= edge_s <= pause.ends_s + REACH_S
            and before.starts_s < pause.starts_s
            and pause.ends_s < last_s
        ]
        if not near:
            continue
        # A long pause ends a sentence rather than a clause.
        pause = max(near, key=lambda pause: pause.length_s - _distance_s(pause, edge_s) / 2)
        placed[number - 1] = before._replace(ends_s=pause.starts_s)
        placed[number] = after._replace(starts_s=pause.ends_s)
        placed[number + 1 :] = _shifted(placed[number:], last_s)
    return placed


def _distance_s(pause: Pause, at_s: float) -> float:
    return max(0.0, pause.starts_s - at_s, at_s - pause.ends_s)


def _shifted(sentences: Sequence[TimedSentence], last_s: float) -> list[TimedSentence]:
    """Divide the time from the start of the first sentence anew, and return the others."""
    begin_s = sentences[0].starts_s
    lengths = [len(sentence.text) + 1 for sentence in sentences]
    scale = max(0.0, last_s - begin_s) / sum(lengths)
    moved: list[TimedSentence] = []
    at_s = begin_s
    for sentence, length in zip(sentences, lengths, strict=True):
        until_s = at_s + length * scale
        moved.append(sentence._replace(starts_s=at_s, ends_s=until_s))
        at_s = until_s
    return moved[1:]


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
