"""Peak memory of `say` and `play` over hostile input of every kind.

A server answers each request with a bomb, or with something that does not end; the same bytes
are played from a file where they are a body. A run is interrupted after some seconds. The peak
is the kernel's figure for the process.

    scripts/setup dev && .venv/bin/python benchmarks/hostile_memory.py [--seconds 6] [CASE...]

The exit status is 1 if a peak exceeds 150 MB, or a run ended with an internal error.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests is not installed

from tests.codecs import bombs  # noqa: E402  needs the path above
from tests.codecs.containers import opus_head, opus_pages  # noqa: E402
from tests.support.cli import Cli  # noqa: E402

LIMIT_MB = 150
FILE_BYTES = 200 << 20
OK = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
CODECS = ("pcm", "wav", "opus", "mp3", "aac", "flac")

# A process inherits the peak of the one that forks it, so a small one stands between.
MEASURE = """
import resource, signal, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
try:
    status = process.wait(float(sys.argv[1]))
except subprocess.TimeoutExpired:
    process.send_signal(signal.SIGINT)
    try:
        status = process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
"""

Body = Callable[[], Iterator[bytes]]


class Case(NamedTuple):
    """An answer: its head, and its bytes. ``is_body``: they can be played from a file."""

    codec: str
    body: Body
    head: str = ""
    is_body: bool = True


def once(data: bytes) -> Body:
    """Send these bytes and end."""
    return lambda: iter([data])


def endless(unit: bytes, start: bytes = b"") -> Body:
    """Send ``start``, and then ``unit`` for ever."""
    block = unit * max(1, 65_536 // len(unit))
    return lambda: itertools.chain([start], itertools.repeat(block))


def noise(start: bytes = b"") -> Body:
    """Send ``start``, and then random bytes for ever."""
    return lambda: itertools.chain(
        [start], (random.Random(n).randbytes(65_536) for n in itertools.count())
    )


def _bombs() -> dict[str, Case]:
    made = {
        "flac bomb": bombs.flac_bomb(500),
        "opus bomb": bombs.opus_bomb(20),
        "surround bomb": bombs.surround_bomb(40),
        "mp3 bomb": bombs.mp3_bomb(20_000),
        "aac bomb": bombs.aac_bomb(20_000),
        "wav bomb": bombs.wav_bomb(4_000_000),
    }
    return {name: Case(bomb.codec, once(bomb.data)) for name, bomb in made.items()}


def _headers() -> dict[str, Case]:
    """Return headers and tags that never end."""
    riff = b"RIFF\xff\xff\xff\xffWAVE"
    fmt = b"fmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0"
    info = b"fLaC\0\0\0\x22" + bytes(34)
    id3 = b"ID3\4\0\0"
    page = b"OggS\0\0" + bytes(8) + b"\1\0\0\0" + bytes(8) + b"\xff" + b"\xff" * 255
    pages = opus_pages([b"\xfc\xff\xfe"], head=opus_head(1))
    unknown = b"".join(opus_pages([b"\x7ftheora" + bytes(60)] * 50, head=b"\x80theora"))
    return {
        "id3 of 256 MB": Case("mp3", endless(b"\0", id3 + b"\x7f\x7f\x7f\x7f")),
        "id3 without end": Case("flac", endless(id3 + b"\0\0\1\0" + bytes(128))),
        "ape without end": Case("mp3", endless(b"\0", b"APETAGEX\xd0\x07\0\0\xff\xff\xff\x7f")),
        "wav chunk of 4 GB": Case("wav", endless(b"\0", riff + b"LIST\xf0\xff\xff\xff")),
        "wav fmt of 4 GB": Case("wav", endless(b"\0", riff + b"fmt \xf0\xff\xff\xff")),
        "wav chunks without end": Case("wav", endless(b"junk\4\0\0\0abcd", riff)),
        "wav data of 4 GB": Case("wav", endless(b"\1\2", riff + fmt + b"data\xff\xff\xff\xff")),
        "flac metadata": Case("flac", endless(b"\1\xff\xff\xff" + bytes(0xFFFFFF), info)),
        "flac noise": Case("flac", noise(b"fLaC\x80\0\0\x22\x10\0\x10\0" + bytes(30))),
        "opus tags without end": Case("opus", endless(page + bytes(65_025), pages[0])),
        "ogg without a known codec": Case("opus", endless(unknown)),
        "ogg capture patterns": Case("opus", endless(b"OggS")),
        "mp3 sync words": Case("mp3", endless(b"\xff\xfb")),
        "adts sync words": Case("aac", endless(b"\xff\xf1\x50\x80\x02")),
        "latm": Case("aac", endless(b"\x56\xe0\x01" + bytes(1))),
        "mpeg-ts": Case("aac", endless(b"G" + bytes(187))),
        "w64": Case("wav", endless(b"\0", b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\4\xc1\0\0")),
        "mp4": Case("aac", endless(b"\0\0\0\x18ftypM4A " + bytes(12))),
        "json without end": Case("pcm", endless(b"a", b'{"error": "')),
        "html without end": Case("mp3", endless(b"<p>a", b"<!doctype html>")),
        **{f"noise as {codec}": Case(codec, noise()) for codec in CODECS},
        **{f"NULs as {codec}": Case(codec, endless(b"\0")) for codec in CODECS},
        **{f"0xff as {codec}": Case(codec, endless(b"\xff")) for codec in CODECS},
    }


def _transport() -> dict[str, Case]:
    """Return answers whose events or whose HTTP never ends."""
    stream = OK + "Content-Type: text/event-stream\r\n\r\n"
    chunked = OK + "Content-Type: audio/pcm\r\nTransfer-Encoding: chunked\r\n\r\n"
    empty = b'data: {"type":"speech.audio.delta","audio":""}\n\n'
    objects = b'data: {"a":[' + b"{}," * 2_700_000 + b"0]}\n\n"
    keys = b"data: {" + b",".join(b'"%x":{}' % number for number in range(750_000)) + b"}\n\n"
    squeezed = gzip.compress(bytes(256 << 20), 9)
    coded = OK + "Content-Type: audio/pcm\r\nContent-Encoding: {}\r\n\r\n"

    def failing(status: str, *more: str) -> str:
        return "\r\n".join([f"HTTP/1.1 {status}", *more, "Connection: close", "", ""])

    def http(head: str, body: Body, codec: str = "pcm") -> Case:
        return Case(codec, body, head, is_body=False)

    return {
        "sse: a line without end": http(stream, endless(b"a", b"data: ")),
        "sse: empty data lines": http(stream, endless(b"data:\n")),
        "sse: data lines of one event": http(stream, endless(b"data: abc\n")),
        "sse: comments": http(stream, endless(b": ping\n\n")),
        "sse: empty deltas": http(stream, endless(empty)),
        "sse: unknown events": http(stream, endless(b"event: x\nid: 1\ndata: {}\n\n")),
        "sse: an event of many objects": http(stream, once(objects)),
        "sse: an event of many keys": http(stream, once(keys)),
        "sse: line ends": http(stream, endless(b"\n")),
        "sse: CRs": http(stream, endless(b"\r")),
        "307 with a body": http(failing("307 Moved", "Location: /v1/x"), endless(b"a")),
        "500 with a body": http(failing("500 No"), endless(b"a")),
        "401 with a body": http(failing("401 No"), endless(b"<p>")),
        "429 with a body": http(failing("429 No"), endless(b"{")),
        "header lines": http(OK, endless(b"X-Header: 1\r\n")),
        "a header line": http(OK, endless(b"a", b"X-Header: ")),
        "a status line": http("HTTP/1.1 200 ", endless(b"a")),
        "100 Continue": http("", endless(b"HTTP/1.1 100 Continue\r\n\r\n")),
        "chunked trailers": http(chunked, endless(b"X-T: 1\r\n", b"2\r\n\0\0\r\n0\r\n")),
        "a chunk extension": http(chunked, endless(b"a", b"2;")),
        "a chunk of 2^60": http(chunked, endless(b"\1\0", b"fffffffffffffff\r\n")),
        "chunk sizes": http(chunked, endless(b"0")),
        "gzip bomb": http(coded.format("gzip"), once(squeezed)),
        "gzip of gzip": http(coded.format("gzip, gzip"), once(gzip.compress(squeezed))),
        "gzip header": http(coded.format("gzip"), endless(b"a", b"\x1f\x8b\x08\x08" + bytes(6))),
        "deflate NULs": http(coded.format("deflate"), endless(b"\0")),
    }


def cases() -> dict[str, Case]:
    """Return all cases by name."""
    return _bombs() | _headers() | _transport()


def serve(case: Case) -> socket.socket:
    """Answer every connection with the case until the socket is closed."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20.0)
            connection.recv(65_536)
            kind = "text/plain" if case.codec == "pcm" else f"audio/{case.codec}"
            head = case.head if not case.is_body else f"{OK}Content-Type: {kind}\r\n\r\n"
            connection.sendall(head.encode())
            for block in case.body():
                connection.sendall(block)
            connection.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def peak(home: Path, seconds: float, *argv: str) -> tuple[int, int]:
    """Run voicecli; return its exit status and its peak memory in MB."""
    command = [sys.executable, "-c", MEASURE, str(seconds), sys.executable, "-m", "voicecli", *argv]
    env = Cli(home).environment()
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=True)
    status, peak_mb = map(int, done.stdout.split())
    return status, peak_mb


