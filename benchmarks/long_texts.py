"""Speak long texts, and state what they cost beside a sentence.

- 60,000 characters to a server that refuses more than 3,000, in each shape in which real servers
  refuse. Every request's text and every sample is compared with what was to be spoken.
- A pipe of 10 MB: how much of it is read within the first seconds of speech, and what memory it
  takes to receive all of it.
- 1,000 texts one after another, and 20 at once five times, through one `Engine` in this process:
  memory, threads and descriptors that stay.

    scripts/setup dev && .venv/bin/python benchmarks/long_texts.py

The exit status is 1 if a limit is exceeded. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.speech_server import SpeechServer  # noqa: E402
from tests.support.spoken_tones import REFUSALS, SpokenTones  # noqa: E402
from tests.support.tones import read_wav  # noqa: E402
from voicecli import Engine, Output, OutputSettings  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

CHARACTERS = 60_000
MOST = 3_000
"""Less than the 4,096 that are taken for granted, so that something is refused."""

PIPE_CHARACTERS = 10_000_000
MEMORY_MB, FIRST_SOUND_MS = 30.0, 50.0
READ_AHEAD = 400_000
"""Bytes: what the reader and a request hold, and the system's own pipe."""

TEXTS, AT_ONCE, TIMES = 1_000, 20, 5
ENGINE_MB = 8.0
CONNECTIONS = AT_ONCE * 3
"""Kept connections: at most one for each request that was under way at once."""

Result = tuple[str, bool]


def main() -> int:
    """Run every part; return the exit status."""
    is_met = True
    with tempfile.TemporaryDirectory() as home, SpeechServer() as server:
        cli = Cli(Path(home))
        for part in (refusals(cli, server), pipe(cli, server), engine(server)):
            for what, is_within in part:
                print(f"{'met   ' if is_within else 'MISSED'} {what}", flush=True)
                is_met &= is_within
    return int(not is_met)


def story(characters: int) -> str:
    """Return numbered sentences in paragraphs of six."""
    text: list[str] = []
    while characters > 0:
        sentence = f"Line {len(text)} of this long story says what the tide does at the coast."
        text.append(sentence + ("\n\n" if len(text) % 6 == 5 else " "))
        characters -= len(text[-1])
    return "".join(text).strip()


def refusals(cli: Cli, server: SpeechServer) -> Iterator[Result]:
    """Speak the long text once for each shape of a refusal."""
    text = story(CHARACTERS)
    for refusal in REFUSALS:
        spoken = SpokenTones(seconds_per_character=0.01, most=MOST, refusal=refusal)
        server.speak = spoken
        short, short_mb = say(cli, server, "Line 1 is all there is to say here.")
        cli.run("config", "forget")
        _, peak_mb = say(cli, server, text, "--segment", "whole", "--save", "out.wav")
        asked = [request.json["input"] for request in server.speech_requests]
        # Two requests are under way at once, so that a later one may be received first.
        answered = sorted((each for each in asked if len(each) <= MOST), key=text.index)
        is_whole = " ".join(answered).split() == text.split() and len(asked) > len(answered)
        expected = np.concatenate([spoken.samples(each) for each in answered])
        samples, _ = read_wav((cli.home / "out.wav").read_bytes())
        is_exact = is_whole and np.array_equal(samples.ravel(), expected.ravel())
        same = "each right" if is_exact else "NOT the same"
        figures = f"{len(samples)} of {len(expected)} samples from {len(asked)} requests"
        more_mb = peak_mb - short_mb
        yield f"{refusal}: {figures}, {same}, {more_mb:+.1f} MB", is_exact and more_mb < MEMORY_MB
        metrics, peak_mb = say(cli, server, text)
        late_ms = metrics["first_frame_ms"] - short["first_frame_ms"]
        yield (
            f"{refusal}: first sound {late_ms:+.0f} ms, {peak_mb - short_mb:+.1f} MB",
            late_ms < FIRST_SOUND_MS and peak_mb - short_mb < MEMORY_MB,
        )


