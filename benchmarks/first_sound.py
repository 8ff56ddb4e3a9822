"""Measure the first sound of ``voicecli`` and of alternatives with a recorder.

Every player uses the same server (first byte after 200 ms, then four times real time) and the
same sound server. The players take turns, so that a slow minute of the machine affects all of
them. "First sound" is the time from just before the process starts to the first loud sample.

Starts are warm: one that read much from the disk measures the kernel's file cache, so it does
not count and the player runs again. Column "cold" counts such starts.

    scripts/setup dev && .venv/bin/python benchmarks/first_sound.py [--runs 5] [--json]

Needs mpv and curl as well (``apt-get install mpv curl``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.resident import running_resident  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

TTFB_S = 0.2
PACE = 4.0
SECONDS = 4.0
RATE_HZ = 24_000  # of most speech models
SENTENCE = "Hello, this voice comes from your own computer."


MAX_READ_KIB = 256
"""How much may be read from the disk during a warm start; a cold one reads several MB."""

MAX_COLD_STARTS = 10
"""How often a player may start cold before such a start counts."""

SETTLE_S = 2.0
"""How long a resident takes to have its first worker ready."""


@dataclass
class Player:
    """A player: its command, what it is compared with, and its measurements in ms."""

    name: str
    command: Callable[[], list[str]]
    rival: str | None = None
    limit: float | None = None
    resident: bool = False
    recorded_ms: list[float] = field(default_factory=list)
    reported_ms: list[float] = field(default_factory=list)
    cold_starts: int = 0

    @property
    def median_ms(self) -> float:
        """Median of the recorded times."""
        return statistics.median(self.recorded_ms)


def voicecli(*arguments: str) -> list[str]:
    """Return the installed command, as a person would type it."""
    script = Path(sys.executable).with_name("voicecli")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "voicecli"]
    return [*start, "say", "--json", *arguments]


def players(url: str) -> list[Player]:
    """List all players, in the order of a round."""
    body = json.dumps(
        {"model": "tts-1", "voice": "alloy", "input": "hello", "response_format": "mp3"}
    )
    curl = f"curl -sN -H 'Content-Type: application/json' -d '{body}' {url}/audio/speech"
    mpv = ["sh", "-c", f"{curl} | mpv --no-config --no-video --really-quiet --ao=pulse -"]
    pcm = curl.replace('"mp3"', '"pcm"')
    pacat = f"{pcm} | pacat --rate={RATE_HZ} --channels=1 --format=s16le --latency-msec=50"
    resident = [
        Player(
            f"voicecli {kind}, resident",
            lambda kind=kind: voicecli("--base-url", url, "--format", kind, "hello"),
            "curl | pacat (pcm)",
            limit,
            resident=True,
        )
        for kind, limit in (("pcm", 1.15), ("opus", 1.3), ("mp3", 1.3))
    ]
    hibari = str(Path(sys.executable).with_name("hibari"))
    ours = [
        Player(
            f"voicecli {kind}",
            lambda kind=kind: voicecli("--base-url", url, "--format", kind, "hello"),
            "curl | mpv (mp3)",
            1.05,
        )
        for kind in ("pcm", "opus", "mp3")
    ]
    return [
        Player("curl | mpv (mp3)", lambda: mpv),
        *ours,
        Player("curl | pacat (pcm)", lambda: ["sh", "-c", pacat]),
        *resident,
        Player("hibari --play", lambda: [hibari, SENTENCE, "--play"]),
        Player("voicecli built-in", lambda: voicecli(SENTENCE), "hibari --play", 0.8),
        Player("voicecli built-in, resident", lambda: voicecli(SENTENCE), resident=True),
    ]


def disk_read_kib() -> int:
    """Return how many KiB the machine has read from its disks (``pgpgin`` of proc(5))."""
    lines = Path("/proc/vmstat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("pgpgin "))


def measure(player: Player, cli: Cli, sound: SoundServer) -> None:
    """Run the player until a start is warm, and add the times of that start."""
    for _ in range(MAX_COLD_STARTS):
        before_kib = disk_read_kib()
        recorded_ms, reported_ms = first_sound_ms(player, cli, sound)
        if disk_read_kib() - before_kib <= MAX_READ_KIB:
            break
        player.cold_starts += 1
    player.recorded_ms.append(recorded_ms)
    if reported_ms is not None:
        player.reported_ms.append(reported_ms)


def first_sound_ms(player: Player, cli: Cli, sound: SoundServer) -> tuple[float, float | None]:
    """Run the player once; return the recorded time, and that reported by voicecli.

    Raises:
        SystemExit: the player failed; the message has its output.
    """
    with Recorder(sound) as recorder:
        started = time.monotonic()
        done = subprocess.run(
            player.command(),
            env=cli.environment(VOICECLI_RESIDENT="auto" if player.resident else "off"),
            cwd=cli.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        recording = recorder.finish()
    if done.returncode:
        raise SystemExit(f"{player.name}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    recorded_ms = 1000 * (recording.sound().onset - started)
    if not player.name.startswith("voicecli"):
        return recorded_ms, None
    metrics = json.loads(done.stdout)
    # Speech begins with silence, so the recorder finds the audible start.
    return recorded_ms, metrics["launch_to_request_ms"] + metrics["ttfa_audible_ms"]


def report(all_players: list[Player]) -> dict[str, object]:
    """Return medians, extremes and ratios, as printed by ``--json``."""
    by_name = {player.name: player for player in all_players}
    rows = []
    for player in all_players:
        rival = by_name[player.rival] if player.rival else None
        ratio = player.median_ms / rival.median_ms if rival else None
        rows.append(
            {
                "player": player.name,
                "first_sound_ms": round(player.median_ms, 1),
                "least_ms": round(min(player.recorded_ms), 1),
                "most_ms": round(max(player.recorded_ms), 1),
                "reported_ms": round(statistics.median(player.reported_ms), 1)
                if player.reported_ms
                else None,
                "rival": player.rival,
                "ratio": round(ratio, 3) if ratio else None,
                "limit": player.limit,
                "met": ratio <= player.limit if ratio and player.limit else None,
                "cold_starts": player.cold_starts,
            }
        )
    return {"ttfb_ms": 1000 * TTFB_S, "pace": PACE, "players": rows}


def table(result: dict[str, object]) -> str:
    """Format the result for people."""
    head = f"{'player':<28}{'median':>8}{'least':>8}{'most':>8}{'own figure':>12}{'cold':>6}"
    lines = [f"{head}  vs rival"]
    rows = result["players"]
    assert isinstance(rows, list)
    for row in rows:
        reported = f"{row['reported_ms']:.0f}" if row["reported_ms"] is not None else ""
        comparison = ""
        if row["ratio"] is not None:
            verdict = "met" if row["met"] else "MISSED"
            comparison = f"{row['ratio']:.2f} x {row['rival']} (limit {row['limit']}: {verdict})"
        lines.append(
            f"{row['player']:<28}{row['first_sound_ms']:>8.0f}{row['least_ms']:>8.0f}"
            f"{row['most_ms']:>8.0f}{reported:>12}{row['cold_starts']:>6}  {comparison}"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(
        description="First sound compared with curl | mpv and hibari --play."
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    missing = [name for name in ("mpv", "curl") if not shutil.which(name)]
    if missing:
        sys.exit(f"needs {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    server_command = [
        sys.executable, "-m", "tests.support.speech_server",
        "--ttfb", str(TTFB_S), "--pace", str(PACE),
        "--seconds", str(SECONDS), "--rate", str(RATE_HZ),
    ]  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as home,
        SoundServer() as sound,
        contextlib.ExitStack() as running,
        subprocess.Popen(
            server_command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        ) as server,
    ):  # fmt: skip
        assert server.stdout is not None
        assert server.stdin is not None
        all_players = players(json.loads(server.stdout.readline())["url"])
        cli = Cli(Path(home), sound)
        running.enter_context(running_resident(cli.environment()))
        time.sleep(SETTLE_S)
        for _ in range(options.runs):
            for player in all_players:
                measure(player, cli, sound)
        server.stdin.close()
    result = report(all_players)
    print(json.dumps(result, indent=2) if options.json else table(result))
    rows = result["players"]
    assert isinstance(rows, list)
    return 1 if any(row["met"] is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
