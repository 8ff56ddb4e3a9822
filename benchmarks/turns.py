"""Let several commands speak at once, and control them from other processes.

Each voice is a tone of its own, so that a recording shows who was heard, and when. Measured at
the recorder, without and with a resident:

- five: the longest gap between five `say` that were started together
- killed: from kill -9 of the voice that is heard to the next one
- interrupt: from the end of the old voice to the new one of `--when-busy interrupt`
- stop, skip, back: from the command to silence, or to the sentence that it goes to
- command: `voicecli stop` the same way, its own start included

    .venv/bin/python benchmarks/turns.py [--runs 10] [--only NAME] [--json]

The exit status is 1 if a median exceeds its limit, or a voice was heard out of order.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.resident import running_resident  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402
from tests.support.speech_server import Reply, SpeechServer  # noqa: E402
from tests.support.spoken_tones import STEP_HZ, SpokenTones, pitch_hz, pitches  # noqa: E402
from voicecli.control.client import ask, choose, speakers  # noqa: E402
from voicecli.control.runtime import runtime_folder  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cli import Running
    from tests.support.recorder import Recording

LIMITS_MS = {
    "five": 150, "killed": 150, "interrupt": 150,
    "stop": 100, "skip": 100, "back": 100, "command": 250,
}  # fmt: skip
"""Those of commands are counted from the command; a command's process takes 150 ms to start."""

TEXT = "1 is the first one. 2 is the second. 3 is the third one. 4 is the fourth."


class Scene:
    """One recording of several voices."""

    def __init__(self, cli: Cli, url: str, stack: contextlib.ExitStack) -> None:
        assert cli.sound is not None
        self.cli = cli
        self.recorder = stack.enter_context(Recorder(cli.sound))
        self._url, self._stack = url, stack
        self._folder = runtime_folder(cli.environment())

    def say(self, text: str, *options: str) -> Running:
        """Start a voice."""
        url = ("--base-url", self._url, "--format", "pcm", "--segment", "sentence")
        return self._stack.enter_context(self.cli.start("say", *url, *options, text))

    def heard(self, text: str) -> Running:
        """Start a voice, and wait until it has been heard for a moment."""
        voice = self.say(text)
        self.recorder.wait_for_sound(unless=voice.exited)
        time.sleep(0.3)
        return voice

    def wait_for_voices(self, count: int) -> None:
        """Wait until so many can be controlled, and their sound has had time to arrive."""
        ends_at = time.monotonic() + 20
        while len(speakers(self._folder)) < count:
            assert time.monotonic() < ends_at, "a voice is missing"
            time.sleep(0.01)
        time.sleep(0.7)

    def ask(self, command: str) -> float:
        """Give the voice that is heard a command; return the time just before."""
        path, now = choose(speakers(self._folder)), time.monotonic()
        assert path is not None
        ask(path, command)
        return now


def numbers(recording: Recording) -> list[int]:
    """Return the tones that were heard, in order."""
    return [round((each.hz - pitch_hz("")) / STEP_HZ) for each in pitches(recording.samples)]


def gaps_ms(recording: Recording) -> list[float]:
    """Return the silences of a recording, from 5 ms on."""
    return [1e3 * gap.length_s for gap in recording.sound(min_gap_s=0.005).gaps]


def five(scene: Scene) -> tuple[float, bool]:
    """Start five voices together."""
    voices = [scene.say(f"{number} speaks.") for number in range(1, 6)]
    for voice in voices:
        assert voice.finish(60).exit_code == 0
    recording = scene.recorder.finish()
    return max(gaps_ms(recording), default=0.0), sorted(numbers(recording)) == [1, 2, 3, 4, 5]


def killed(scene: Scene) -> tuple[float, bool]:
    """Kill the voice that is heard while another one waits."""
    first = scene.heard("1 " + "speaks " * 30)
    second = scene.say("2 speaks.")
    scene.wait_for_voices(2)
    at = first.signal(signal.SIGKILL)
    second.finish()
    return began_ms(scene.recorder.finish(), at, [1, 2])


