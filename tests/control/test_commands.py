"""Command lines that are understood without the full command line."""

from __future__ import annotations

import contextlib
import os
from types import SimpleNamespace

import pytest

from voicecli.control import commands
from voicecli.control.client import ask, speakers_folder
from voicecli.control.commands import describe, parse
from voicecli.control.server import ControlServer
from voicecli.control.speaker import Speaker
from voicecli.session.control import ControlStatus
from voicecli.telemetry.metrics import Recorder


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("stop", {"command": "stop"}),
        ("stop --all --json", {"command": "stop", "everyone": True, "as_json": True}),
        ("pause --toggle", {"command": "toggle"}),
        ("skip -n 3", {"command": "skip", "count": 3}),
        ("back --count 1000", {"command": "back", "count": 1000}),
    ],
)
def test_usual_lines_need_no_full_command_line(line, arguments):
    assert parse(line.split()) == arguments


@pytest.mark.parametrize(
    "line",
    ["toggle", "stop --toggle", "pause -n 2", "skip -n", "skip -n 0", "skip -n 1001", "skip -n ²",
     "skip -n2", "skip --help", "stop now"],
)  # fmt: skip
def test_others_are_left_to_it(line):
    assert parse(line.split()) is None


def test_a_speaker_that_says_nothing_is_described():
    assert describe({"state": "suspended", "pid": 7}) == "suspended: process 7"


def test_going_back_further_than_sound_is_kept_is_reported(folder, monkeypatch, capsys):
    monkeypatch.setattr(commands, "runtime_folder", lambda: folder)
    session = SimpleNamespace(
        control=SimpleNamespace(back=lambda: False, status=lambda: ControlStatus(False, 70.0, 1.0)),
        state=SimpleNamespace(value="playing"),
    )
    speaker = Speaker("say", "test", 0.0, session, Recorder("test"))
    path = f"{speakers_folder(folder)}/{os.getpid()}-test"
    with contextlib.closing(ControlServer(path, speaker.answer)):
        commands.run("back", count=3)
        assert "as far back as sound is kept" in capsys.readouterr().err
        assert ask(path, "status", id=1.5)["id"] == 1.5
        assert "id" not in ask(path, "status", id=float("inf"))
