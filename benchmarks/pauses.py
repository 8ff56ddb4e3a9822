"""Pause and resume speech at random, and compare what a recorder heard with what was sent.

    .venv/bin/python benchmarks/pauses.py                        # 100 pauses each way
    .venv/bin/python benchmarks/pauses.py --pauses 1 --longest 600 --only keys

The sound is a ramp (pcm, wav, flac), in which each sample says where it belongs, or a tone
(opus), which a lost or repeated sample would break. It is paused by keys on a terminal, by
the control socket, by ``voicecli pause --toggle`` and from a program, the first three also
with a resident. pcm is written to the device, the others go through its callback.

For each it prints how long after the pause was asked for the recorder still heard sound
(median and worst), whether every sample was heard exactly once, and the underruns and pauses
that were reported. The exit status is 1 if a sample was lost or repeated, a pause was not
counted, or one was silent later than 60 ms; for a command, its own start comes on top. An
underrun is a fault as well, so run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.resident import running_resident  # noqa: E402
from tests.support.sound_server import RATE_HZ, SoundServer  # noqa: E402
from tests.support.speech_server import Clip, Reply, SpeechServer  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402
from tests.support.tones import CONTENT_TYPES, encode, tone  # noqa: E402
from voicecli.codecs.decoding.auto import AutoDecoder  # noqa: E402
from voicecli.control.client import ask, speakers  # noqa: E402
from voicecli.control.runtime import runtime_folder  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Toggle = Callable[[], object]
    Finish = Callable[[], dict[str, Any]]

SILENT_WITHIN_S = 0.06
COMMAND_WITHIN_S = 0.15
"""The same with the start of a process, which finds the speaker and asks it."""

SHORTEST_S = 0.1
"""Of a pause."""

PLAYED_S = (0.1, 0.25)
"""How long sound is heard between two pauses."""

LIBRARY = """
import json, sys, threading
from voicecli import FileSource, Output, OutputSettings, Session

session = Session(Output(OutputSettings()))
source, done = FileSource(sys.argv[1], format=sys.argv[2], rate_hz=48_000), []
thread = threading.Thread(target=lambda: done.append(session.run([source])))
thread.start()
is_paused = False
for _ in sys.stdin:
    is_paused = not is_paused
    (session.control.pause if is_paused else session.control.resume)()
