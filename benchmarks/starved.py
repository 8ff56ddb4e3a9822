"""Check that sound continues while the interpreter and the machine are busy.

``voicecli say`` plays a minute of a steady tone from a server in a process of its own.
Meanwhile a thread of the same interpreter computes without a pause, so that it holds the
interpreter lock for the whole switch interval each time, and a process keeps every core busy.
A recorder at the sound server counts the gaps.

    scripts/setup dev && .venv/bin/python benchmarks/starved.py [--seconds 60] [--format opus]

The exit status is 1 if there was a gap.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.tones import FORMATS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_GAP_S = 0.002
PACE = 1.5
BUSY = "n = 0\nwhile True: n += 1"
WITH_BUSY_THREAD = f"""
import threading

def compute():
    {BUSY.replace(chr(10), chr(10) + "    ")}

threading.Thread(target=compute, daemon=True).start()
from voicecli.__main__ import main
main()
"""


@contextlib.contextmanager
def running(*commands: list[str], **settings: Any) -> Iterator[list[subprocess.Popen[str]]]:
    """Run processes that end with the block."""
    processes = [subprocess.Popen(command, text=True, **settings) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def starve(cli: Cli, sound: SoundServer, kind: str, seconds: float) -> dict[str, Any]:
    """Make one run, and report its gaps."""
    serve = [
        *(sys.executable, "-m", "tests.support.speech_server"),
        *("--ttfb", "0.2", "--pace", str(PACE), "--seconds", str(seconds)),
    ]
    busy = [[sys.executable, "-c", BUSY]] * (os.cpu_count() or 1)
    with (
        running(serve, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as (server,),
        running(*busy),
        Recorder(sound) as recorder,
    ):
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        done = subprocess.run(
            [sys.executable, "-c", WITH_BUSY_THREAD, "say", "--json", "--base-url", url,
             "--format", kind, "--sample-rate", "24000", "hello"],
            env=cli.environment(), cwd=cli.home, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, check=True, timeout=4 * seconds + 60,
        )  # fmt: skip
        heard = recorder.finish().sound(min_gap_s=MIN_GAP_S)
    metrics = json.loads(done.stdout)
    return {
        "format": kind,
        "audible_s": round(heard.audible_s, 3),
        "gaps": [[round(gap.at_s, 2), round(gap.length_s * 1e3, 1)] for gap in heard.gaps],
        "reported": {name: causes["count"] for name, causes in metrics["underruns"].items()},
        "ttfa_ms": metrics["ttfa_ms"],
    }


def main() -> int:
    """Measure and print; return 1 if there was a gap."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--format", action="append", choices=FORMATS)
    options = parser.parse_args()
    gaps = 0
    with tempfile.TemporaryDirectory() as home, SoundServer() as sound:
        cli = Cli(Path(home), sound)
        for kind in options.format or ["opus"]:
            run = starve(cli, sound, kind, options.seconds)
            print(json.dumps(run), flush=True)
            gaps += len(run["gaps"])
    return int(gaps > 0)


if __name__ == "__main__":
    sys.exit(main())
