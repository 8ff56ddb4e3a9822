"""Who is heard when: waiting, interrupting, failing, and resting while text is awaited."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from voicecli.control.client import speakers_folder
from voicecli.control.protocol import decode, encode
from voicecli.control.server import ControlServer
from voicecli.control.voice_turn import VoiceTurn, WhenBusy
from voicecli.errors import DeviceBusy


@pytest.fixture
def voice(folder):
    """Make voices that take turns, and release them in the end."""
    made = []

    def make(name="voice", when_busy=WhenBusy.QUEUE, **how):
        made.append(VoiceTurn(folder, name, when_busy, **how))
        return made[-1]

    yield make
    for turn in made:
        turn.release()


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_second_waits_for_the_first_and_says_for_whom(voice):
    import os

    first, told = voice(), []
    second = voice(on_wait=told.append)
    first.wait()
    waiting = in_thread(second.wait)
    while not second.is_waiting:
        pass
    assert second.waits_for == os.getpid()
    first.release()
    waiting.join(5)
    assert told == [os.getpid()]
    assert not second.is_waiting
    assert second.waited_s > 0


def test_failing_names_the_process_and_leaves_no_ticket(voice, folder):
    first = voice()
    with pytest.raises(DeviceBusy, match="process"):
        voice(when_busy=WhenBusy.FAIL)
    first.release()
    assert [path.name for path in (Path(folder) / "turns").iterdir()] == ["lock"]
    voice(when_busy=WhenBusy.FAIL).wait()


def test_an_interruption_stops_the_one_that_is_heard(voice, folder):
    first, lines = voice("first"), []
    first.wait()

    def stop(line):
        lines.append(decode(line))
        first.release()
        return encode({"ok": True})

    path = str(Path(speakers_folder(folder)) / "first")
    with contextlib.closing(ControlServer(path, stop)):
        second = voice("second", WhenBusy.INTERRUPT, by="second")
        second.wait()
    assert [(line["command"], line["by"]) for line in lines] == [("stop", "second")]


def test_releasing_ends_the_wait(voice):
    voice().wait()
    second = voice()
    waiting = in_thread(second.wait)
    second.release()
    waiting.join(5)
    assert not waiting.is_alive()


class TestAwaitingText:
    def test_others_speak_while_the_text_has_still_to_be_written(self, voice):
        first, second = voice(), voice()
        first.wait()
        first.await_text()
        first.rest()
        second.wait()
        first.ask()  # more text has come
        waiting = in_thread(first.wait)
        while not first.is_waiting:
            pass
        second.release()
        waiting.join(5)
        assert not waiting.is_alive()

    def test_a_voice_whose_text_has_come_does_not_rest(self, voice):
        first, second = voice(), voice()
        first.await_text()
        first.ask()
        first.rest()
        waiting = in_thread(second.wait)
        while not second.is_waiting:
            pass
        first.release()
        waiting.join(5)
        assert not waiting.is_alive()

    def test_a_voice_that_was_released_does_not_come_back(self, voice, folder):
        first = voice()
        first.await_text()
        first.rest()
        first.release()
        first.ask()
        first.wait()
        assert [path.name for path in (Path(folder) / "turns").iterdir()] == ["lock"]