def say(cli: Cli, server: SpeechServer, text: str, *options: str) -> tuple[dict[str, Any], float]:
    """Speak a text from standard input; return the metrics and the peak memory in MB."""
    server.requests.clear()
    argv = ["say", "--json", "--no-play", "--no-state", "--base-url", server.url]
    argv += ["--format", "pcm", *options]
    reader, writer = os.pipe()
    feeder = threading.Thread(target=feed, args=(writer, text.encode()))
    peak_mb = 0.0

    def watch() -> None:
        nonlocal peak_mb
        while not player.exited():
            peak_mb = max(peak_mb, memory_mb(player.pid, "VmHWM"))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    with cli.start(*argv, stdin=reader) as player:
        feeder.start()
        watcher.start()
        done = player.finish(300.0)
        watcher.join()
    feeder.join()
    if done.exit_code:
        raise SystemExit(f"exit {done.exit_code}: {done.stderr}")
    return done.json, peak_mb


def feed(descriptor: int, data: bytes, written: list[int] | None = None) -> None:
    """Write all of it, as fast as it is read, and close."""
    with contextlib.suppress(BrokenPipeError):
        for at in range(0, len(data), 4096):
            size = os.write(descriptor, data[at : at + 4096])
            if written is not None:
                written.append(size)
    os.close(descriptor)


def pipe(cli: Cli, server: SpeechServer) -> Iterator[Result]:
    """Pipe ten megabytes: stop after three seconds of speech, then receive all of it."""
    text, written = story(PIPE_CHARACTERS), list[int]()
    server.speak = SpokenTones()
    reader, writer = os.pipe()
    feeder = threading.Thread(target=feed, args=(writer, text.encode(), written))
    argv = ("say", "--device", "null", "--no-state", "--base-url", server.url, "--format", "pcm")
    with cli.start(*argv, stdin=reader) as player:
        feeder.start()
        time.sleep(5.0)
        size = sum(written)
        player.signal(signal.SIGINT)
        player.finish(10.0)
    feeder.join()
    yield f"10 MB piped: {size} bytes read in 5 s", 0 < size < READ_AHEAD
    server.speak = SpokenTones(seconds_per_character=0.0005)
    _, short_mb = say(cli, server, "Line 1 is all there is to say here.")
    figures, peak_mb = say(cli, server, text, "--segment", "whole")
    yield (
        f"10 MB received: {figures['audio_s']:.0f} s of sound, {peak_mb - short_mb:+.1f} MB",
        peak_mb - short_mb < MEMORY_MB,
    )


def engine(server: SpeechServer) -> Iterator[Result]:
    """Speak many texts with one engine, and see what stays."""
    server.speak = SpokenTones(seconds_per_character=0.001)
    with Engine(base_url=server.url, output=Output(OutputSettings(output="discard"))) as speaker:
        for number in range(100):  # what is loaded once, and kept
            speaker.say(f"Text {number} warms up. It has two sentences.").wait(30)
        before = stays(server)
        for number in range(TEXTS):
            speak(speaker, number)
        after = stays(server)
        yield growth(f"{TEXTS} texts one after another", before, after, 5)
        for _ in range(TIMES):
            threads = [threading.Thread(target=speak, args=(speaker, n)) for n in range(AT_ONCE)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        yield growth(f"{AT_ONCE} at once, {TIMES} times", after, stays(server), CONNECTIONS)


def speak(speaker: Engine, number: int) -> None:
    """Speak one text to its end."""
    result = speaker.say(f"Text {number} is short. It has two sentences.").wait(30)
    if result.error is not None:
        raise SystemExit(str(result.error))


def stays(server: SpeechServer) -> tuple[float, int, int]:
    """Return memory in MB, threads and descriptors of this process."""
    server.requests.clear()
    time.sleep(1.0)  # threads of the last text end, the server's as well
    threads = [t for t in threading.enumerate() if t.name.startswith("voicecli")]
    return memory_mb(os.getpid(), "VmRSS"), len(threads), len([*Path("/proc/self/fd").iterdir()])


def growth(
    what: str, before: tuple[float, int, int], after: tuple[float, int, int], most: int
) -> Result:
    """Say what has grown."""
    memory, threads, descriptors = (b - a for a, b in zip(before, after, strict=True))
    figures = f"{memory:+.1f} MB, {threads:+d} threads, {descriptors:+d} descriptors"
    # The server is in this process too, and has a descriptor for each of them.
    is_within = memory < ENGINE_MB and threads <= 0 and descriptors <= most * 2
    return f"{what}: {figures}", is_within


def memory_mb(pid: int, field: str) -> float:
    """Return a figure of /proc/PID/status in MB; 0 once the process has ended."""
    with contextlib.suppress(OSError):
        found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        if found:
            return int(found[1]) / 1e3
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
