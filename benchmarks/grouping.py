"""Simulate how a text of 60 sentences is cut into requests, and whether that causes gaps.

The real `Planner`, `Pace` and text stage decide what each request holds; the server, the
decoder and the listener are simulated, with a random text and a random deviation of every
time, for each of some thousand draws. With ``--hear``, `voicecli say` speaks such a text once
to each server, with short sentences, at a recorder.

    .venv/bin/python benchmarks/grouping.py [--draws 1000] [--hear] [--json]

"Gaps" are draws with silence at a seam after the first two. The exit status is 1 if a limit
is exceeded: no draw with a gap, at most a third as many requests as sentences. A "serial"
server works on one request at a time; it has no limits.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from voicecli.clock import VirtualClock  # noqa: E402  needs the path above
from voicecli.playback.policy import CAPACITY_S  # noqa: E402
from voicecli.session.fallback import Candidate, Fallback  # noqa: E402
from voicecli.session.fetcher import FetchLimits  # noqa: E402
from voicecli.session.pace import Pace  # noqa: E402
from voicecli.session.planner import Planner  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.session.utterance import Utterance

SENTENCES = 60
SPEECH_S = 0.065
"""Seconds of speech a character: about 15 characters a second."""

SPREAD = 0.15
"""Relative deviation of each time of a server; that of the speech's length is half of it."""

OUTPUT_S = 0.1
"""Seconds from the first byte until sound that is late can be heard."""


@dataclass(frozen=True)
class Server:
    """When it answers: after ``first_byte_s`` and ``per_character_s`` for each character.

    A ``speed`` of None sends the whole answer then, else it is in times real time. A
    ``serial`` server works on one request at a time.
    """

    first_byte_s: float
    speed: float | None = None
    per_character_s: float = 0.0
    serial: bool = False


SERVERS = {
    "0.3 s, 4 x": Server(0.3, 4.0),
    "1.2 s, 2 x": Server(1.2, 2.0),
    "0.5 s + 20 ms/char, whole": Server(0.5, None, 0.020),
    "0.3 s, 4 x, serial": Server(0.3, 4.0, serial=True),
    "1.2 s, 2 x, serial": Server(1.2, 2.0, serial=True),
    "0.5 s + 20 ms/char, whole, serial": Server(0.5, None, 0.020, serial=True),
}


@dataclass(frozen=True)
class Answer:
    """One request of a draw; times in seconds, ``decoded_at`` when the decoder was done."""

    characters: int
    sentences: int
    asked_at: float
    first_at: float
    last_at: float
    heard_at: float
    sound_s: float
    decoded_at: float


class Inline:
    """A "thread" that runs at once; nothing that it does takes time here."""

    def join(self, timeout: float | None = None) -> None:
        """Return: it has ended."""


def inline(work: Callable[[], None], _: str) -> Inline:
    """Run ``work`` at once."""
    work()
    return Inline()


