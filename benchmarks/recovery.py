"""Kill a speech server again and again while eight numbered sentences are spoken.

The server is a process of its own that is killed with SIGKILL at a random moment after the first
sound of each run.
Then either a second endpoint speaks the rest, or the server is started again two seconds later.
Each sentence is a tone of its own pitch, so the saved sound shows what was lost, cut, said
twice or out of order.

    scripts/setup dev && .venv/bin/python benchmarks/recovery.py [--runs 50] [--json]

The exit status is 1 if a sentence is lost, cut or out of order, or said again without having
been broken off.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.sound_server import RATE_HZ  # noqa: E402  needs the path above
from tests.support.speech_server import Reply, SpeechServer  # noqa: E402
from tests.support.spoken_tones import SpokenTones, pitch_hz, pitches  # noqa: E402

SENTENCES = [f"This is number {n} of eight sentences." for n in range(8)]
PACE = 4.0
RESTART_S = 2.0
GAP_S, SLACK_S = 0.3, 0.15
HEADER_BYTES = 44
FORMATS = ("pcm", "opus", "mp3")


def serve(port: int) -> None:
    """Serve until killed; print the address as a line of JSON."""
    with SpeechServer(port=port, reply=Reply(pace=PACE, ttfb_s=0.1)) as server:
        server.speak = SpokenTones(lead_s=0.05, tail_s=0.2, gap_s=GAP_S)
        print(json.dumps({"url": server.url}), flush=True)
        signal.pause()


class Server:
    """The server process, which can be killed and started again at the same port."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start the process and wait until it serves."""
        port = self.url.rpartition(":")[2].partition("/")[0] or "0"
        command = [sys.executable, __file__, "--serve", port]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["url"]

    def kill(self) -> None:
        """Kill the process; nothing listens at the port afterwards."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def speak(url: str, spare: str | None, format: str, folder: Path) -> tuple[dict, list]:
    """Speak the sentences into a file; return the metrics and the stretches of tones."""
    path = folder / "heard.wav"
    (folder / "config.toml").write_text(f'[profiles.spare]\nbase_url = "{spare}"\n')
    command = [sys.executable, "-m", "voicecli", "say", "--no-play", "--json", "--no-resident"]
    command += ["--base-url", url, "--format", format, "--save", str(path)]
    command += ["--fallback", "spare"] if spare else []
    env = {**os.environ, "HOME": str(folder), "VOICECLI_CONFIG": str(folder / "config.toml")}
    env |= {"XDG_CACHE_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    done = subprocess.run(
        [*command, " ".join(SENTENCES)], env=env, capture_output=True, text=True, cwd=ROOT,
        timeout=120, check=False,
    )  # fmt: skip
    metrics = json.loads(done.stdout)
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        samples = samples.repeat(RATE_HZ // file.getframerate())
    numbers = {pitch_hz(sentence): number for number, sentence in enumerate(SENTENCES)}
    heard = [
        (numbers[min(numbers, key=lambda hz: abs(hz - pitch.hz))], pitch.ends_s - pitch.starts_s)
        for pitch in pitches(samples, min_s=0.12)
    ]
    return metrics, heard


def faults(metrics: dict, heard: list) -> list[str]:
    """Return what is wrong with a run."""
    found = [] if metrics["ok"] else [f"failed: {metrics['error']['message']}"]
    order = [number for number, _ in heard]
    if order != sorted(order):
        found.append(f"out of order: {order}")
    again = 0
    for number, sentence in enumerate(SENTENCES):
        whole_s = len(sentence) * SpokenTones().seconds_per_character
        said_s = [length_s for each, length_s in heard if each == number]
        if not said_s:
            found.append(f"{number} is lost")
        elif max(said_s) < whole_s - SLACK_S:
            found.append(f"{number} is cut: {max(said_s):.2f} of {whole_s:.2f} s")
        again += sum(said_s) > whole_s + SLACK_S
        if sum(said_s) > 2 * whole_s + GAP_S + SLACK_S:  # with the silence between them
            found.append(f"{number} is said again and again")
    if again > metrics["recovered"]:
        found.append(f"{again} sentences said again in {metrics['recovered']} recoveries")
    return found


def run(number: int, server: Server, spare: Server | None, folder: Path) -> list[str]:
    """Speak once, killing the server at a random moment, and return what went wrong."""
    rng = random.Random(number)
    at_s = rng.uniform(0.0, 3.2)

    def disturb() -> None:
        while not any(each.stat().st_size > HEADER_BYTES for each in folder.glob("heard.wav*")):
            time.sleep(0.005)
        time.sleep(at_s)
        server.kill()
        if spare is None:
            time.sleep(RESTART_S)
            server.start()

    disturbing = threading.Thread(target=disturb)
    (folder / "heard.wav").unlink(missing_ok=True)
    disturbing.start()
    metrics, heard = speak(
        server.url, spare.url if spare else None, FORMATS[number % len(FORMATS)], folder
    )
    disturbing.join()
    if spare is not None:
        server.start()
        (folder / "voicecli" / "cooldowns.json").unlink(missing_ok=True)
    found = faults(metrics, heard)
    print(
        f"{number:3d}  killed {at_s:.1f} s after the first sound, recovered "
        f"{metrics['recovered']}, failed over {metrics['failed_over']}: "
        f"{'; '.join(found) or 'whole'}",
        file=sys.stderr,
    )
    return found


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        serve(given.serve)
        return 0
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, second in (("second endpoint", True), ("restarted", False)):
            server, spare = Server(), Server() if second else None
            try:
                each = [run(number, server, spare, Path(folder)) for number in range(given.runs)]
            finally:
                server.kill()
                if spare is not None:
                    spare.kill()
            result[name] = {"runs": len(each), "faulty": sum(bool(found) for found in each)}
    print(json.dumps(result) if given.json else "")
    for name, counts in result.items():
        print(f"{name}: {counts['faulty']} of {counts['runs']} runs with a fault")
    return int(any(counts["faulty"] for counts in result.values()))


if __name__ == "__main__":
    sys.exit(main())
