from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.playback import history as history_module
from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.history import (
    MAX_BYTES,
    MAX_RUNS,
    History,
    HistoryFile,
    HistoryKey,
)

KEY = HistoryKey("http://localhost:8880/v1", "kokoro", "opus")
OTHER = KEY._replace(format="pcm")


@pytest.fixture
def history(tmp_path):
    return HistoryFile(tmp_path / "cache" / "arrivals.jsonl")


def test_a_new_history_is_empty(history):
    assert history.runs(KEY) == ()
    assert history.all_runs() == {}
    assert not history.delete()


def test_runs_are_kept_by_key_and_in_order(history):
    history.add(KEY, 0.25)
    history.add(OTHER, 0.5)
    history.add(KEY, 0.125)
    assert history.runs(KEY) == (0.25, 0.125)
    assert history.runs(OTHER) == (0.5,)
    assert history.runs(KEY._replace(model="tts-1")) == ()
    assert set(history.all_runs()) == {KEY, OTHER}


def test_the_file_is_private_and_has_only_numbers_and_names(history):
    history.add(KEY, 0.0415)
    (line,) = history.path.read_text().splitlines()
    assert json.loads(line) == {**KEY._asdict(), "needed_ms": 41.5}
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.path.parent.stat().st_mode) == 0o700


def test_deleting_forgets_everything(history):
    history.add(KEY, 0.25)
    assert history.delete()
    assert history.runs(KEY) == ()


def test_the_newest_runs_count(history):
    for i in range(MAX_RUNS + 10):
        history.add(KEY, float(i))
    assert history.runs(KEY) == tuple(float(i) for i in range(10, MAX_RUNS + 10))


def test_the_file_stays_short_and_keeps_the_newest(history):
    for i in range(2000):
        history.add(KEY._replace(model=f"model {i % 40}"), i / 8)
        assert history.path.stat().st_size <= MAX_BYTES + 200
    assert history.runs(KEY._replace(model=f"model {1999 % 40}"))[-1] == 1999 / 8
    assert list(history.path.parent.iterdir()) == [history.path]


def test_one_key_does_not_displace_another(history):
    history.add(OTHER, 0.5)
    for _ in range(1500):
        history.add(KEY, 0.25)
    assert history.runs(OTHER) == (0.5,)


def test_names_may_have_any_length_and_characters(history):
    key = HistoryKey("x" * 10_000, "m\n\udcff", "\u00e9")
    history.add(key, 0.25)
    assert history.runs(key) == (0.25,)
    assert history.path.stat().st_size < 1000


INVALID = [
    b"\xff\xfe\x00garbage\n",
    b"{}\n",
    b"[1, 2]\n",
    b"3\n",
    b"null\n",
    b"\n",
    b'{"endpoint": 1, "model": "m", "format": "f", "needed_ms": 5}\n',
    b'{"endpoint": "e", "model": "m", "format": "f", "needed_ms": null}\n',
    b'{"endpoint": "e", "model": "m", "format": "f", "needed_ms": NaN}\n',
    b'{"endpoint": "e", "model": "m", "format": "f", "needed_ms": 1e999}\n',
    b'{"endpoint": "e", "model": "m", "format": "f", "needed_ms": ' + b"9" * 400 + b"}\n",
    b"[" * 5000 + b"\n",
]


@pytest.mark.parametrize("line", INVALID)
def test_invalid_lines_are_skipped(history, line):
    history.add(KEY, 0.25)
    with history.path.open("ab") as file:
        file.write(line)
    history.add(KEY, 0.5)
    assert history.all_runs() == {KEY: (0.25, 0.5)}


def test_a_truncated_line_spoils_only_itself_and_the_next(history):
    history.add(KEY, 0.25)
    with history.path.open("ab") as file:
        file.write(b'{"endpoint": "e", "mod')
    assert history.runs(KEY) == (0.25,)
    history.add(KEY, 0.5)
    history.add(KEY, 0.75)
    assert history.runs(KEY) == (0.25, 0.75)


