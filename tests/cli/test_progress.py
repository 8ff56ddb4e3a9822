from __future__ import annotations

import os
import pty
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.support.cli import Cli
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import tone
from voicecli.cli.progress import ProgressLine, wants_progress
from voicecli.errors import NetworkError
from voicecli.playback.base import SinkReport, SinkSnapshot
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State
from voicecli.text.segment import Segment, Sentence, Span


@pytest.fixture
def server():
    clips = clips_of(tone(0.5), formats=["pcm"])
    reply = Reply(headers={"X-Sample-Rate": "48000"})
    with SpeechServer(clips, reply=reply) as serving:
        yield serving


def on_a_terminal(cli, *argv, term="xterm-256color"):
    """What standard error, a terminal of 80 columns, was shown; the exit status."""
    ours, theirs = pty.openpty()
    env = cli.environment(TERM=term, COLUMNS="80")
    process = cli.popen(*argv, env=env, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # EIO: the other side has gone
            data = b""
        if not data:
            break
        shown += data
    os.close(ours)
    return shown.decode(), process.wait(60)


class TestOnATerminal:
    def test_the_line_is_drawn_and_removed(self, tmp_path, server):
        argv = ("say", "--device", "null", "--base-url", server.url, "Hello.")
        shown, status = on_a_terminal(Cli(tmp_path), *argv)
        assert status == 0
        drawn, _, after = shown.rpartition("ahead")
        assert "s spoken" in drawn
        assert "\x1b[2K" in after  # the line is erased
        assert "\x1b[?25h" in after  # the cursor is back
        rest = after.rpartition("\x1b")[2]
        assert "spoke 0.5 s · first sound" in rest
        assert "ahead" not in rest

    def test_a_wait_for_the_server_is_shown_and_removed(self, tmp_path, server):
        server.reply = Reply(ttfb_s=1.6, headers={"X-Sample-Rate": "48000"})
        argv = ("say", "--device", "null", "--base-url", server.url, "Hello.")
        shown, status = on_a_terminal(Cli(tmp_path), *argv)
        assert status == 0
        before, _, after = shown.partition(f"waiting for {server.url}  1 s")
        assert before.endswith("\r\x1b[2K")
        assert "\r\x1b[2K" in after.partition("s spoken")[0], "the other line replaces it"

    def test_quiet_draws_nothing(self, tmp_path, server):
        argv = ("say", "-q", "--device", "null", "--base-url", server.url, "Hello.")
        assert on_a_terminal(Cli(tmp_path), *argv) == ("", 0)

    def test_a_dumb_terminal_gets_only_the_summary(self, tmp_path, server):
        argv = ("say", "--device", "null", "--base-url", server.url, "Hello.")
        shown, status = on_a_terminal(Cli(tmp_path), *argv, term="dumb")
        assert status == 0
        assert shown.startswith("voicecli: spoke 0.5 s ·")
        assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("quiet", "terminal", "term", "wanted"),
    [
        (False, True, "xterm", True),
        (True, True, "xterm", False),
        (False, False, "xterm", False),
        (False, True, "dumb", False),
        (False, None, "xterm", False),
    ],
)
def test_it_needs_a_terminal(monkeypatch, quiet, terminal, term, wanted):
    stderr = None if terminal is None else SimpleNamespace(isatty=lambda: terminal)
    monkeypatch.setenv("TERM", term)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        assert wants_progress(quiet=quiet) is wanted


def sentence(text):
    return Sentence(0, text, Span(0, len(text)))


def snapshot(**fields):
    made = {"playing": True, "rebuffering": False, "buffered_s": 2.0, "heard_s": 1.5, **fields}
    return SinkSnapshot(**made)