@dataclass
class Draw:
    """One text spoken by one server, from the first request to the last sound."""

    server: Server
    rng: random.Random
    clock: VirtualClock = field(default_factory=VirtualClock)
    pace: Pace = field(default_factory=Pace)
    answers: list[Answer] = field(default_factory=list)
    gaps_s: list[float] = field(default_factory=list)
    free_at: float = 0.0
    _noted: int = 0
    _fetched: set[int] = field(default_factory=set)
    _decoded_s: float = 0.0
    _utterances: list[Utterance] = field(default_factory=list)

    def run(self, text: str) -> None:
        """Speak ``text``; a request leaves as soon as the prefetcher has a free slot."""
        speaker = Candidate("simulated", lambda _: None)  # type: ignore[arg-type, return-value]
        planner = Planner(text, Fallback(lambda _: [speaker]), self.pace, self.clock)
        at_once = 1 + FetchLimits().ahead
        for utterance in planner.utterances(inline, self._heard_s, lambda: False):
            self._ask(utterance)
            if len(self.answers) >= at_once:
                self.clock.advance_to(self.answers[-at_once].decoded_at)
            self._note()

    def _ask(self, utterance: Utterance) -> None:
        assert utterance.segment is not None
        segment, server, now = utterance.segment, self.server, self.clock.now()
        characters = len(segment.text)
        sound_s = characters * SPEECH_S * self.rng.lognormvariate(0, SPREAD / 2)
        begin = max(now, self.free_at) if server.serial else now
        first_at = begin + server.first_byte_s * self._deviation()
        work_s = server.per_character_s * characters
        if server.speed is None:
            first_at += work_s * self._deviation()
            last_at = first_at
        else:
            last_at = first_at + sound_s / server.speed * self._deviation()
        self.free_at = last_at
        before = self.answers[-1] if self.answers else None
        due_at = before.heard_at + before.sound_s if before else 0.0
        starts = max(first_at, before.decoded_at if before else 0.0)
        heard_at = due_at if before and starts <= due_at else starts + OUTPUT_S
        if before:
            self.gaps_s.append(heard_at - due_at)
        decoded_at = max(starts, last_at, heard_at + sound_s - CAPACITY_S)
        whole = sum(not sentence.continues for sentence in segment.sentences)
        self.answers.append(
            Answer(characters, whole, now, first_at, last_at, heard_at, sound_s, decoded_at)
        )
        self._utterances.append(utterance)

    def _deviation(self) -> float:
        return self.rng.lognormvariate(0, SPREAD)

    def _heard_s(self) -> float:
        now = self.clock.now()
        return sum(min(max(0.0, now - each.heard_at), each.sound_s) for each in self.answers)

    def _note(self) -> None:
        """Report to the pace what has happened by now, as fetch and decoder threads do."""
        now = self.clock.now()
        for number, each in enumerate(self.answers):
            if number not in self._fetched and each.last_at <= now:
                self._fetched.add(number)
                first_s, total_s = each.first_at - each.asked_at, each.last_at - each.asked_at
                self.pace.fetched(each.characters, first_s, total_s)
        while self._noted < len(self.answers) and self.answers[self._noted].decoded_at <= now:
            each, utterance = self.answers[self._noted], self._utterances[self._noted]
            self._decode_up_to(sum(a.sound_s for a in self.answers[: self._noted + 1]))
            assert utterance.segment is not None
            self.pace.ended(utterance.segment)
            self._noted += 1
        if self._noted < len(self.answers):  # a part of the next one is decoded
            each = self.answers[self._noted]
            there_s = 0.0
            if now >= each.first_at:
                spread_s = each.last_at - each.first_at
                share = 1.0 if not spread_s else min(1.0, (now - each.first_at) / spread_s)
                there_s = share * each.sound_s
            done_s = sum(a.sound_s for a in self.answers[: self._noted])
            self._decode_up_to(min(done_s + there_s, self._heard_s() + CAPACITY_S))

    def _decode_up_to(self, total_s: float) -> None:
        if total_s > self._decoded_s:
            self.pace.decoded(total_s - self._decoded_s)
            self._decoded_s = total_s