def test_a_file_of_garbage_is_rebuilt(history):
    history.path.parent.mkdir(parents=True)
    history.path.write_bytes(bytes(range(256)) * 4096)
    assert history.all_runs() == {}
    history.add(KEY, 0.25)
    history.add(KEY, 0.5)
    assert history.path.stat().st_size < 1000
    assert history.runs(KEY)[-1] == 0.5


def test_only_the_end_of_an_overlong_file_counts(history):
    line = json.dumps(KEY._asdict() | {"needed_ms": 250.0}).encode() + b"\n"
    history.path.parent.mkdir(parents=True)
    history.path.write_bytes(line * (3 * MAX_BYTES // len(line)))
    assert history.runs(KEY) == (0.25,) * MAX_RUNS


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_any_content_is_tolerated(tmp_path_factory, content):
    history = HistoryFile(tmp_path_factory.mktemp("cache") / "arrivals.jsonl")
    history.path.write_bytes(content + b"\n")
    history.all_runs()
    history.add(KEY, 0.25)
    assert history.runs(KEY) == (0.25,)


def test_a_path_that_cannot_be_used_is_ignored(tmp_path):
    (tmp_path / "file").write_text("in the way")
    history = HistoryFile(tmp_path / "file" / "arrivals.jsonl")
    history.add(KEY, 0.25)
    assert history.runs(KEY) == ()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_path_that_is_not_a_regular_file_is_ignored_at_once(tmp_path, make):
    path = tmp_path / "arrivals.jsonl"
    make(path)
    file = HistoryFile(path)
    assert file.runs(KEY) == ()
    file.add(KEY, 0.1)
    assert file.runs(KEY) == ()


def test_a_failed_rewrite_leaves_the_file_alone(history, monkeypatch):
    monkeypatch.setattr(history_module, "MAX_BYTES", 10)

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(type(history.path), "replace", refuse)
    history.add(KEY, 0.25)
    assert list(history.path.parent.iterdir()) == [history.path]


def test_many_processes_may_add_at_once(history):
    script = (
        "import sys; from pathlib import Path\n"
        "from voicecli.playback.history import HistoryFile, HistoryKey\n"
        "history = HistoryFile(Path(sys.argv[1]))\n"
        "for i in range(100): history.add(HistoryKey('e', 'm', sys.argv[2]), i / 8)\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(history.path), name])
        for name in ("a", "b", "c")
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    lines = history.path.read_bytes().splitlines()
    assert len(lines) == 300
    for name in ("a", "b", "c"):
        runs = history.runs(HistoryKey("e", "m", name))
        assert runs == tuple(i / 8 for i in range(100 - MAX_RUNS, 100))


def test_the_default_path_is_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in HistoryFile().path.parents


def test_a_history_reads_the_file_once(history):
    history.add(KEY, 0.25)
    runs = History(KEY, history)
    assert runs.recent() == (0.25,)
    history.add(KEY, 9.0)
    runs.add(0.5)
    assert runs.recent() == (0.25, 0.5)
    assert History(KEY, history).recent() == (0.25, 9.0, 0.5)
    assert History(OTHER, history).recent() == ()


def test_a_run_in_which_others_spoke_teaches_nothing(history):
    runs = History(KEY, history)
    runs.mix()
    runs.learn(SinkReport(first_sound_at=1.0, needed_s=0.25))
    assert history.runs(KEY) == ()


@pytest.mark.parametrize(
    ("gaps", "runs"),
    [
        ((), (0.25,)),
        ((Underrun(1.0, 2.0, 1.0),), (0.25,)),  # the network was late: that is what is learned
        ((Underrun(1.0, 0.05, 1.0, is_device=True),), (0.25,)),
        ((Underrun(1.0, 2.0, 1.0, is_device=True),), ()),  # stopped, and continued
    ],
)
def test_a_run_that_stood_still_teaches_nothing(history, gaps, runs):
    report = SinkReport(first_sound_at=1.0, needed_s=0.25, underruns=gaps)
    History(KEY, history).learn(report)
    assert history.runs(KEY) == runs