class TestLine:
    @pytest.fixture(autouse=True)
    def terminal(self, monkeypatch):
        """What is captured counts as a terminal."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")

    @pytest.mark.parametrize("final", [State.CANCELLED, State.FAILED, State.DONE])
    def test_the_wait_is_removed_at_the_end(self, capsys, final):
        line = ProgressLine()
        line(events.Requested(0.0, "http://x"))
        line(events.Waited(1.5))
        line(events.StateChanged(1.6, State.CONNECTING, final))
        assert capsys.readouterr().err.endswith("\r\x1b[2K")

    def test_the_text_of_the_line(self, capsys):
        line = ProgressLine()
        line(events.Progressed(0.0, snapshot()))
        text = capsys.readouterr().err
        line.close()
        assert "1.5 s spoken    2.0 s ahead" in text

    @pytest.mark.parametrize(
        ("event", "says"),
        [
            (events.StateChanged(0.0, State.PLAYING, State.REBUFFERING), "waiting"),
            (events.Failed(0.0, NetworkError("cut")), "the stream broke"),
        ],
    )
    def test_problems_are_noted(self, capsys, event, says):
        line = ProgressLine()
        line(events.Progressed(0.0, snapshot()))
        line(event)
        line(events.Progressed(0.0, snapshot()))
        line.close()
        assert says in capsys.readouterr().err

    def test_the_sentence_that_is_heard_is_shown(self, capsys):
        line = ProgressLine()
        segment = Segment(0, (sentence("The tide [is] coming in."), sentence("Boats rise.")))
        line(events.Requested(0.0, "http://x", 0))
        line(events.SegmentPlaced(0.1, segment, 0.2))
        line(events.Progressed(0.5, snapshot(heard_s=0.5)))
        assert "The tide [is] coming in." in capsys.readouterr().err
        line(events.SegmentEnded(0.6, segment, 0.2, 3.0))
        line(events.Progressed(2.9, snapshot(heard_s=2.9)))
        line.close()
        assert "Boats rise." in capsys.readouterr().err

    def test_a_long_sentence_stays_on_its_line(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        line = ProgressLine()
        segment = Segment(0, (sentence("very " * 50 + "long.\x1b[2J\nReally"),))
        line(events.SegmentPlaced(0.1, segment, 0.0))
        line(events.Progressed(0.5, snapshot(heard_s=0.5)))
        shown = capsys.readouterr().err
        line.close()
        assert "very very" in shown
        assert "\x1b[2J" not in shown
        assert max(len(part) for part in shown.splitlines()) < 100

    def test_a_wait_for_the_writer_is_told_from_one_for_the_server(self, capsys):
        line = ProgressLine()
        segment = Segment(0, (sentence("The tide is coming in."),))
        line(events.Requested(0.0, "http://x", 0))
        line(events.SegmentPlaced(0.1, segment, 0.0))
        line(events.StateChanged(0.1, State.PLAYING, State.REBUFFERING))
        line(events.Progressed(0.5, snapshot(heard_s=0.5, buffered_s=0.0)))
        assert "waiting for the server" in capsys.readouterr().err
        line(events.SegmentEnded(0.6, segment, 0.0, 1.0))
        line(events.Progressed(1.5, snapshot(heard_s=1.0, buffered_s=0.0)))
        assert "waiting for the text" in capsys.readouterr().err
        line(events.Requested(2.0, "http://x", 1))
        line(events.Progressed(2.1, snapshot(heard_s=1.0, buffered_s=0.0)))
        line.close()
        assert "waiting for the server" in capsys.readouterr().err

    def test_a_wait_for_the_first_text_is_shown_if_there_is_a_writer(self, capsys):
        for is_growing in (True, False):
            line = ProgressLine(lambda is_growing=is_growing: is_growing)
            line(events.Waited(10.0))
            line(events.Waited(11.5))
            line.close()
            assert ("waiting for the text  2 s" in capsys.readouterr().err) is is_growing

    def test_a_wait_for_another_voice_is_told_from_one_for_the_server(self, capsys):
        line = ProgressLine(turn_of=lambda: "another voice, of process 7,")
        line(events.Requested(10.0, "http://x"))
        line(events.Waited(12.0))
        line.close()
        assert "waiting for another voice, of process 7,  2 s" in capsys.readouterr().err

    def test_a_pause_is_shown(self, capsys):
        line = ProgressLine()
        line(events.Progressed(0.0, snapshot()._replace(paused=True)))
        line.close()
        assert "ahead  paused" in capsys.readouterr().err

    def test_a_note_disappears_with_its_cause(self, capsys):
        line = ProgressLine()
        line(events.StateChanged(0.0, State.PLAYING, State.REBUFFERING))
        line(events.StateChanged(0.0, State.REBUFFERING, State.PLAYING))
        line(events.Progressed(0.0, snapshot()))
        line.close()
        shown = capsys.readouterr().err
        assert "s ahead" in shown
        assert "waiting" not in shown

    def test_a_short_wait_is_not_shown(self, capsys):
        line = ProgressLine()
        line(events.Waited(0.0))
        line(events.Requested(10.0, "http://server.test/v1"))
        line(events.Waited(10.9))
        line.close()
        assert capsys.readouterr().err == ""

    def test_a_wait_counts_from_the_first_attempt(self, capsys):
        line = ProgressLine()
        line(events.Requested(10.0, "http://server.test/v1\x1b[2J"))
        line(events.Waited(12.4))
        line(events.Retrying(12.5, NetworkError("cut"), 0.5))
        line(events.Requested(13.0, "another"))
        line(events.Waited(14.0))
        first, second = capsys.readouterr().err.split("\r\x1b[2K")[1:]
        assert first.startswith("waiting for http://server.test/v1")
        assert first.endswith("  2 s")
        assert "\x1b" not in first
        assert second.endswith("  4 s  try 2")
        line.close()
        line.close()
        assert capsys.readouterr().err == "\r\x1b[2K"

    def test_rich_is_not_loaded_before_sound(self):
        script = (
            "import sys\n"
            "from types import SimpleNamespace\n"
            "from voicecli.cli.progress import ProgressLine\n"
            "from voicecli.telemetry.events import Progressed\n"
            "line = ProgressLine()\n"
            "line(Progressed(0.0, SimpleNamespace(playing=False, paused=False, heard_s=0.0)))\n"
            "before = 'rich' in sys.modules\n"
            "playing = SimpleNamespace(playing=True, paused=False, heard_s=0.0, buffered_s=0.0)\n"
            "line(Progressed(0.0, playing))\n"
            "line.close()\n"
            "print(before, 'rich' in sys.modules)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout == "False True\n"

    def test_nothing_is_drawn_before_sound(self):
        line = ProgressLine()
        line(events.Progressed(0.0, snapshot(playing=False, heard_s=0.0)))
        assert line._live is None

    def test_without_playback_it_shows_what_was_received(self, capsys):
        line = ProgressLine()
        segment = Segment(0, (sentence("The tide is coming in."),))
        line(events.Requested(0.0, "http://x", 0))
        line(events.SegmentPlaced(0.1, segment, 0.0))
        line(events.Progressed(0.5, snapshot(playing=False, heard_s=1.2, buffered_s=0.0)))
        shown = capsys.readouterr().err
        line.close()
        assert "1.2 s received  The tide is coming in." in shown

    def test_the_end_removes_the_line(self):
        line = ProgressLine()
        line(events.Progressed(0.0, snapshot()))
        line(events.PlaybackEnded(0.0, SinkReport()))
        assert line._live is None
        line.close()