def measure(case: Case, seconds: float) -> dict[str, tuple[int, int]]:
    """Return exit status and peak of each command."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, serve(case) as listener:
        home = Path(folder)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        say = ("say", "--device", "null", "--base-url", url, "--format", case.codec, "hi")
        found["say"] = peak(home, seconds, *say)
        if case.is_body:
            left = FILE_BYTES
            with (home / "body").open("wb") as file:
                for block in case.body():
                    left -= file.write(block[:left])
                    if left <= 0:
                        break
            for name, claim in (("play", ()), ("play --format", ("--format", case.codec))):
                found[name] = peak(home, seconds, "play", "--no-play", *claim, "body")
    return found


def main() -> int:
    """Measure and print; return 1 if something was too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="CASE", help="parts of names; default all")
    parser.add_argument("--seconds", type=float, default=6.0, help="a run's time")
    options = parser.parse_args()
    chosen = {
        name: case
        for name, case in cases().items()
        if not options.names or any(part in name for part in options.names)
    }
    failed, most_mb = 0, 0
    print("| input | peak in MB (exit status) |\n|---|---|")
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda case: measure(case, options.seconds), chosen.values())
        for name, found in zip(chosen, results, strict=True):
            most_mb = max(most_mb, *(mb for _, mb in found.values()))
            is_bad = any(status in (1, -9) or mb >= LIMIT_MB for status, mb in found.values())
            failed += is_bad
            row = ", ".join(f"{command} {mb} ({status})" for command, (status, mb) in found.items())
            print(f"| {name} | {row}{' TOO MUCH' if is_bad else ''} |", flush=True)
    print(f"\n{len(chosen)} inputs, at most {most_mb} MB, {failed} beyond the limit")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
