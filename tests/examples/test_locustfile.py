"""Locust's master and workers, as processes, run the example on loopback.

Locust is never imported here: it replaces the sockets and locks of its process.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.examples.running import EXAMPLES
from tests.support.cli import Cli
from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import tone

TIMEOUT_S = 60.0
CLIP_S = 1.0
TTFB_S = 0.05
SLOW_S = 1.5
KINDS = {"TTFB", "TTFA", "RTF", "continuity", "speech"}


@pytest.fixture(scope="module")
def clips():
    return clips_of(tone(CLIP_S, rate_hz=24_000), rate_hz=24_000, formats=("opus", "mp3"))


@contextlib.contextmanager
def locust(home, *arguments, **variables):
    """Run the example with Locust; kill it at the end of the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(EXAMPLES / "locustfile.py"), *arguments],
        env=Cli(home).environment(**variables),
        cwd=home, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def entries(output):
    """Rows by kind and name, from what ``--json`` prints; times in ms."""
    return {
        (row["method"], row["name"]): SimpleNamespace(
            count=row["num_requests"],
            failed=row["num_failures"],
            least=row["min_response_time"],
            mean=row["total_response_time"] / row["num_requests"],
            most=row["max_response_time"],
        )
        for row in json.loads(output)
    }


def tables(output):
    """Parse the last tables: requests and failures by kind, errors by text."""
    requests, failures = Counter(), Counter()
    rows = r"^(\w+) +(?:opus, short|mp3)(?: .*?)? +(\d+) +(\d+)\([\d.]+%\)"
    for kind, count, failed in re.findall(rows, output, re.MULTILINE):
        requests[kind] += int(count)
        failures[kind] += int(failed)
    errors = Counter()
    for count, kind, text in re.findall(
        r"^(\d+) +(\w+) (?:opus, short|mp3): (.*?) *$", output, re.MULTILINE
    ):
        errors[kind, text] += int(count)
    return requests, failures, errors


def of(rows, kind):
    return [entry for (its_kind, _), entry in rows.items() if its_kind == kind]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_a_master_and_two_workers(tmp_path, clips):
    port = str(free_port())
    # The whole clip is buffered before it plays: no gaps, however busy this machine is.
    config = tmp_path / "config.toml"
    config.write_text(f"buffer_ms = {CLIP_S * 2e3}\n")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            SpeechServer(clips, reply=Reply(ttfb_s=TTFB_S, chunk_bytes=2048))
        )
        workers = [
            stack.enter_context(
                locust(
                    tmp_path,
                    *("--worker", "--master-host", "127.0.0.1", "--master-port", port),
                    VOICECLI_CONFIG=str(config),
                    VOICECLI_API_KEY=key,
                )
            )
            for key in ("of-one-worker", "of-the-other")
        ]
        master = stack.enter_context(
            locust(
                tmp_path,
                *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
                *("--expect-workers", "2", "--headless", "--host", server.url),
                *("--users", "8", "--spawn-rate", "8", "--run-time", "4s", "--stop-timeout", "10"),
                "--json",
            )
        )
        output, log = master.communicate(timeout=TIMEOUT_S)
        logs = [worker.communicate(timeout=TIMEOUT_S)[1] for worker in workers]
        asked = server.speech_requests
    assert [process.returncode for process in (master, *workers)] == [0, 0, 0], (log, logs)
    assert "Traceback" not in log + "".join(logs)

    by_key = Counter(exchange.headers["authorization"] for exchange in asked)
    assert set(by_key) == {"Bearer of-one-worker", "Bearer of-the-other"}, "each has its listeners"
    assert min(by_key.values()) >= 4

    rows = entries(output)
    assert {kind for kind, _ in rows} == KINDS, (log, logs)
    # Locust's master stops without the latest reports of workers that are busy.
    (counted,) = {sum(entry.count for entry in of(rows, kind)) for kind in KINDS}
    assert 8 <= counted <= len(asked)
    assert not any(entry.failed for entry in rows.values())

    for name in {exchange.json["response_format"] for exchange in asked}:
        label = "opus, short" if name == "opus" else name
        ttfb, ttfa, whole = (rows[kind, label] for kind in ("TTFB", "TTFA", "speech"))
        assert ttfb.least >= TTFB_S * 1e3
        assert ttfb.least <= ttfa.least
        assert ttfb.mean <= ttfa.mean
        assert ttfb.mean < whole.mean
        assert rows["continuity", label].most == 0
        # Equal to the RTF, as the clip is a second long.
        per_s = rows["RTF", f"{label} (ms per s of audio)"]
        assert per_s.mean * CLIP_S == pytest.approx(whole.mean, rel=0.1)


def test_errors_and_gaps_are_failures_and_set_the_exit_status(tmp_path, clips):
    wrong = {
        "rate_limited: ": error(429, {"detail": "slow down"}),
        "network: the connection was cut after ... bytes": Reply(cut_at=0.5, chunk_bytes=512),
        "bad_response: ": Reply(
            body=b"<html>Bad gateway</html>", content_type="text/html", framing="length"
        ),
    }
    with_gap = Reply(pace=2.0, chunk_bytes=512, stall_at_s=0.4, stall_for_s=0.7)
    with SpeechServer(clips, reply=Reply(chunk_bytes=None)) as server:
        first = [*wrong.values(), with_gap]
        server.queued.extend(replace(reply, ttfb_s=SLOW_S) for reply in first)
        with locust(
            tmp_path,
            *("--headless", "--host", server.url, "--users", "4", "--spawn-rate", "4"),
            *("--run-time", "3s", "--stop-timeout", "10", "--only-summary"),
        ) as process:
            output, log = process.communicate(timeout=TIMEOUT_S)
        exchanges = server.speech_requests
    assert process.returncode == 1, log
    assert "Traceback" not in log

    began, answered = zip(*((e.at, e.first_byte_at) for e in exchanges[: len(first)]), strict=True)
    assert max(began) < min(answered), "a waiting listener delays the others"

    requests, failed, errors = tables(output + log)
    for message in wrong:
        (count,) = (n for (kind, text), n in errors.items() if kind == "speech" and message in text)
        assert count == 1, message
    assert errors["continuity", "underrun: the sound had gaps"] == 1
    assert errors["continuity", "network: the connection was cut after ... bytes"] == 1
    assert errors.total() == 5
    assert failed == {"speech": 3, "continuity": 2, "TTFB": 0, "TTFA": 0, "RTF": 0}

    asked = len(exchanges)
    unheard = 2  # the rejected one and the HTML page
    assert requests == {
        "speech": asked,
        "TTFB": asked - 1,
        "TTFA": asked - unheard,
        "continuity": asked - unheard,
        "RTF": asked - len(wrong),
    }
