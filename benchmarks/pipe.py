"""Measure how a text that is still being written is spoken, beside RealtimeTTS.

Every player reads the same eight sentences from a pipe, at 20 characters a second, and asks
the same server (first byte after 300 ms, three times real time) for speech that is as long
as the text. The speech is a steady tone, of another pitch for each sentence, so that a
recorder at the sound server hears every gap, and in which order the sentences come. Measured
are the time from the first sentence's last character to the first sound, and the silence
between sentences. None is intended: the tones have no silence of their own.

    scripts/setup dev
    sudo apt-get install portaudio19-dev
    .venv/bin/python benchmarks/pipe.py [--runs 3] [--json]

RealtimeTTS is installed into an environment of its own (``benchmarks/.venv-realtimetts``)
on first use; its PyAudio is built from source. The exit status is 1 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder, Sound  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.spoken_tones import pitches  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = Path(__file__).parent / ".venv-realtimetts"
REALTIMETTS = "realtimetts[openai]==0.8.10"

CHARACTERS_PER_S = 20.0
TTFB_S = 0.3
PACE = 3.0
RATE_HZ = 24_000
MIN_GAP_S = 0.005

FIRST_SOUND_S = 0.45
FIRST_SOUND_BUILTIN_S = 0.3
SEAM_MEDIAN_S = 0.020
SEAM_WORST_S = 0.060

SENTENCES = (
    "Line 1 says that the tide comes in twice on most days of the year.",
    "Line 2 says that the moon pulls at the water that is nearest to it.",
    "Line 3 says that the water on the far side is left behind a little.",
    "Line 4 says that the two swellings stay in place while the earth turns.",
    "Line 5 says that every coast meets each of the two about once a day.",
    "Line 6 says that the sun does the same, but with less than half the force.",
    "Line 7 says that both of them pull together when the moon is full or new.",
    "Line 8 says that the shape of the coast makes all the difference in height.",
)
TEXT = " ".join(SENTENCES) + "\n"


@dataclass(frozen=True)
class Run:
    """One run at the recorder; seconds. ``seams_s`` is None if tones cannot show them."""

    first_sound_s: float
    seams_s: list[float] | None
    in_order: bool | None
    own: dict[str, Any] = field(default_factory=dict)
    """What the player itself reports, to explain what is heard."""


@dataclass
class Player:
    """A player that speaks its standard input, its limit in seconds, and its runs."""

    name: str
    command: list[str]
    limit_s: float | None = None
    says_ready: bool = False
    has_tones: bool = True
    runs: list[Run] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the figures of all runs, and whether the limits are met."""
        first_s = statistics.median(run.first_sound_s for run in self.runs)
        seams = [seam for run in self.runs for seam in run.seams_s or []]
        row: dict[str, Any] = {
            "player": self.name,
            "first_sound_ms": round(1e3 * first_s),
            "runs": [
                {
                    "first_sound_ms": round(1e3 * run.first_sound_s),
                    "seams_ms": [round(1e3 * seam) for seam in run.seams_s or [] if seam],
                    **run.own,
                }
                for run in self.runs
            ],
            "first_sound_limit_ms": None if self.limit_s is None else round(1e3 * self.limit_s),
            "seam_median_ms": round(1e3 * statistics.median(seams), 1) if seams else None,
            "seam_worst_ms": round(1e3 * max(seams), 1) if seams else None,
            "in_order": all(run.in_order for run in self.runs) if self.has_tones else None,
            "met": None,
        }
        if self.limit_s is not None:
            quiet = not seams or (
                statistics.median(seams) <= SEAM_MEDIAN_S and max(seams) <= SEAM_WORST_S
            )
            row["met"] = first_s <= self.limit_s and quiet and row["in_order"] is not False
        return row


def players(url: str) -> list[Player]:
    """List all players, in the order of a round."""
    voicecli = [sys.executable, "-m", "voicecli", "say", "--json"]
    theirs = [str(make_environment()), str(Path(__file__).with_name("realtimetts_player.py")), url]
    ours = [
        Player(f"voicecli {kind}", [*voicecli, "--base-url", url, "--format", kind], FIRST_SOUND_S)
        for kind in ("pcm", "mp3", "opus")
    ]
    return [
        Player("RealtimeTTS pcm", theirs, says_ready=True),
        *ours,
        Player("voicecli built-in", voicecli, FIRST_SOUND_BUILTIN_S, has_tones=False),
    ]


