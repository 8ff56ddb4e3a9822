"""Estimate where the sentences of a segment are in its sound; pure.

Only the start and the end of a segment are known. Each sentence gets a share of the time in
proportion to its characters, and its end is then moved to a nearby pause. Subtitles, the
count of spoken sentences and the text on the terminal all rest on this one estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.audio.pauses import Pause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

REACH_S = 1.5
"""How far from its expected place the end of a sentence is searched for, in sound."""

MAX_ALIGNED = 200
"""Sentences that are moved to pauses; the work grows with sentences times pauses."""

TOLERANCE_S = 0.05
"""A sentence counts as spoken if no more than this is missing at its end."""

_REWARD, _LONG_PAUSE_S = 4.0, 0.8
"""The weight of a second of silence, in squared deviations, and how much of it counts."""

_SPEEDS = (1.0, 0.4, 0.5, 0.62, 0.75, 0.85, 1.15, 1.3, 1.5, 1.8, 2.2)
"""Times per character that are tried, relative to the expected one."""

_SPEED_DEVIATION = 0.5
"""How far a voice usually is from its expected time per character."""


class Stretch(NamedTuple):
    """A part of the sound, in seconds."""

    starts_s: float
    ends_s: float


def align(lengths: Sequence[int], speech: Stretch, pauses: Sequence[Pause] = ()) -> list[Stretch]:
    """Return where sentences of these ``lengths`` in characters are in a segment's ``speech``.

    ``pauses`` may hold pauses outside of the segment too. Without any, the time is divided by
    characters.
    """
    counts = _counts(lengths)
    inside = _inside(speech, pauses)
    if not inside or not 1 < len(counts) <= MAX_ALIGNED:
        return _divided(counts, speech)
    return _stretches(speech, _best_path(counts, speech, inside).edges)


def align_so_far(
    lengths: Sequence[int], decoded: Stretch, per_character_s: float, pauses: Sequence[Pause] = ()
) -> list[Stretch]:
    """Return where sentences are expected in a segment of which ``decoded`` is known.

    ``per_character_s`` is how long a character lasted so far. A voice that is slower or
    faster shows in its pauses, so several speeds are tried.
    """
    counts = _counts(lengths)
    inside = _inside(decoded, pauses)
    expected_s = sum(counts) * per_character_s
    likely = Stretch(decoded.starts_s, max(decoded.ends_s, decoded.starts_s + expected_s))
    if not inside or not 1 < len(counts) <= MAX_ALIGNED:
        return _divided(counts, likely)
    best: tuple[float, list[Stretch]] | None = None
    for speed in _SPEEDS:
        ends_s = max(decoded.ends_s, decoded.starts_s + expected_s * speed)
        speech = Stretch(decoded.starts_s, ends_s)
        path = _best_path(counts, speech, inside)
        cost = path.cost + ((speed - 1.0) / _SPEED_DEVIATION) ** 2
        if best is None or cost < best[0]:
            best = cost, _stretches(speech, path.edges)
    assert best is not None
    return best[1]


class SpokenSegment(NamedTuple):
    """Where the whole sentences of a segment end, in seconds of the sound.

    ``continues`` means that the first of them is the rest of the last one before.
    """

    ends_s: Sequence[float]
    continues: bool = False


def count_spoken(segments: Iterable[SpokenSegment], heard_s: float) -> tuple[int, int]:
    """Return how many sentences were spoken in the first ``heard_s`` seconds, and how many exist.

    A sentence in several parts counts once, with its last part.
    """
    spoken = known = 0
    was_spoken = False
    for segment in segments:
        for number, ends_s in enumerate(segment.ends_s):
            is_spoken = ends_s <= heard_s + TOLERANCE_S
            if not number and segment.continues and known:
                spoken -= was_spoken
            else:
                known += 1
            spoken += is_spoken
            was_spoken = is_spoken
    return spoken, known


def _counts(lengths: Sequence[int]) -> list[int]:
    return [length + 1 for length in lengths]  # with the space behind each


def _inside(speech: Stretch, pauses: Sequence[Pause]) -> list[Pause]:
    return [p for p in pauses if p.starts_s > speech.starts_s and p.ends_s < speech.ends_s]


def _stretches(speech: Stretch, edges: Sequence[Pause]) -> list[Stretch]:
    begins_s = [speech.starts_s, *(edge.ends_s for edge in edges)]
    ends_s = [*(edge.starts_s for edge in edges), max(speech)]
    return [Stretch(*times) for times in zip(begins_s, ends_s, strict=True)]


def _divided(counts: Sequence[int], speech: Stretch) -> list[Stretch]:
    scale = max(0.0, speech.ends_s - speech.starts_s) / sum(counts)
    found: list[Stretch] = []
    at_s = speech.starts_s
    for count in counts:
        found.append(Stretch(at_s, at_s + count * scale))
        at_s = found[-1].ends_s
    return found


class _Path(NamedTuple):
    """The best choice of edges so far: its cost, and how much sound precedes the last."""

    cost: float
    voiced_s: float
    edges: tuple[Pause, ...]


def _best_path(counts: Sequence[int], speech: Stretch, inside: Sequence[Pause]) -> _Path:
    """Return where sentences of these lengths end and begin, by dynamic programming.

    The time of a sentence that is not silent should be in proportion to its length, and a
    long pause ends a sentence rather than a clause.
    """
    silent_s = sum(pause.length_s for pause in inside)
    pace_s = max(0.0, speech.ends_s - speech.starts_s - silent_s) / sum(counts)
    paths = [_Path(0.0, 0.0, ())]
    expected_s = 0.0
    for count in counts[:-1]:
        expected_s += pace_s * count
        following: list[_Path] = []
        for voiced_s, edge in _candidates(speech.starts_s, expected_s, inside):
            reward = _REWARD * min(edge.length_s, _LONG_PAUSE_S)
            steps = [
                path._replace(
                    cost=path.cost + _misfit(voiced_s - path.voiced_s, pace_s * count) - reward,
                    edges=(*path.edges, edge),
                    voiced_s=voiced_s,
                )
                for path in paths
                if not path.edges or edge.starts_s >= path.edges[-1].ends_s
            ]
            following += [min(steps)] if steps else []
        paths = following  # never empty: the place itself comes after the place before
    total_s = pace_s * sum(counts)
    return min(
        path._replace(cost=path.cost + _misfit(total_s - path.voiced_s, pace_s * counts[-1]))
        for path in paths
    )


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