thread.join()
report = done[0].report
print(json.dumps({"pauses": len(report.pauses), "underruns": len(report.underruns)}))
"""


def ramp(duration_s: float) -> NDArray[np.int16]:
    """Return samples that count up from 2000, none of which is quiet."""
    return (2000 + np.arange(round(duration_s * RATE_HZ)) % 30_000).astype(np.int16)


def sound_of(kind: str, duration_s: float) -> tuple[bytes, NDArray[np.int16]]:
    """Return a clip, and the samples that a listener should hear."""
    samples = tone(duration_s) if kind == "opus" else ramp(duration_s)
    body = encode(samples, kind)  # type: ignore[arg-type]
    if kind != "opus":
        return body, samples
    decoder = AutoDecoder()
    decoded = [*decoder.feed(body), *decoder.flush()]
    mixed = np.concatenate([each.samples[:, 0] for each in decoded])
    return body, mixed


class Case:
    """One way to pause one kind of sound."""

    def __init__(self, way: str, kind: str, *, resident: bool) -> None:
        self.way, self.kind, self.resident = way, kind, resident

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{self.way}, {self.kind}" + (", resident" if self.resident else "")


@contextlib.contextmanager
def speaking(case: Case, cli: Cli, url: str, path: Path) -> Iterator[tuple[Toggle, Finish]]:
    """Start to speak; give what pauses and resumes, and what waits for the figures."""
    if case.way == "library":
        command = [sys.executable, "-c", LIBRARY, str(path), case.kind]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=cli.environment(PYTHONPATH=str(ROOT)), bufsize=0,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            write = process.stdin.write
            yield lambda: write(b"\n"), lambda: json.loads(process.communicate()[0])
        return
    options = ["--base-url", url, "--format", case.kind, "--json"]
    options += [] if case.resident else ["--no-resident"]
    if case.way == "keys":
        with contextlib.closing(Terminal(cli, "say", *options, "-")) as terminal:
            terminal.give_text("A text.")

            def press() -> None:
                terminal.read_screen()
                terminal.press(b" ")

            def finish() -> dict[str, Any]:
                assert terminal.process.stdout is not None
                return counts(terminal.process.stdout.read())

            yield press, finish
        return
    with cli.start("say", *options, "A text.") as running:
        folder = runtime_folder(cli.environment())
        found: list[str] = []

        def toggle() -> None:
            if case.way == "command":
                cli.run("pause", "--toggle")
                return
            found[:] = found or [*speakers(folder)]
            ask(found[0], "toggle")

        yield toggle, lambda: counts(running.finish(3600).stdout)


def counts(output: str | bytes) -> dict[str, Any]:
    """Return what is compared, from the figures of a run."""
    metrics = json.loads(output)
    return {
        "pauses": metrics["pauses"]["count"],
        "underruns": metrics["underruns"]["sink"]["count"],
    }


def measure(case: Case, home: Path, sound: SoundServer, pauses: list[float]) -> dict[str, Any]:
    """Pause as often and as long as ``pauses`` says; return the figures."""
    body, samples = sound_of(case.kind, 2.0 + len(pauses) * (max(PLAYED_S) + 0.15))
    path = home / f"clip.{case.kind}"
    path.write_bytes(body)
    cli, chance, asked_at = Cli(home, sound), random.Random(1), []
    clip = Clip(body, len(samples) / RATE_HZ, CONTENT_TYPES[case.kind])
    reply = Reply(headers={"X-Sample-Rate": str(RATE_HZ)}, chunk_bytes=16_384)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(SpeechServer({case.kind: clip}, reply=reply))
        if case.resident:
            stack.enter_context(running_resident(cli.environment()))
        recorder = stack.enter_context(Recorder(sound))
        toggle, finish = stack.enter_context(speaking(case, cli, server.url, path))
        recorder.wait_for_sound()
        time.sleep(0.3)
        for pause_s in pauses:
            asked_at.append(time.monotonic())
            toggle()
            time.sleep(pause_s)
            toggle()
            time.sleep(chance.uniform(*PLAYED_S))
        figures = finish()
        recording = recorder.finish()
    limit_ms = 1e3 * (COMMAND_WITHIN_S if case.way == "command" else SILENT_WITHIN_S)
    return {
        "case": case.name,
        "limit_ms": limit_ms,
        **figures,
        **compared(recording, samples, asked_at),
    }


def compared(recording: Any, samples: NDArray[np.int16], asked_at: list[float]) -> dict[str, Any]:
    """Compare what was heard with what was sent, and the pauses with when they were asked for."""
    heard = recording.sound(threshold=0.0, min_gap_s=0.001)
    is_sound = np.ones(len(heard.samples), bool)
    for gap in heard.gaps:
        begin = round(gap.at_s * RATE_HZ)
        is_sound[begin : begin + round(gap.length_s * RATE_HZ)] = False
    left = heard.samples[is_sound]
    sent = np.trim_zeros(samples)
    silent_at = [heard.onset + gap.at_s for gap in heard.gaps if gap.length_s >= SHORTEST_S / 4]
    late_ms = [1e3 * (at - asked) for at, asked in zip(silent_at, asked_at, strict=False)]
    return {
        "gaps": len(heard.gaps),
        "silent_ms": round(statistics.median(late_ms), 1),
        "silent_worst_ms": round(max(late_ms), 1),
        "lost": len(sent) - len(left),
        "exact": bool(len(left) == len(sent) and np.array_equal(left, sent)),
    }


def main() -> int:
    """Measure all cases, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pauses", type=int, default=100, help="how many in one text")
    parser.add_argument("--longest", type=float, default=0.2, help="of a pause, in seconds")
    parser.add_argument("--only", default="", help="part of the names of the cases to run")
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    chance = random.Random(7)
    pauses = [chance.uniform(SHORTEST_S, settings.longest) for _ in range(settings.pauses)]
    pauses[-1] = settings.longest
    cases = [
        Case(way, kind, resident=resident)
        for way in ("keys", "socket", "command", "library")
        for kind in ("pcm", "wav", "opus")
        for resident in ((False, True) if way != "library" else (False,))
    ]
    found = []
    with SoundServer() as sound:
        for case in cases:
            if settings.only in case.name:
                with tempfile.TemporaryDirectory() as home:
                    found.append(measure(case, Path(home), sound, pauses))
                if not settings.json:
                    print(found[-1], flush=True)
    if settings.json:
        print(json.dumps(found))
    is_right = all(
        each["exact"]
        and each["pauses"] == each["gaps"] == len(pauses)
        and each["silent_worst_ms"] <= each["limit_ms"]
        and not each["underruns"]
        for each in found
    )
    return int(not is_right)


if __name__ == "__main__":
    sys.exit(main())