def make_environment() -> Path:
    """Return the interpreter of RealtimeTTS's environment, made on first use."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / "made-for"
    if not stamp.exists() or stamp.read_text() != REALTIMETTS:
        print(f"making {ENVIRONMENT.relative_to(ROOT)} with {REALTIMETTS}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if subprocess.run([*install, REALTIMETTS], check=False).returncode:
            raise SystemExit("cannot install RealtimeTTS: apt-get install portaudio19-dev")
        stamp.write_text(REALTIMETTS)
    return python


class Writer(threading.Thread):
    """Writes the text at its pace; ``first_ended`` is when the first sentence was complete."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(name="writer", daemon=True)
        self._descriptor = descriptor
        self.first_ended: float | None = None

    def run(self) -> None:
        """Write character by character, and close."""
        begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            for number, character in enumerate(TEXT):
                time.sleep(max(0.0, begun + number / CHARACTERS_PER_S - time.monotonic()))
                os.write(self._descriptor, character.encode())
                if number + 1 == len(SENTENCES[0]):
                    self.first_ended = time.monotonic()
        os.close(self._descriptor)


def measure(player: Player, cli: Cli, sound: SoundServer) -> None:
    """Run the player once, and add what the recorder heard.

    Raises:
        SystemExit: the player failed; the message has its output.
    """
    reader, descriptor = os.pipe()
    with Recorder(sound) as recorder:
        process = subprocess.Popen(
            player.command,
            env=cli.environment(),
            cwd=cli.home,
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(reader)
        if player.says_ready:
            assert process.stdout is not None
            process.stdout.readline()
        writer = Writer(descriptor)
        writer.start()
        out, err = process.communicate(timeout=120)
        writer.join()
        recording = recorder.finish()
    if process.returncode:
        raise SystemExit(f"{player.name}: exit {process.returncode}\n{out}{err}")
    heard = recording.sound(min_gap_s=MIN_GAP_S)
    assert writer.first_ended is not None
    first_sound_s = heard.onset - writer.first_ended
    own = own_figures(json.loads(out)) if out.startswith("{") else {}
    if player.has_tones:
        run = Run(first_sound_s, seams(heard), is_in_order(heard), own)
    else:
        run = Run(first_sound_s, None, None, own)
    player.runs.append(run)


def own_figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return what the metrics of voicecli say of the first sound, and of silence."""
    underruns = metrics["underruns"]
    return {
        "launch_to_request_ms": metrics["launch_to_request_ms"],
        "ttfa_ms": metrics["ttfa_ms"],
        "waterfall_ms": metrics["waterfall_ms"],
        "underruns": [(event["cause"], event["ms"]) for event in underruns["sink"]["events"]],
        "device_underruns": underruns["device"]["count"],
        "waits_text_ms": metrics["waits"]["text"]["total_ms"],
    }


def seams(heard: Sound) -> list[float]:
    """Return the silence at each of the seven places between sentences.

    A gap elsewhere counts as one of them, so that none is overlooked.
    """
    found = [gap.length_s for gap in heard.gaps]
    return found + [0.0] * (len(SENTENCES) - 1 - len(found))


def is_in_order(heard: Sound) -> bool:
    """Whether each sentence was heard once and in its place, by its pitch."""
    found = [pitch.hz for pitch in pitches(heard.samples)]
    return len(found) == len(SENTENCES) and found == sorted(found)


def table(rows: list[dict[str, Any]]) -> str:
    """Format the result for people."""
    lines = [f"{'player':<20}{'first sound':>12}{'seam median':>13}{'seam worst':>12}  order"]
    for row in rows:
        order = {True: "yes", False: "NO", None: "–"}[row["in_order"]]
        verdict = {True: "met", False: "MISSED", None: ""}[row["met"]]
        median, worst = (
            "–" if row[key] is None else f"{row[key]:.1f} ms"
            for key in ("seam_median_ms", "seam_worst_ms")
        )
        lines.append(
            f"{row['player']:<20}{row['first_sound_ms']:>9} ms{median:>13}{worst:>12}  "
            f"{order:<5} {verdict}"
        )
    return "\n".join(lines)


@contextlib.contextmanager
def speech_server() -> Iterator[str]:
    """Run the tests' speech server in a process of its own; yield its URL."""
    command = [
        sys.executable, "-m", "tests.support.speech_server", "--spoken",
        "--ttfb", str(TTFB_S), "--pace", str(PACE), "--rate", str(RATE_HZ),
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as server:  # fmt: skip
        assert server.stdout is not None
        assert server.stdin is not None
        yield json.loads(server.stdout.readline())["url"]
        server.stdin.close()


def main() -> int:
    """Measure and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description="Text that is still written, beside RealtimeTTS.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="only players whose name contains this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        SoundServer() as sound,
        speech_server() as url,
    ):
        chosen = [each for each in players(url) if (options.only or "") in each.name]
        cli = Cli(Path(home), sound)
        for _ in range(options.runs):
            for player in chosen:
                measure(player, cli, sound)
    rows = [player.row() for player in chosen]
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    return 1 if any(row["met"] is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
