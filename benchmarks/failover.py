"""Measure what a dead first endpoint costs until the second one is heard.

Three kinds of dead endpoint: a port that refuses connections, an address that swallows them (a
listener whose queue is full, so that connecting times out), and a server that accepts a request
and never answers. The second endpoint is a server of the tests.

Each round has runs of ``voicecli say``, each in a new process with the null device: the second
endpoint alone; then for each kind the first call, which finds the endpoint dead, and the next
one, while it is in cooldown. The wait is that of a person at a prompt, ``launch_to_request_ms`` +
``ttfa_ms``.

    scripts/setup dev && .venv/bin/python benchmarks/failover.py [--rounds 7] [--json]

The exit status is 1 if the next call is more than 30 ms later than the second endpoint alone, if
the first one waits for more than one time limit, or if one asks an endpoint that it should not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 1.0
"""To connect, and for the first byte."""

NEXT_LIMIT_MS, FIRST_LIMIT_MS = 30.0, 150.0
"""Allowed beyond the second endpoint alone, and for the first call beyond the time limit too."""

SERVER = ("--ttfb", "0.2", "--pace", "4", "--seconds", "0.3")
COSTS_S = {"refused": 0.0, "swallowed": TIMEOUT_S, "silent": TIMEOUT_S}


@contextlib.contextmanager
def listening(backlog: int) -> Iterator[str]:
    """Listen without ever accepting; yield the address."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextlib.contextmanager
def dead_endpoints() -> Iterator[dict[str, str]]:
    """Yield the address of each kind."""
    with contextlib.ExitStack() as stack:
        with listening(1) as refused:
            pass
        silent, swallowing = (stack.enter_context(listening(n)) for n in (64, 0))
        port = int(swallowing.rpartition(":")[2].partition("/")[0])
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))  # fills its queue
        yield {"refused": refused, "swallowed": swallowing, "silent": silent}


def run(home: Path, profile: str) -> tuple[float, int]:
    """Speak once; return the wait for the first sound, and how often another endpoint took over."""
    done = subprocess.run(
        [sys.executable, "-m", "voicecli", "say", "--json", "--device", "null", "--buffer-ms", "0",
         "--no-resident", "--profile", profile, "--timeout", str(TIMEOUT_S), "Hello there."],
        env=Cli(home).environment(), cwd=home, capture_output=True, text=True, check=True,
    )  # fmt: skip
    metrics = json.loads(done.stdout)
    return metrics["launch_to_request_ms"] + metrics["ttfa_ms"], metrics["failed_over"]


def measure(home: Path, rounds: int) -> tuple[dict[str, list[float]], list[str]]:
    """Return the waits in ms, after one round that does not count, and what went wrong."""
    waits: dict[str, list[float]] = {"alone": []}
    wrong = []
    cooldowns = home / "cache" / "voicecli" / "cooldowns.json"
    for number in range(rounds + 1):
        cooldowns.unlink(missing_ok=True)
        found = {"alone": run(home, "second")[0]}
        for kind in COSTS_S:
            for call, failed_over in (("first", 1), ("next", 0)):
                found[f"{kind}, {call}"], times = run(home, kind)
                if times != failed_over:
                    wrong.append(f"{kind}, {call} call of round {number}: failed over {times}")
            cooldowns.unlink(missing_ok=True)
        if number:
            for name, wait_ms in found.items():
                waits.setdefault(name, []).append(wait_ms)
    return waits, wrong


def later_ms(waits: dict[str, list[float]], name: str) -> float:
    """Return the median of how much later a call was than the second endpoint alone."""
    pairs = zip(waits[name], waits["alone"], strict=True)
    return statistics.median(one - alone for one, alone in pairs)


def main() -> int:
    """Print a table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    command = [sys.executable, "-m", "tests.support.speech_server", *SERVER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryDirectory() as folder,
        dead_endpoints() as dead,
        subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as server,
    ):
        second = json.loads(server.stdout.readline())["url"]
        home = Path(folder)
        profiles = "".join(
            f'[profiles.{kind}]\nbase_url = "{url}"\nfallback = ["second"]\n'
            for kind, url in dead.items()
        )
        (home / "config" / "voicecli").mkdir(parents=True)
        (home / "config" / "voicecli" / "config.toml").write_text(
            f'connect_timeout_s = {TIMEOUT_S}\n{profiles}[profiles.second]\nbase_url = "{second}"\n'
        )
        waits, wrong = measure(home, given.rounds)
        server.stdin.close()
    limits = {f"{kind}, next": NEXT_LIMIT_MS for kind in COSTS_S}
    limits |= {f"{kind}, first": FIRST_LIMIT_MS + 1e3 * cost for kind, cost in COSTS_S.items()}
    later = {name: later_ms(waits, name) for name in limits}
    wrong += [f"{name} call is too late" for name in limits if later[name] > limits[name]]
    if given.json:
        print(json.dumps({"waits_ms": waits, "later_ms": later, "wrong": wrong}))
        return int(bool(wrong))
    print("| endpoint, call | first sound ms | later than alone ms | limit |\n|---|--:|--:|--:|")
    for name, found in waits.items():
        beside = f"{later[name]:+.0f} | {limits[name]:.0f}" if name in later else "| "
        print(f"| {name} | {statistics.median(found):.0f} | {beside} |")
    print(*wrong, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
