"""Call a resident hundreds of times, with kills and signals, and see what is left behind.

Most calls are spoken to the end on the null device; the others are interrupted at a random
moment, or their process or their worker is killed, or they are garbage. Printed are the
slopes of the resident's memory, threads and descriptors, and what hung or was left over.

    .venv/bin/python benchmarks/resident_soak.py [--calls 500] [--seed 1] [--json]

The exit status is 1 if anything leaks or hangs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.resident import running_resident  # noqa: E402
from tests.support.speech_server import Reply, SpeechServer, clips_of  # noqa: E402
from tests.support.tones import tone  # noqa: E402
from voicecli.control.resident.wire import SOCKET_NAME  # noqa: E402

HANG_S = 15.0
EVERY = 20
"""Calls between two samples of the resident, which has then rested."""

MAX_BYTES_A_CALL = 1024.0
"""Memory that may be added by a call: less than a page, so the noise of a few pages."""

ENDS = ("spoken", "spoken", "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "worker killed", "garbage")


class Watched:
    """The resident's process, as /proc shows it."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._pid = pid
        self.samples: list[tuple[int, int, int, int]] = []

    def workers(self) -> list[int]:
        """Return the processes of the workers."""
        return [int(p) for p in (self._proc / f"task/{self._pid}/children").read_text().split()]

    def sample(self, calls: int) -> None:
        """Note private memory in bytes, threads and descriptors, once only a reserve is left."""
        ends_at = time.monotonic() + HANG_S
        time.sleep(0.7)  # until the reserve is made
        while len(self.workers()) != 1 and time.monotonic() < ends_at:
            time.sleep(0.05)
        lines = (self._proc / "smaps_rollup").read_text().splitlines()
        kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
        threads, descriptors = self._proc / "task", self._proc / "fd"
        self.samples.append(
            (
                calls,
                1024 * kilobytes,
                len(list(threads.iterdir())),
                len(list(descriptors.iterdir())),
            )
        )

    def slopes(self) -> dict[str, float]:
        """Return what a call adds, by least squares without the first sample."""
        table = np.array(self.samples[1:], dtype=float)
        names = ("memory_bytes", "threads", "descriptors")
        return {
            name: float(np.polyfit(table[:, 0], table[:, number], 1)[0])
            for number, name in enumerate(names, 1)
        }


def send_garbage(path: Path, chance: random.Random) -> None:
    """Connect, say something else than a command does, and leave."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(HANG_S)
        connection.connect(str(path))
        if chance.random() < 0.5:
            connection.sendall(chance.randbytes(chance.randrange(200)))


def call(cli: Cli, url: str, how: str, watched: Watched, chance: random.Random) -> bool:
    """Do one call; return whether it hung."""
    arguments = ("say", "-q", "--base-url", url, "--format", "pcm", "--device", "null", "Hello.")
    with cli.start(*arguments, env={"VOICECLI_RESIDENT": "auto"}) as run:
        if how != "spoken":
            time.sleep(chance.uniform(0.0, 0.4))
        if how == "worker killed":
            victims = watched.workers()
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL) if victims else None
        elif how != "spoken" and not run.exited():
            run.signal(signal.Signals[how])
        try:
            run.finish(HANG_S)
        except AssertionError as hang:
            print(f"hung after {how}: {hang}", file=sys.stderr, flush=True)
            return True
    return False


def soak(calls: int, seed: int, cli: Cli, speech: SpeechServer) -> dict[str, object]:
    """Make the calls, and return the result."""
    chance = random.Random(seed)
    env = cli.environment()
    folder = Path(env["XDG_RUNTIME_DIR"]) / "voicecli"
    done = dict.fromkeys(ENDS, 0)
    hangs = 0
    with running_resident(env) as process:
        watched = Watched(process.pid)
        for number in range(calls):
            if number % EVERY == 0:
                watched.sample(number)
            how = chance.choice(ENDS)
            done[how] += 1
            if how == "garbage":
                send_garbage(folder / SOCKET_NAME, chance)
            else:
                speech.reply = Reply(
                    ttfb_s=chance.choice((0.0, 0.1)), headers={"X-Sample-Rate": "48000"}
                )
                hangs += call(cli, speech.url, how, watched, chance)
            speech.requests.clear()
        watched.sample(calls)
        left_workers = len(watched.workers()) - 1
        is_alive = process.poll() is None
        served = cli.run("resident", "status", "--json").json.get("calls", 0)
    # The sockets of killed speakers are removed by the next command that looks for speakers.
    cli.run("status")
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_socket())
    slopes = watched.slopes()
    return {
        "calls": calls, "seed": seed, "done": done, "served": served, "hangs": hangs,
        "resident_alive": is_alive, "workers_left": left_workers, "sockets_left": left,
        "slope_a_call": {name: round(value, 5) for name, value in slopes.items()},
        "first": watched.samples[0][1:], "last": watched.samples[-1][1:],
        "leaks": not is_alive or hangs > 0 or left_workers > 0 or bool(left)
        or slopes["memory_bytes"] > MAX_BYTES_A_CALL
        or watched.samples[-1][2:] != watched.samples[1][2:],
    }  # fmt: skip


def main() -> int:
    """Measure and print; return 1 if anything leaks or hangs."""
    parser = argparse.ArgumentParser(description="What hundreds of calls leave in a resident.")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.calls < 3 * EVERY:
        parser.error(f"--calls must be at least {3 * EVERY}")
    with (
        tempfile.TemporaryDirectory(prefix="vcr") as home,
        SpeechServer(clips_of(tone(0.2), formats=["pcm"])) as speech,
    ):
        result = soak(options.calls, options.seed, Cli(Path(home)), speech)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:<16}{value}")
    return int(bool(result["leaks"]))


if __name__ == "__main__":
    sys.exit(main())
