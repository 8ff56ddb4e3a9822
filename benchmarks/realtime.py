"""Compare the first sound of the Realtime API with that of the speech API.

Two servers of the tests on the same pace: one speaks over plain HTTP, the other over a
websocket. Runs of ``voicecli say`` take turns, each in a new process with the null device; the
wait is that of a person at a prompt, ``launch_to_request_ms`` + ``ttfa_ms``. Then, in this
process and so with less noise: the wait for the first byte, each time on a new connection, and
200 requests on one connection.

    scripts/setup dev && .venv/bin/python benchmarks/realtime.py [--runs 9] [--json]

The realtime source may be 60 ms later: it imports websockets and the SDK's event types, and
connects with one more round trip.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.realtime_server import RealtimeServer, Speech  # noqa: E402
from voicecli.config.endpoint import KEYLESS, Endpoint  # noqa: E402
from voicecli.config.protocols import protocol_of  # noqa: E402
from voicecli.config.server import Server  # noqa: E402
from voicecli.request import SpeechRequest  # noqa: E402
from voicecli.sources.realtime import RealtimeSource  # noqa: E402
from voicecli.sources.realtime_client import RealtimeClient  # noqa: E402
from voicecli.sources.registry import SourceContext, source_for  # noqa: E402

TTFB_S, PACE, SECONDS = 0.2, 4.0, 1.0
LIMIT_MS = 60.0
REQUESTS = 200
MODELS = {"http": "tts-1", "realtime": "gpt-realtime-2.1-mini"}


def served(module: str) -> subprocess.Popen[str]:
    """Start a server of the tests as a program of its own."""
    command = [sys.executable, "-m", f"tests.support.{module}"]
    pace = ["--ttfb", str(TTFB_S), "--pace", str(PACE), "--seconds", str(SECONDS)]
    return subprocess.Popen(
        [*command, *pace], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def wait_ms(url: str, model: str, home: Path) -> float:
    """Run one ``voicecli say`` and return the wait for its first sound."""
    done = subprocess.run(
        [sys.executable, "-m", "voicecli", "say", "--json", "--device", "null", "--buffer-ms", "0",
         "--no-resident", "--base-url", url, "--model", model, "Hello there."],
        env=Cli(home).environment() | {"PYTHONPATH": str(ROOT)},
        cwd=home, capture_output=True, text=True, check=True,
    )  # fmt: skip
    metrics = json.loads(done.stdout)
    return float(metrics["launch_to_request_ms"] + metrics["ttfa_ms"])


def first_byte_ms(url: str, model: str) -> float:
    """Make one request on a new connection, and return the wait for its first byte."""
    protocol = protocol_of(model, None)
    endpoint = Endpoint(url, KEYLESS, None, "", None, model, "alloy", protocol=protocol)
    shared = SourceContext()
    source = source_for(endpoint, endpoint.request("Hello there.", "pcm"), shared)
    source.prepare()
    began = time.perf_counter()
    with source.open() as response:
        next(iter(response))
        waited_s = time.perf_counter() - began
    shared.close()
    return waited_s * 1e3


def compare(runs: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the waits of both for the first sound, and for the first byte; in turns, in ms."""
    modules = {"http": "speech_server", "realtime": "realtime_server"}
    servers = {name: served(module) for name, module in modules.items()}
    waits: dict[str, list[float]] = {name: [] for name in servers}
    bytes_: dict[str, list[float]] = {name: [] for name in servers}
    try:
        urls = {
            name: json.loads(server.stdout.readline())["url"] for name, server in servers.items()
        }
        with tempfile.TemporaryDirectory() as home:
            for turn in range(runs + 1):
                for name in sorted(urls, reverse=bool(turn % 2)):
                    wait = wait_ms(urls[name], MODELS[name], Path(home))
                    if turn:  # the first round fills caches
                        waits[name].append(wait)
        for turn in range(2 * runs + 1):
            for name, url in urls.items():
                wait = first_byte_ms(url, MODELS[name])
                if turn:
                    bytes_[name].append(wait)
    finally:
        for server in servers.values():
            server.communicate()
    return waits, bytes_


def one_connection() -> tuple[float, int]:
    """Return the ms that each of many short requests takes on one connection, and connections."""
    with RealtimeServer(Speech(seconds=0.01)) as server:
        client = RealtimeClient(Server(server.url))
        began = time.perf_counter()
        for number in range(REQUESTS):
            request = SpeechRequest(f"Sentence {number}.", "marin", MODELS["realtime"], "pcm")
            with RealtimeSource(client, request).open() as response:
                assert b"".join(response)
        each_ms = (time.perf_counter() - began) / REQUESTS * 1e3
        client.close()
    return each_ms, len(server.connections)


def main() -> int:
    """Print both waits, and exit with 1 if the realtime source is too late."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    waits, bytes_ = compare(settings.runs)
    medians = {name: statistics.median(found) for name, found in waits.items()}
    pairs = zip(waits["realtime"], waits["http"], strict=True)
    later_ms = statistics.median(ours - theirs for ours, theirs in pairs)
    each_ms, connections = one_connection()
    if settings.json:
        print(json.dumps({"waits_ms": waits, "bytes_ms": bytes_, "later_ms": later_ms}))
    else:
        for name, median in medians.items():
            byte = statistics.median(bytes_[name])
            print(f"{name:9} first sound after {median:.0f} ms, first byte after {byte:.0f} ms")
        print(f"realtime is {later_ms:+.0f} ms later (at most {LIMIT_MS:.0f})")
        print(f"{REQUESTS} requests on {connections} connection: {each_ms:.1f} ms each")
    return 0 if later_ms <= LIMIT_MS and connections == 1 else 1


if __name__ == "__main__":
    os.environ.pop("OPENAI_API_KEY", None)
    raise SystemExit(main())
