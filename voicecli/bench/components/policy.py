"""When sound starts and how often it pauses, by policy and by kind of server; simulated.

Arrival traces are generated from a seed and played by `IdealPlayer` in no time.
Every policy plays the same traces, so that the table shows the trade-off between
an early first sound and few gaps, and where each policy stands.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from voicecli.bench.case import combinations
from voicecli.bench.report import Column
from voicecli.playback.arrivals import Arrivals
from voicecli.playback.ideal import IdealPlayer
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from voicecli.bench.case import Case, Readings
    from voicecli.playback.policy import Policy

RATE_HZ = 48_000
PAST_RUNS = 5
"""Past runs that a "learned" policy has learned from."""

Trace: TypeAlias = "Sequence[tuple[float, float]]"
"""Arrivals in order: (time, duration of the audio), both in seconds."""


class TracePlayback(NamedTuple):
    """What a trace sounded like, in seconds.

    ``first_s`` is the delay of the first sound after the first arrival, ``gaps_s`` the
    lengths of the gaps, ``resumed_from_s`` the position after the last gap (0 if there
    is none), and ``ends_at`` when the sound ended.
    """

    first_s: float
    gaps_s: tuple[float, ...]
    resumed_from_s: float
    ends_at: float


def play_trace(trace: Trace, policy: Policy, *, ends_at: float | None = None) -> TracePlayback:
    """Play a trace under a policy; the input ends with its last arrival or at ``ends_at``."""
    player = IdealPlayer(RATE_HZ, policy)
    for at, duration_s in trace:
        player.arrive(round(duration_s * RATE_HZ), at)
    player.end(trace[-1][0] if ends_at is None else ends_at)
    heard, gaps = player.timeline, player.timeline.underruns
    assert heard.first_sound_at is not None, "a trace holds audio"
    assert heard.ends_at is not None
    return TracePlayback(
        first_s=heard.first_sound_at - trace[0][0],
        gaps_s=tuple(gap.silence_s for gap in gaps),
        resumed_from_s=gaps[-1].at_s if gaps else 0.0,
        ends_at=heard.ends_at,
    )


def needed_s(trace: Trace) -> float:
    """Return the least delay of the start that plays a trace without a gap."""
    arrivals = Arrivals()
    for at, duration_s in trace:
        arrivals.add(at, duration_s)
    return arrivals.needed_prebuffer_s or 0.0


# -- servers -----------------------------------------------------------------


def paced(
    rng: random.Random,
    *,
    rate: float,
    chunk_s: float = 0.0213,
    late_s: float = 0.0,
    duration_s: float = 6.0,
) -> list[tuple[float, float]]:
    """Send chunks at ``rate`` times real time, each late by up to ``late_s``, in order."""
    at, trace = 0.0, []
    for i in range(max(1, round(duration_s / chunk_s))):
        at = max(at, i * chunk_s / rate + rng.uniform(0.0, late_s))
        trace.append((at, chunk_s))
    return trace


def stalling(rng: random.Random) -> list[tuple[float, float]]:
    """Send at 1.5 times real time, with one to three stalls of up to 1.2 s."""
    stalls = [(rng.uniform(0.3, 5.0), rng.uniform(0.2, 1.2)) for _ in range(rng.randint(1, 3))]
    return [
        (at + sum(for_s for from_, for_s in stalls if at >= from_), chunk_s)
        for at, chunk_s in paced(rng, rate=1.5)
    ]


def bursting(rng: random.Random) -> list[tuple[float, float]]:
    """Send whole sentences of 0.5 to 2.5 s, each generated in 0.3 to 0.9 of its length."""
    at, trace = 0.0, []
    for _ in range(5):
        duration_s = rng.uniform(0.5, 2.5)
        at += duration_s * rng.uniform(0.3, 0.9)
        trace.append((at, duration_s))
    return trace


def warming_up(rng: random.Random) -> list[tuple[float, float]]:
    """Send the first second at 0.5 to 0.9 times real time, the rest at twice real time."""
    chunk_s, at, trace = 0.0213, 0.0, []
    slow = rng.uniform(0.5, 0.9)
    for i in range(round(6.0 / chunk_s)):
        trace.append((at, chunk_s))
        at += chunk_s / (slow if i * chunk_s < 1.0 else 2.0)
    return trace


def barely_faster(rng: random.Random) -> list[tuple[float, float]]:
    """Send pieces of 4 KiB at 1.05 to 1.3 times real time, each up to 50 ms late."""
    return paced(rng, rate=rng.uniform(1.05, 1.3), chunk_s=0.0853, late_s=0.05)


SERVERS: Mapping[str, Callable[[random.Random], Trace]] = {
    "fast": lambda rng: paced(rng, rate=4.0),
    "steady": lambda rng: paced(rng, rate=1.15),
    "barely faster": barely_faster,
    "jittery": lambda rng: paced(rng, rate=1.15, late_s=0.2),
    "bursting": bursting,
    "stalling": stalling,
    "warming up": warming_up,
    "too slow": lambda rng: paced(rng, rate=0.9, late_s=0.05),
}
"""Kinds of servers by name: each generates one trace from random numbers."""


# -- policies ----------------------------------------------------------------


class _Rule(NamedTuple):
    """A policy, and from how many runs of the same server it has learned."""

    policy: Policy
    past_runs: int = 0


RULES: Mapping[str, _Rule] = {
    **{f"{ms} ms": _Rule(BufferPolicy.fixed(ms / 1e3)) for ms in (60, 300, 1000)},
    "auto, first run": _Rule(AdaptivePolicy()),
    "auto, learned": _Rule(AdaptivePolicy(), PAST_RUNS),
}


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How many ``traces`` a run plays, and the ``seed`` that generates them."""

    traces: int = 200
    seed: int = 1


COLUMNS = (
    Column("", "server", "server"),
    Column("", "buffer", "buffer"),
    Column("first sound ms", "p50", "first_ms", "p50"),
    Column("first sound ms", "p95", "first_ms", "p95"),
    Column("first sound ms", "max", "first_ms", "max"),
    Column("gaps", "mean", "gaps", "mean"),
    Column("gaps", "max", "gaps", "max"),
    Column("silence ms", "mean", "silence_ms", "mean"),
    Column("a gap ms", "p50", "gap_ms", "p50"),
)
LEGEND = (
    "first sound: after the first arrival. gaps, silence: of one trace.\n"
    f"learned: from {PAST_RUNS} runs of the same server before each trace."
)


def cases(servers: Iterable[str], settings: PolicySettings) -> list[Case]:
    """Return the cases: every rule against every kind of server, over the same traces."""
    return combinations(partial(_measure, settings), server=servers, buffer=RULES)


def _measure(settings: PolicySettings, server: str, buffer: str) -> Readings:
    make, rule = SERVERS[server], RULES[buffer]
    first_ms, gaps, silence_ms, gap_ms = [], [], [], []
    for number in range(settings.traces):
        rng = random.Random(settings.seed * 1_000_003 + number)  # noqa: S311  repeatable, no secret
        trace = make(rng)
        past = [needed_s(make(rng)) for _ in range(rule.past_runs)]
        heard = play_trace(trace, rule.policy.with_history(past))
        first_ms.append(heard.first_s * 1e3)
        gaps.append(float(len(heard.gaps_s)))
        silence_ms.append(sum(heard.gaps_s) * 1e3)
        gap_ms += [gap_s * 1e3 for gap_s in heard.gaps_s]
    return {"first_ms": first_ms, "gaps": gaps, "silence_ms": silence_ms, "gap_ms": gap_ms}