def story(rng: random.Random, *, longest: int = 140) -> str:
    """Return 60 sentences of up to ``longest`` characters in paragraphs of four to eight."""
    paragraphs, left = [], 0
    for number in range(SENTENCES):
        if not left:
            paragraphs.append([])
            left = rng.randint(4, 8)
        left -= 1
        paragraphs[-1].append(_sentence(rng, number, rng.randint(max(18, longest // 5), longest)))
    return "\n\n".join(" ".join(sentences) for sentences in paragraphs)


def _sentence(rng: random.Random, number: int, length: int) -> str:
    text = f"Line {number}"
    while len(text) < length - 9:
        text += " " + rng.choice(
            ("tide", "of", "moonlight", "and", "water", "pulls", "the", "coast")
        )
    return text + " is so."


def simulate(server: Server, draws: int) -> dict[str, Any]:
    """Return the figures of all draws for one server."""
    late, worst_s, requests, first_s, at_first = 0, 0.0, [], [], []
    for seed in range(draws):
        rng = random.Random(seed)
        draw = Draw(server, rng)
        draw.run(story(rng))
        assert sum(answer.sentences for answer in draw.answers) == SENTENCES
        gaps = [gap for gap in draw.gaps_s[2:] if gap > 0]
        late += bool(gaps)
        worst_s = max([worst_s, *gaps])
        requests.append(len(draw.answers))
        first_s.append(draw.answers[0].heard_at)
        at_first.append(sum(draw.gaps_s[:2]))
    return {
        "draws": draws,
        "draws_with_gaps": late,
        "worst_gap_ms": round(1e3 * worst_s),
        "requests_mean": round(statistics.mean(requests), 1),
        "requests_most": max(requests),
        "first_sound_ms": round(1e3 * statistics.median(first_s)),
        "first_two_seams_ms": round(1e3 * statistics.median(at_first)),
        "met": None if server.serial else not late and max(requests) <= SENTENCES // 3,
    }


def hear(server: Server, kind: str) -> dict[str, Any]:
    """Speak 60 short sentences to a real server, and return what a recorder heard."""
    from tests.support.cli import Cli  # noqa: PLC0415  only to listen
    from tests.support.recorder import Recorder  # noqa: PLC0415
    from tests.support.sound_server import SoundServer  # noqa: PLC0415
    from tests.support.spoken_tones import pitches  # noqa: PLC0415

    text = story(random.Random(7), longest=22)
    command = [
        sys.executable, "-m", "tests.support.speech_server", "--spoken", "--rate", "24000",
        "--ttfb", str(server.first_byte_s), "--ttfb-per-character", str(server.per_character_s),
    ]  # fmt: skip
    command += [] if server.speed is None else ["--pace", str(server.speed)]
    with (
        tempfile.TemporaryDirectory() as home,
        SoundServer() as sound,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as speech,
    ):
        assert speech.stdout is not None
        assert speech.stdin is not None
        url = json.loads(speech.stdout.readline())["url"]
        with Recorder(sound) as recorder:
            begun = time.monotonic()
            done = Cli(Path(home), sound).run(
                "say", "--json", "--base-url", url, "--format", kind, text, timeout_s=180
            )
            heard = recorder.finish().sound(min_gap_s=0.005)
        speech.stdin.close()
    if done.exit_code:
        raise SystemExit(str(done))
    found = [pitch.hz for pitch in pitches(heard.samples)]
    rows = done.json["segments"]
    seams_s = [row["at_s"] for row in rows[3:]]
    first_s = seams_s[0] if seams_s else heard.length_s
    gaps_s = [gap.length_s for gap in heard.gaps if gap.at_s > first_s - 0.5]
    return {
        "format": kind,
        "requests": len(rows),
        "length_s": round(heard.length_s, 1),
        "first_sound_ms": round(1e3 * (heard.onset - begun)),
        "gaps_before_ms": [
            round(1e3 * gap.length_s) for gap in heard.gaps if gap.at_s <= first_s - 0.5
        ],
        "gaps_ms": [round(1e3 * gap) for gap in gaps_s],
        "in_order": found == sorted(found) and len(found) == SENTENCES,
        "met": not gaps_s and len(rows) <= SENTENCES // 3 and found == sorted(found),
    }


def main() -> int:
    """Simulate, listen if asked to, and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description="Gaps and requests of a text of 60 sentences.")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--hear", action="store_true", help="speak to each server at a recorder")
    parser.add_argument("--format", default="pcm", help="format of what is heard")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = dict(_results(options.draws, options.format if options.hear else None))
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        for name, figures in result.items():
            verdict = {True: "met", False: "MISSED", None: ""}[figures.pop("met")]
            print(name, verdict, *(f"{key}={value}" for key, value in figures.items()), sep="\n  ")
    return 1 if any(figures.get("met") is False for figures in result.values()) else 0


def _results(draws: int, kind: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if draws:
        for name, server in SERVERS.items():
            yield name, simulate(server, draws)
    if kind is not None:
        for name, server in SERVERS.items():
            if not server.serial:
                yield f"heard: {name}", hear(server, kind)


if __name__ == "__main__":
    sys.exit(main())
