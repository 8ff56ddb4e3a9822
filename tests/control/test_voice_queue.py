"""One voice at a time, in the order of asking; nothing outlives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from voicecli.control.runtime import RuntimeFolderError
from voicecli.control.voice_queue import Turn

HOLD = """
import sys, time
from voicecli.control.voice_queue import Turn
turn = Turn(sys.argv[1], note="holder")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def turns(folder):
    """Make turns in one queue, and release them in the end."""
    made = []

    def take(**how):
        made.append(Turn(folder, **how))
        return made[-1]

    yield take
    for turn in made:
        turn.release()


@pytest.fixture
def holder(folder):
    """Let another process hold the first turn."""
    command = [sys.executable, "-c", HOLD, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_turns_are_in_the_order_of_asking(turns):
    first, second, third = turns(), turns(), turns()
    assert [turn.is_first() for turn in (first, second, third)] == [True, False, False]
    second.release()  # one that gives up leaves no gap
    assert not third.is_first()
    first.release()
    assert third.is_first()


def test_a_turn_that_nobody_is_before_needs_no_wait(turns):
    assert turns().wait()


def test_waiting_ends_when_the_one_before_is_done(turns):
    first, second = turns(), turns()
    waiting = threading.Thread(target=second.wait)
    waiting.start()
    first.release()
    waiting.join(5)
    assert not waiting.is_alive()
    assert second.is_first()


def test_giving_up_ends_the_wait(turns):
    _, second = turns(), turns()
    results = []
    waiting = threading.Thread(target=lambda: results.append(second.wait()))
    waiting.start()
    second.release()
    waiting.join(5)
    assert results == [False]


def test_a_killed_holder_frees_its_turn(turns, holder, folder):
    turn = turns()
    assert [ticket.note for ticket in turn.ahead()] == ["holder"]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert turn.is_first()
    assert sorted(path.name for path in (Path(folder) / "turns").iterdir()) == [
        turn.ticket.name,
        "lock",
    ]


def test_an_interruption_comes_before_those_who_wait(turns):
    speaker, waiting = turns(note="speaker"), turns(note="waiting")
    interruption = turns(interrupts=True)
    assert [ticket.note for ticket in interruption.ahead()] == ["speaker"]
    speaker.release()
    assert interruption.is_first()
    assert not waiting.is_first()
    later = turns(note="later")
    assert [ticket.note for ticket in later.ahead()] == ["", "waiting"]


def test_a_second_interruption_is_behind_the_first(turns):
    speaker, one, two = turns(), turns(interrupts=True), turns(interrupts=True)
    speaker.release()
    assert one.is_first()
    assert not two.is_first()


def test_an_interruption_without_a_speaker_is_a_turn_like_any_other(turns):
    assert turns(interrupts=True).is_first()


def test_a_queue_that_another_process_locks_for_ever_is_not_waited_for(turns, folder):
    import fcntl

    turns()
    with (Path(folder) / "turns" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RuntimeFolderError, match="locked"):
            Turn(folder)


def test_a_pipe_in_the_place_of_a_turn_is_not_waited_for(turns, folder):
    turns().release()  # makes the folder
    os.mkfifo(Path(folder) / "turns" / f"{1:012}.000000")
    assert turns().is_first()


def test_other_files_in_the_folder_are_left_alone(turns, folder):
    first = turns()
    (Path(folder) / "turns" / "note.txt").write_text("keep")
    assert turns().ahead() == [first.ticket]
    assert (Path(folder) / "turns" / "note.txt").exists()
