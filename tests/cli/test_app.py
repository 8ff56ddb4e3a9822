from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from voicecli import __main__ as main_module
from voicecli import __version__
from voicecli.cli import app as module
from voicecli.errors import SaveError
from voicecli.streams.executor import shared_executor


@pytest.fixture
def failing(monkeypatch):
    """Make every command end in this exception."""

    def fail(error):
        def app(**_):
            raise error

        monkeypatch.setattr(module, "make_app", lambda only=None: app)

    return fail


@pytest.mark.parametrize("name", module.COMMANDS)
def test_one_command_alone_is_the_same_as_among_all(house, name, monkeypatch):
    alone = house.run(name, "--help").out
    make_app = module.make_app
    monkeypatch.setattr(module, "make_app", lambda only=None: make_app())
    assert alone == house.run(name, "--help").out
    assert f"Usage: voicecli {name}" in alone


def test_version(house):
    assert house.run("--version").out == f"voicecli {__version__}\n"


@pytest.mark.parametrize("argv", [["no-such-command"], ["say", "--no-such-flag"], ["play"]])
def test_usage_is_2_without_a_traceback(house, argv):
    told = house.run(*argv)
    assert told.status == 2
    assert "Usage: voicecli" in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_an_error_of_ours_has_its_status(house, failing):
    failing(SaveError("it is full", remedy="empty it"))
    told = house.run("anything")
    assert told.status == 7
    assert told.err == "voicecli: error: it is full\n  empty it\n"


def test_a_defect_is_1_in_one_message(house, failing):
    failing(ZeroDivisionError("by zero"))
    told = house.run("anything")
    assert told.status == 1
    assert told.err.startswith("voicecli: error: internal error: ZeroDivisionError: by zero")
    assert "Traceback" not in told.err


def test_the_traceback_of_a_defect_is_to_be_had(house, failing, monkeypatch):
    monkeypatch.setenv("VOICECLI_TRACEBACK", "1")
    failing(ZeroDivisionError("by zero"))
    assert "Traceback" in house.run("anything").err


def test_a_completion_that_cannot_be_installed_is_7(house, failing):
    failing(PermissionError(13, "Permission denied", "/home"))
    told = house.run("--install-completion")
    assert told.status == 7
    assert "cannot be installed: Permission denied\n  voicecli --show-completion" in told.err


def test_a_fault_of_the_system_that_nobody_foresaw_is_a_defect(house, failing):
    failing(PermissionError(13, "Permission denied", "/home"))
    assert house.run("anything").status == 1


def test_an_interrupt_is_130(house, failing):
    failing(KeyboardInterrupt())
    told = house.run("anything")
    assert (told.status, told.err) == (130, "")


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (6, 6), ("told", 1)])
def test_the_status_of_who_exits(house, failing, code, status):
    failing(SystemExit(code))
    assert house.run("anything").status == status


def test_typer_s_status_for_a_reader_that_left_is_not_ours(house, failing, monkeypatch):
    left = SystemExit(1)
    left.__context__ = BrokenPipeError()
    abandoned = []
    monkeypatch.setattr(module, "abandon", abandoned.append)
    failing(left)
    assert house.run("anything").status == 0
    assert abandoned == [sys.stdout]


def test_the_program_exits_with_the_status(monkeypatch):
    import gc

    monkeypatch.setattr(sys, "argv", ["voicecli", "--version"])
    shared_executor().submit(int).result()  # its threads end when the interpreter does
    try:
        with pytest.raises(SystemExit) as caught:
            main_module.main()
    finally:
        gc.enable()
    assert caught.value.code == 0


def test_an_interrupt_while_it_imports_is_130_without_a_traceback(monkeypatch):
    import gc

    class Interrupting:
        def find_spec(self, name, path=None, target=None):
            if name == "voicecli.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "voicecli.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    try:
        with pytest.raises(SystemExit) as caught:
            main_module.main()
    finally:
        gc.enable()
    assert caught.value.code == 130


def test_a_thread_that_was_left_behind_holds_nothing_up(monkeypatch):
    import gc

    stuck, left = threading.Event(), []
    thread = threading.Thread(target=stuck.wait, name="voicecli-writer", daemon=True)
    thread.start()
    monkeypatch.setattr(sys, "argv", ["voicecli", "--version"])
    monkeypatch.setattr(os, "_exit", left.append)
    try:
        with pytest.raises(SystemExit):  # as this `_exit` returns
            main_module.main()
    finally:
        gc.enable()
        stuck.set()
        thread.join()
    assert left == [0]


def shell(command, **variables):
    """Run ``command`` with ``voicecli`` in it for the program; output is buffered, as usual."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | variables
    return subprocess.run(
        ["bash", "-c", command.replace("voicecli", f"{sys.executable} -m voicecli")],
        env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_it_runs_as_a_module():
    done = shell("voicecli --version")
    assert (done.returncode, done.stdout) == (0, f"voicecli {__version__}\n")


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("argv", ["--help", "config path", "devices --json"])
def test_a_reader_that_left_changes_nothing(argv, buffering):
    """What ``| head -0`` does."""
    done = shell(f"voicecli {argv} | true; exit ${{PIPESTATUS[0]}}", PYTHONUNBUFFERED=buffering)
    assert done.returncode in {0, 6}
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_standard_streams_may_all_be_closed():
    assert shell("voicecli play --json nowhere.wav <&- >&- 2>&-").returncode == 4


def test_a_full_disk_for_an_output_is_told():
    done = shell("voicecli config path > /dev/full")
    assert done.returncode == 7
    assert "standard output: No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_for_what_people_read_changes_nothing():
    done = shell("voicecli play nowhere.wav 2> /dev/full")
    assert done.returncode == 4


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_table_in_a_poor_locale_has_question_marks(encoding):
    done = shell("voicecli bench policy --traces 1", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_a_path_that_is_no_text_is_printed_as_it_is():
    done = subprocess.run(
        [sys.executable, "-m", "voicecli", "config", "path"],
        env=os.environ | {"VOICECLI_CONFIG": "/caf\udce9.toml", "LC_ALL": "C"},
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"/caf\xe9.toml\n")
