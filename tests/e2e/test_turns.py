"""Several voices at once, at the recorder: in order, without an overlap, nothing wedged."""

from __future__ import annotations

import contextlib
import signal
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import Reply
from tests.support.spoken_tones import STEP_HZ, SpokenTones, pitch_hz, pitches
from tests.support.timing import best_of
from voicecli.control.runtime import runtime_folder
from voicecli.control.voice_queue import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cli import Running

pytestmark = pytest.mark.sound

SHORT, LONG = 0.4, 20.0
"""Seconds that a voice speaks."""


@pytest.fixture
def voices(cli, sound_server, speech):
    """Start voices, each of which speaks its number, and wait until its request has left."""
    speech.reply = Reply(headers={"X-Sample-Rate": "24000"})
    with contextlib.ExitStack() as stack:

        def start(number: int, duration_s: float, *options: str) -> Running:
            text = f"{number}."
            before = len(speech.speech_requests)
            speech.speak = SpokenTones(seconds_per_character=duration_s / len(text))
            url = ("--base-url", speech.url, "--format", "pcm")
            running = stack.enter_context(cli.start("say", "--json", *url, *options, text))
            wait_until(lambda: len(speech.speech_requests) > before)
            return running

        yield start


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    ends_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def wait_for_a_pitch(recorder: Recorder, running: Running) -> None:
    """Wait until a voice was heard for long enough to be told by its pitch."""
    recorder.wait_for_sound(unless=running.exited)
    time.sleep(0.4)


def numbers(recording) -> list[int]:
    """Return the voices that were heard, in order."""
    return [round((each.hz - pitch_hz("")) / STEP_HZ) for each in pitches(recording.samples)]


def test_five_at_once_are_heard_in_the_order_of_asking(voices, sound_server) -> None:
    before = Turn(runtime_folder(sound_server.environment()))
    with Recorder(sound_server) as recorder:
        runs = [voices(number, SHORT) for number in range(1, 6)]
        before.release()
        done = [run.finish() for run in runs]
        recording = recorder.finish()
    assert [each.exit_code for each in done] == [0] * 5
    heard = pitches(recording.samples)
    assert numbers(recording) == [1, 2, 3, 4, 5]
    # `benchmarks/turns.py` holds 150 ms on a machine that is idle otherwise.
    assert max(after.starts_s - before.ends_s for before, after in pairwise(heard)) < 0.5
    assert done[4].json["waits"]["turn_ms"] > 0


def test_one_that_is_killed_frees_the_turn_at_once(voices, sound_server) -> None:
    def gap_s() -> float:
        with Recorder(sound_server) as recorder:
            first = voices(1, LONG)
            recorder.wait_for_sound(unless=first.exited)
            second = voices(2, SHORT)
            time.sleep(0.5)
            first.signal(signal.SIGKILL)
            assert second.finish().exit_code == 0
            recording = recorder.finish()
        before, after = pitches(recording.samples)
        assert numbers(recording) == [1, 2]
        return after.starts_s - before.ends_s

    assert best_of(3, gap_s, good_enough=0.15) <= 0.15


def test_an_interruption_ends_the_voice_that_is_heard_and_says_who_did(
    voices, sound_server
) -> None:
    with Recorder(sound_server) as recorder:
        first = voices(1, LONG)
        wait_for_a_pitch(recorder, first)
        queued = voices(3, SHORT)
        second = voices(2, SHORT, "--when-busy", "interrupt")
        done = first.finish()
        assert second.finish().exit_code == 0
        assert queued.finish().exit_code == 0
        recording = recorder.finish()
    assert done.exit_code == 130
    by = f"voicecli say --when-busy interrupt (process {second.pid})"
    assert done.json["stopped_by"] == by
    assert f"interrupted by {by} after" in done.stderr
    assert numbers(recording) == [1, 2, 3]
    before, after, _ = pitches(recording.samples)
    assert after.starts_s - before.ends_s < 0.5


def test_mixing_waits_for_nobody_and_failing_says_so(voices, cli, sound_server) -> None:
    with Recorder(sound_server) as recorder:
        first = voices(1, LONG)
        recorder.wait_for_sound(unless=first.exited)
        refused = cli.run("say", "--when-busy", "fail", "--json", "Hello.")
        assert voices(2, SHORT, "--when-busy", "mix").finish().exit_code == 0
        assert not first.exited()
        first.signal(signal.SIGINT)
        first.finish()
    assert refused.exit_code == 6
    assert refused.json["error"]["code"] == "busy"
    assert f"process {first.pid}" in refused.stderr


def test_commands_from_elsewhere_reach_the_voice_that_is_heard(voices, cli, sound_server) -> None:
    with Recorder(sound_server) as recorder:
        first = voices(1, LONG)
        wait_for_a_pitch(recorder, first)
        second = voices(2, SHORT)
        wait_until(lambda: len(cli.run("status", "--json").json["speakers"]) == 2)
        time.sleep(0.1)
        heard, waiting = cli.run("status", "--json").json["speakers"]
        assert (heard["pid"], heard["state"]) == (first.pid, "playing")
        assert (waiting["pid"], waiting["state"]) == (second.pid, "waiting")
        assert heard["heard_s"] > 0
        assert cli.run("stop").exit_code == 0
        assert first.finish().exit_code == 130
        assert second.finish().exit_code == 0
        recording = recorder.finish()
    assert numbers(recording) == [1, 2]
