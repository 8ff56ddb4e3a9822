"""Keys and Ctrl-Z on a real terminal, under a program that controls jobs as a shell does."""

from __future__ import annotations

import contextlib
import json
import os
import termios
import time

import numpy as np
import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import Reply, clips_of
from tests.support.terminal import Terminal
from tests.support.tones import tone


@pytest.fixture(params=["alone", "resident"])
def way(request, silent_cli):
    """Let the work be done by the command itself, and by a resident."""
    if request.param == "resident":
        silent_cli.run("resident", "start")
    yield
    silent_cli.run("resident", "stop")


@pytest.fixture
def terminal(way, silent_cli, speech):
    speech.clips = clips_of(tone(20.0), formats=["pcm"])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
    url = ("--base-url", speech.url, "--format", "pcm", "--device", "null")
    made = Terminal(silent_cli, "say", "--json", *url, "-")
    with contextlib.closing(made):
        made.give_text("A text from a pipe.")
        made.wait_for("playing")
        yield made


def test_space_pauses_and_q_stops(terminal):
    terminal.press(b" ")
    terminal.wait_for("paused")
    terminal.press(b"x ")  # an unknown key does nothing
    terminal.wait_for("playing")
    terminal.press(b"q")
    assert terminal.read_line() == "exit 130"
    assert termios.tcgetattr(terminal.theirs) == terminal.before
    assert json.loads(terminal.process.stdout.read())["pauses"]["count"] == 1


def test_ctrl_z_and_fg(terminal):
    terminal.press(b"\x1a")
    assert terminal.read_line() == "stopped, line by line"
    os.write(terminal.to_shell, b"fg\n")
    terminal.wait_for("playing")
    terminal.press(b" ")
    terminal.wait_for("paused")
    terminal.press(b"\x03")
    assert terminal.read_line() == "exit 130"
    assert termios.tcgetattr(terminal.theirs) == terminal.before


@pytest.mark.parametrize("given", [["-"], ["-f", "/dev/stdin"], ["-f", "/dev/tty"]])
def test_a_text_typed_on_the_terminal_ends_with_ctrl_d(way, silent_cli, speech, given):
    speech.clips = clips_of(tone(0.2), formats=["pcm"])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
    url = ("--base-url", speech.url, "--format", "pcm", "--device", "null")
    made = Terminal(silent_cli, "say", "--json", *url, *given, typed=True)
    with contextlib.closing(made):
        made.press(b"Hello you.\n")
        made.wait_for("rebuffering")  # keys would be read by now
        assert termios.tcgetattr(made.theirs) == made.before
        made.press(b"And q you.\n\x04")
        assert made.read_line() == "exit 0"
    assert [each.json["input"] for each in speech.speech_requests] == ["Hello you.", "And q you."]


@pytest.mark.sound
@pytest.mark.parametrize("kind", ["pcm", "opus"])  # written directly, and through a callback
def test_minus_makes_it_quieter(cli, sound_server, speech, kind):
    speech.clips = clips_of(tone(20.0), formats=[kind])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
    said = ("say", "--no-resident", "--json", "--base-url", speech.url, "--format", kind, "-")
    with Recorder(sound_server) as recorder, contextlib.closing(Terminal(cli, *said)) as made:
        made.give_text("A text from a pipe.")
        recorder.wait_for_sound()
        time.sleep(0.5)
        made.press(b"-----")
        time.sleep(0.8)
        made.press(b"q")
        assert made.read_line() == "exit 130"
        heard = recorder.finish().sound().samples
    first, last = heard[4800:14_400], heard[-14_400:]
    assert np.abs(first).max() / np.abs(last).max() == pytest.approx(1.25**5, rel=0.05)
