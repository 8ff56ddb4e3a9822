"""Subtitles of what was heard, as SRT or WebVTT, one cue a sentence; pure except `write`.

A cue's times count from the first sound, with every gap and every wait for the text before
it, so that they fit a recording of the loudspeaker.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from voicecli.recording.partfile import save_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from voicecli.playback.silences import Silences

_TOLERANCE_S = 0.002
"""A gap this close to a sentence's edge is at the edge: positions are rounded to frames."""


class Cue(NamedTuple):
    """A text, and when it is spoken, in seconds: of the sound, or since the first sound."""

    starts_s: float
    ends_s: float
    text: str


def as_heard(cues: Iterable[Cue], silences: Silences, spoken_s: float) -> Iterator[Cue]:
    """Yield cues with the times at which they were heard, from cues with those in the sound.

    ``spoken_s`` is how much of the sound was heard. Cues come in order.
    """
    for starts_s, ends_s, text in cues:
        if starts_s >= spoken_s:
            return
        begin_s = starts_s + silences.until_s(starts_s + _TOLERANCE_S)
        last_s = min(ends_s, spoken_s)
        end_s = last_s + silences.until_s(last_s - _TOLERANCE_S)
        if end_s > begin_s:
            yield Cue(max(0.0, begin_s), end_s, text)


def as_srt(found: Iterable[Cue]) -> Iterator[str]:
    """Yield the blocks of SubRip: numbered cues, times with a comma."""
    for number, cue in enumerate(found, 1):
        head = "\n" if number > 1 else ""
        times = f"{_clock(cue.starts_s, ',')} --> {_clock(cue.ends_s, ',')}"
        yield f"{head}{number}\n{times}\n{cue.text}\n"


def as_vtt(found: Iterable[Cue]) -> Iterator[str]:
    """Yield the blocks of WebVTT (W3C, sections 4.1 and 4.2.1: ``&<>`` are escaped)."""
    yield "WEBVTT\n"
    for cue in found:
        times = f"{_clock(cue.starts_s, '.')} --> {_clock(cue.ends_s, '.')}"
        yield f"\n{times}\n{_escaped(cue.text)}\n"


def write(path: Path, found: Iterable[Cue]) -> bool:
    """Write cues in the format that the suffix of ``path`` names; False if there are none.

    Raises:
        SaveError: the file cannot be written.
    """
    cues = iter(found)
    if (first := next(cues, None)) is None:
        return False
    blocks = as_vtt if path.suffix.lower() == ".vtt" else as_srt
    with save_errors(path), path.open("w", encoding="utf-8") as file:
        file.writelines(blocks(chain((first,), cues)))
    return True


def _clock(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1e3), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
