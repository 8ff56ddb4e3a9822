"""A run that was interrupted or failed is resumed from the sentence it was in."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.support.speech_server import Reply, SpeechServer, error
from tests.support.spoken_tones import SpokenTones
from voicecli.cli import resume
from voicecli.cli.interrupted_runs import find_run
from voicecli.cli.resume import MAX_RUNS

SENTENCES = [f"This is number {n} of the story." for n in range(12)]


@pytest.fixture
def server(cli):
    with SpeechServer() as running:
        running.speak = SpokenTones(seconds_per_character=0.01, gap_s=0.2)
        cli.env["VOICECLI_BASE_URL"] = running.url
        cli.env["XDG_STATE_HOME"] = str(cli.home / "state")
        yield running


@pytest.fixture
def runs(cli):
    return cli.home / "state" / "voicecli" / "runs"


def say(cli, *argv, **how):
    return cli.run("say", "--device", "null", "--buffer-ms", "0", "--json", *argv, **how)


def spoken(server):
    """Return what was asked for, in the order of the text: requests may overtake each other."""
    texts = [request.json["input"].strip() for request in server.speech_requests]
    return " ".join(sorted(texts, key=lambda text: int(text.split()[3])))


def fail_after(server, requests):
    """Let the server refuse everything after so many requests."""
    whole = server.speak

    def speak(fields):
        return whole(fields) if len(server.speech_requests) <= requests else error(400, {})

    server.speak = speak
    return whole


def test_a_run_that_was_spoken_leaves_nothing(cli, server, runs):
    assert say(cli, "Hello there.").exit_code == 0
    assert list(runs.iterdir()) == []
    again = say(cli, "--resume")
    assert again.exit_code == 2
    assert "nothing to resume" in again.stderr


@pytest.mark.parametrize("given", ["arguments", "pipe", "file"])
def test_a_failed_run_goes_on_with_the_sentence_it_was_in(cli, server, runs, given, tmp_path):
    text = " ".join(SENTENCES)
    (tmp_path / "story.txt").write_text(text)
    argv = {"arguments": (text,), "pipe": ("-",), "file": ("--file", str(tmp_path / "story.txt"))}
    whole = fail_after(server, 3)
    how = {"stdin": text.encode()} if given == "pipe" else {}
    first = say(
        cli, "--segment", "sentence", "--prefetch", "0", "--voice", "nova", *argv[given], **how
    )
    assert first.exit_code == 4
    heard = first.json["sentences"]["spoken"]
    assert 2 <= heard <= 3
    server.speak = whole
    server.requests.clear()
    second = say(cli, "--resume")
    assert second.exit_code == 0, second
    assert spoken(server) == " ".join(SENTENCES[heard:])
    assert {request.json["voice"] for request in server.speech_requests} == {"nova"}
    assert list(runs.iterdir()) == []


def test_a_run_may_be_resumed_more_than_once(cli, server, tmp_path):
    (tmp_path / "story.txt").write_text(" ".join(SENTENCES))
    whole, argv, heard = server.speak, ("--file", str(tmp_path / "story.txt")), 0
    for _ in range(3):
        server.speak = whole
        fail_after(server, len(server.speech_requests) + 2)
        result = say(cli, "--segment", "sentence", "--prefetch", "0", *argv)
        heard += result.json["sentences"]["spoken"]
        argv = ("--resume",)
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume").exit_code == 0
    assert spoken(server) == " ".join(SENTENCES[heard:])


def test_an_option_that_is_given_counts_more_than_that_of_the_last_run(cli, server):
    whole = fail_after(server, 0)
    say(cli, "--voice", "nova", "--speed", "1.5", "Hello there.")
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume", "--voice", "alloy").exit_code == 0
    (request,) = server.speech_requests
    assert (request.json["voice"], request.json["speed"]) == ("alloy", 1.5)


def test_the_files_are_for_their_owner_only_and_hold_no_password(cli, server, runs):
    server.speak = None
    server.reply = error(400, {})
    url = server.url.replace("http://", "http://user:secret@")
    say(cli, "--base-url", url, "Hello there.")
    assert stat.S_IMODE(runs.stat().st_mode) == 0o700
    for path in runs.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "secret" not in path.read_text()


def test_options_that_mention_somebody_are_kept(cli, server):
    whole = fail_after(server, 0)
    say(cli, "--instructions", "Read @names aloud.", "Hello there.")
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume").exit_code == 0
    (request,) = server.speech_requests
    assert request.json["instructions"] == "Read @names aloud."


def write_instead(monkeypatch, write):
    """Replace what writes the text, and nothing else."""
    monkeypatch.setattr(resume, "os", SimpleNamespace(**vars(os) | {"write": write}))


def test_a_text_that_cannot_be_kept_leaves_the_run_that_is_resumed(cli, server, monkeypatch):
    whole = fail_after(server, 2)
    first = say(cli, "--segment", "sentence", "--prefetch", "0", " ".join(SENTENCES))
    heard = first.json["sentences"]["spoken"]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full_disk:
        write_instead(full_disk, full)
        assert say(cli, "--resume").exit_code == 4
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume").exit_code == 0
    assert spoken(server) == " ".join(SENTENCES[heard:])


def test_a_text_that_cannot_be_kept_whole_is_not_kept(cli, server, runs, monkeypatch):
    written = []

    def nearly_full(descriptor, data):
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(data)
        return os.write(descriptor, data[:7])

    fail_after(server, 2)
    write_instead(monkeypatch, nearly_full)
    # A request each: a slow server would be asked for all but the first in one.
    argv = "--segment", "sentence", "--prefetch", "0", " ".join(SENTENCES)
    assert say(cli, *argv).exit_code == 4
    assert list(runs.iterdir()) == []


def test_a_text_that_is_written_bit_by_bit_is_whole(cli, server, monkeypatch):
    write_instead(monkeypatch, lambda descriptor, data: os.write(descriptor, data[:7]))
    whole = fail_after(server, 2)
    first = say(cli, "--segment", "sentence", "--prefetch", "0", " ".join(SENTENCES))
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume").exit_code == 0
    assert spoken(server) == " ".join(SENTENCES[first.json["sentences"]["spoken"] :])


def test_without_state_nothing_is_kept(cli, server, runs):
    server.speak = None
    server.reply = error(400, {})
    assert say(cli, "--no-state", "Hello there.").exit_code == 4
    assert not runs.exists()


def test_old_runs_do_not_pile_up(cli, server, runs):
    server.speak = None
    server.reply = error(400, {})
    for _ in range(MAX_RUNS + 3):
        say(cli, "Hello there.")
    assert len(list(runs.glob("*.json"))) == len(list(runs.glob("*.txt"))) == MAX_RUNS


def test_a_text_and_resume_is_a_usage_error(cli, server):
    fail_after(server, 0)
    say(cli, "Hello there.")
    assert say(cli, "--resume", "Something else.").exit_code == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"at": "x"}', "\0"])
def test_files_without_sense_are_passed_over(cli, server, runs, content):
    runs.mkdir(parents=True)
    (runs / "x.json").write_text(content)
    (runs / "x.txt").write_text("Hello there.")
    assert say(cli, "--resume").exit_code == 2


@pytest.mark.parametrize("seed", range(2))
def test_after_kill_9_at_most_a_sentence_is_said_again(cli, server, tmp_path, seed):
    """The process that is killed is a real one."""
    (tmp_path / "story.txt").write_text(" ".join(SENTENCES))
    server.reply = Reply(pace=4.0)
    command = [sys.executable, "-m", "voicecli", "say", "--device", "null", "--buffer-ms", "0"]
    env = {**os.environ, **cli.env}
    running = subprocess.Popen([*command, "--file", str(tmp_path / "story.txt")], env=env)
    while len(server.speech_requests) < 2:
        time.sleep(0.01)
    time.sleep(0.7 + 0.5 * seed)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (state,) = (cli.home / "state" / "voicecli" / "runs").glob("*.json")
    at = json.loads(state.read_text())["at"]
    server.requests.clear()
    server.reply = Reply()
    assert say(cli, "--resume").exit_code == 0
    left = " ".join(SENTENCES)[at:].strip()
    assert spoken(server) == left
    assert left.startswith("This is number")


def test_a_text_without_a_file_may_be_resumed_more_than_once(cli, server):
    whole, argv, heard = server.speak, (" ".join(SENTENCES),), 0
    for _ in range(3):
        server.speak = whole
        fail_after(server, len(server.speech_requests) + 2)
        heard += say(cli, "--segment", "sentence", "--prefetch", "0", *argv).json["sentences"][
            "spoken"
        ]
        argv = ("--resume",)
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume").exit_code == 0
    assert spoken(server) == " ".join(SENTENCES[heard:])


@pytest.mark.parametrize("runs_before", [1, 2])
@pytest.mark.parametrize("given", ["--script", "--say"])
def test_a_script_goes_on_in_the_voice_of_its_line(cli, server, tmp_path, given, runs_before):
    lines = ["nova: " + " ".join(SENTENCES[:6]), "echo: " + " ".join(SENTENCES[6:])]
    (tmp_path / "play.txt").write_text("\n".join(lines))
    argv = ["--script", str(tmp_path / "play.txt")]
    if given == "--say":
        argv = [part for line in lines for part in ("--say", line.replace(": ", ":", 1))]
    whole, heard = server.speak, 0
    for _ in range(runs_before):
        server.speak = whole
        fail_after(server, len(server.speech_requests) + 2)
        failed = say(cli, "--segment", "sentence", "--prefetch", "0", *argv)
        heard += failed.json["sentences"]["spoken"]
        argv = ["--resume"]
    server.speak = whole
    server.requests.clear()
    assert say(cli, "--resume").exit_code == 0
    assert spoken(server) == " ".join(SENTENCES[heard:])
    voices = {r.json["input"].split()[3]: r.json["voice"] for r in server.speech_requests}
    assert voices[str(heard)] == "nova"
    assert {request.json["voice"] for request in server.speech_requests} == {"nova", "echo"}


def test_a_file_that_has_changed_is_mentioned(cli, server, tmp_path):
    (tmp_path / "story.txt").write_text(" ".join(SENTENCES))
    whole = fail_after(server, 2)
    say(cli, "--segment", "sentence", "--prefetch", "0", "--file", str(tmp_path / "story.txt"))
    server.speak = whole
    (tmp_path / "story.txt").write_text(" ".join(SENTENCES) + " And more.")
    assert "has changed" in " ".join(say(cli, "--resume").stderr.split())


def test_two_commands_do_not_resume_the_same_run(cli, server, runs, tmp_path, monkeypatch):
    (tmp_path / "story.txt").write_text(" ".join(SENTENCES))
    fail_after(server, 2)
    given = ("--file", str(tmp_path / "story.txt"))
    assert say(cli, "--segment", "sentence", "--prefetch", "0", *given).exit_code == 4
    monkeypatch.setenv("XDG_STATE_HOME", cli.env["XDG_STATE_HOME"])
    first = find_run()
    assert first.path.parent == runs
    with first.lock:
        refused = say(cli, "--resume")
        assert (refused.exit_code, "nothing to resume" in refused.stderr) == (2, True)
    with find_run().lock as lock:
        assert lock.name == first.lock.name


STATE = {"version": 1, "options": {}, "script": False, "file": None, "at": 0, "voice": None}


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 100_000, b"[]", b"7", b"\xff"]
    + [
        json.dumps(STATE | wrong).encode()
        for wrong in ({"at": float("inf")}, {"at": "x"}, {"at": []}, {"options": 7})
    ],
)
def test_a_damaged_state_is_passed_over(cli, server, runs, content):
    runs.mkdir(parents=True)
    (runs / "1.txt").write_text("Hello.")
    (runs / "1.json").write_bytes(content)
    refused = say(cli, "--resume")
    assert (refused.exit_code, "nothing to resume" in refused.stderr) == (2, True)


@pytest.mark.parametrize("kind", ["txt", "json"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_passed_over_at_once(cli, server, runs, kind, make):
    runs.mkdir(parents=True)
    (runs / "1.txt").write_text("Hello.")
    (runs / "1.json").write_text(json.dumps(STATE))
    (runs / f"1.{kind}").unlink()
    make(runs / f"1.{kind}")
    refused = say(cli, "--resume")
    assert (refused.exit_code, "nothing to resume" in refused.stderr) == (2, True)