def interrupt(scene: Scene) -> tuple[float, bool]:
    """Interrupt the voice that is heard."""
    first = scene.heard("1 " + "speaks " * 30)
    second = scene.say("2 speaks.", "--when-busy", "interrupt")
    assert first.finish().exit_code == 130
    second.finish()
    recording = scene.recorder.finish()
    return max(gaps_ms(recording), default=0.0), numbers(recording) == [1, 2]


def began_ms(recording: Recording, at: float, expected: list[int]) -> tuple[float, bool]:
    """Return how long after ``at`` the last of the ``expected`` tones began."""
    found, is_right = pitches(recording.samples), numbers(recording)[: len(expected)] == expected
    if not is_right:
        return float("inf"), False
    begins_at = recording.time_of(round(found[len(expected) - 1].starts_s * 48_000))
    return 1e3 * (begins_at - at), True


def silent_ms(scene: Scene, at: float, voice: Running) -> tuple[float, bool]:
    """Return how long after ``at`` the last sound was heard."""
    voice.finish()
    recording = scene.recorder.finish()
    return 1e3 * (recording.sound().end - at), numbers(recording) == [1]


def stop(scene: Scene) -> tuple[float, bool]:
    """Stop through the socket."""
    voice = scene.heard(TEXT)
    return silent_ms(scene, scene.ask("stop"), voice)


def command(scene: Scene) -> tuple[float, bool]:
    """Stop by ``voicecli stop``."""
    voice, at = scene.heard(TEXT), time.monotonic()
    scene.cli.run("stop")
    return silent_ms(scene, at, voice)


def skip(scene: Scene) -> tuple[float, bool]:
    """Skip through the socket."""
    voice = scene.heard(TEXT)
    at = scene.ask("skip")
    time.sleep(0.5)
    scene.ask("stop")
    voice.finish()
    return began_ms(scene.recorder.finish(), at, [1, 2])


def back(scene: Scene) -> tuple[float, bool]:
    """Skip, and go back through the socket."""
    voice = scene.heard(TEXT)
    scene.ask("skip")
    time.sleep(0.4)
    at = scene.ask("back")
    time.sleep(0.5)
    scene.ask("stop")
    voice.finish()
    return began_ms(scene.recorder.finish(), at, [1, 2, 1])


CASES: dict[str, Callable[[Scene], tuple[float, bool]]] = {
    each.__name__: each for each in (five, killed, interrupt, stop, skip, back, command)
}


def measure(name: str, *, runs: int, resident: bool, sound: SoundServer) -> dict[str, object]:
    """Run a case, and return its figures in ms."""
    found, is_right = [], True
    with contextlib.ExitStack() as kept:
        home = kept.enter_context(tempfile.TemporaryDirectory())
        cli = Cli(Path(home), sound)
        server = kept.enter_context(SpeechServer(reply=Reply(headers={"X-Sample-Rate": "24000"})))
        server.speak = SpokenTones()
        if resident:
            kept.enter_context(running_resident(cli.environment()))
        for _ in range(runs):
            with contextlib.ExitStack() as stack:
                time_ms, was_right = CASES[name](Scene(cli, server.url, stack))
            found.append(time_ms)
            is_right = is_right and was_right
    return {
        "case": name + (", resident" if resident else ""),
        "median_ms": round(statistics.median(found), 1),
        "worst_ms": round(max(found), 1),
        "limit_ms": LIMITS_MS[name],
        "in_order": is_right,
    }


def main() -> int:
    """Measure all cases, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default="", help="part of the names of the cases to run")
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    found = []
    with SoundServer() as sound:
        for name in CASES:
            for resident in (False, True):
                if settings.only in name + (", resident" if resident else ""):
                    found.append(measure(name, runs=settings.runs, resident=resident, sound=sound))
                    if not settings.json:
                        print(found[-1], flush=True)
    if settings.json:
        print(json.dumps(found))
    return int(not all(e["in_order"] and e["median_ms"] <= e["limit_ms"] for e in found))


if __name__ == "__main__":
    sys.exit(main())
