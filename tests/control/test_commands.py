"""Command lines that are understood without the full command line."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from voicecli.control import commands
from voicecli.control.client import ask, speakers, speakers_folder
from voicecli.control.commands import describe, parse
from voicecli.control.protocol import MAX_LINE_BYTES, decode, encode
from voicecli.control.recent import recent_files
from voicecli.control.runtime import RuntimeFolderError
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


@pytest.mark.parametrize("odd", ["text", [1], {"known": 1}, 10**400, float("nan"), None, True])
def test_a_speaker_of_another_version_may_say_anything(odd):
    keys = ("state", "command", "pid", "sentences", "heard_s", "buffered_s", "text", "began_at")
    for key in keys:
        assert describe({"heard_s": 2, "buffered_s": 1, key: odd})


@pytest.mark.parametrize("began_at", [10**4000, "text", None, [1]])
def test_nor_does_its_start_matter(folder, monkeypatch, capsys, began_at):
    monkeypatch.setattr(commands, "runtime_folder", lambda: folder)
    answer = encode({"ok": True, "speaker": {"state": "playing", "began_at": began_at}})
    path = f"{speakers_folder(folder)}/{os.getpid()}-test"
    with contextlib.closing(ControlServer(path, lambda _line: answer)):
        commands.run("status")
    assert "playing" in capsys.readouterr().out


@pytest.mark.parametrize("what", [speakers, recent_files])
def test_a_file_in_place_of_a_folder_is_reported(folder, what):
    for name in ("speakers", "recent"):
        Path(folder, name).touch()
    with pytest.raises(RuntimeFolderError, match="cannot read"):
        what(folder)


@pytest.mark.parametrize("text", ["", "\U0001f600" * 1000])
def test_an_answer_fits_on_a_line(text):
    control = SimpleNamespace(status=lambda: ControlStatus(False, 1.0, 1.0, text))
    session = SimpleNamespace(control=control, state=SimpleNamespace(value="playing"))
    recorder = SimpleNamespace(
        label=text, segments=SimpleNamespace(spoken_sentences=lambda _heard_s: (1, 1))
    )
    speaker = Speaker("say", "test", 0.0, session, recorder)
    for id_ in (10**4000, text[:500], 7):
        answer = speaker.answer(encode({"command": "status", "id": id_}))
        assert decode(answer)["ok"]
        assert len(answer) <= MAX_LINE_BYTES


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
