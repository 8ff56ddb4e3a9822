"""Commands from another process, at the recorder: how soon they are heard."""

from __future__ import annotations

import time

import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import Reply
from tests.support.spoken_tones import STEP_HZ, SpokenTones, pitch_hz, pitches
from tests.support.timing import best_of
from voicecli.control.client import ask, choose, speakers
from voicecli.control.runtime import runtime_folder

pytestmark = pytest.mark.sound

TEXT = "Sentence 1 is here. Sentence 2 is here. Sentence 3 is here. Sentence 4 is here."


@pytest.fixture
def talking(cli, sound_server, speech):
    """Give commands while ``TEXT`` is spoken; return what was heard, and when each was given."""
    speech.reply = Reply(headers={"X-Sample-Rate": "24000"})
    speech.speak = SpokenTones(seconds_per_character=0.05)
    folder = runtime_folder(sound_server.environment())

    def run(*commands, gap_s=0.3, segment="sentence"):
        url = ("--base-url", speech.url, "--format", "pcm", "--segment", segment)
        given = []
        with Recorder(sound_server) as recorder, cli.start("say", *url, TEXT) as running:
            recorder.wait_for_sound(unless=running.exited)
            time.sleep(0.3)
            for command in commands:
                path = choose(speakers(folder))
                given.append(time.monotonic())
                assert ask(path, command)["ok"]
                time.sleep(gap_s)
            if commands[-1] != "stop":
                ask(path, "stop")
            running.finish()
            return recorder.finish(), given

    return run


def numbers(recording):
    return [round((each.hz - pitch_hz("")) / STEP_HZ) for each in pitches(recording.samples)]


def test_stop_is_silent_at_once(talking) -> None:
    def silent_after_s() -> float:
        recording, (asked_at,) = talking("stop")
        return recording.sound().end - asked_at

    assert best_of(3, silent_after_s, good_enough=0.1) <= 0.1


def test_skip_and_back_are_heard_at_once(talking) -> None:
    def heard_after_s() -> float:
        recording, (skipped_at, back_at) = talking("skip", "back", gap_s=0.6)
        heard = pitches(recording.samples)
        assert numbers(recording)[:3] == [1, 2, 1]
        second_at = recording.time_of(round(heard[1].starts_s * 48_000))
        again_at = recording.time_of(round(heard[2].starts_s * 48_000))
        return max(second_at - skipped_at, again_at - back_at)

    assert best_of(3, heard_after_s, good_enough=0.12) <= 0.12  # 0.02 of it is the window


def test_a_pause_is_silent_at_once_and_ends_where_it_began(talking) -> None:
    def silent_after_s() -> float:
        recording, (paused_at, resumed_at) = talking("pause", "resume", gap_s=0.5)
        (gap,) = (gap for gap in recording.sound(min_gap_s=0.2).gaps if gap.length_s > 0.3)
        begins_at = recording.sound().onset + gap.at_s
        assert gap.length_s == pytest.approx(resumed_at - paused_at, abs=0.15)
        return begins_at - paused_at

    assert best_of(3, silent_after_s, good_enough=0.1) <= 0.1


def test_a_skip_waits_for_the_next_sentence_of_a_request(talking, speech) -> None:
    speech.reply = Reply(headers={"X-Sample-Rate": "24000"}, pace=1.3)
    speech.speak = SpokenTones(seconds_per_character=0.05, gap_s=0.25)
    recording, _ = talking("skip", gap_s=2.0, segment="whole")
    assert numbers(recording)[:3] == [1, 2, 3]
    first, second, third = pitches(recording.samples)[:3]
    assert first.ends_s - first.starts_s < 0.8  # of 0.95
    assert second.ends_s - second.starts_s == pytest.approx(0.95, abs=0.06)
    assert second.starts_s > first.ends_s + 0.1
    assert third.starts_s - second.ends_s < 0.4
