from __future__ import annotations

import errno
import gc
import io
import os
import subprocess
import sys
import threading

import pytest

from voicecli import __main__ as main_module
from voicecli import __version__
from voicecli.cli import app as module
from voicecli.cli.environment import Environment
from voicecli.errors import ExitStatus, SaveError
from voicecli.streams.scheduling import shared_executor


@pytest.fixture
def failing(monkeypatch):
    """Make every command raise this exception."""

    def fail(error):
        def app(**_):
            raise error

        monkeypatch.setattr(module, "make_app", lambda only=None: app)

    return fail


@pytest.mark.slow
@pytest.mark.parametrize("name", module.COMMANDS)
def test_one_command_alone_has_the_same_help_as_among_all(cli, name, monkeypatch):
    alone = cli.run(name, "--help").stdout
    make_app = module.make_app
    monkeypatch.setattr(module, "make_app", lambda only=None: make_app())
    assert alone == cli.run(name, "--help").stdout
    assert f"Usage: voicecli {name}" in alone


def test_version(cli):
    assert cli.run("--version").stdout == f"voicecli {__version__}\n"


class TestExitStatus:
    @pytest.mark.parametrize("argv", [["no-such-command"], ["say", "--no-such-flag"], ["play"]])
    def test_wrong_usage_is_2_without_a_traceback(self, cli, argv):
        result = cli.run(*argv)
        assert result.exit_code == 2
        assert "Usage: voicecli" in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""

    def test_an_error_of_ours_has_its_own(self, cli, failing):
        failing(SaveError("it is full", remedy="empty it"))
        result = cli.run("anything")
        assert result.exit_code == 7
        assert result.stderr == "voicecli: error: it is full\n  empty it\n"

    def test_an_internal_error_is_1_in_one_message(self, cli, failing):
        failing(ZeroDivisionError("by zero"))
        result = cli.run("anything")
        assert result.exit_code == 1
        assert result.stderr.startswith(
            "voicecli: error: internal error: ZeroDivisionError: by zero\n  please report it"
        )
        assert "Traceback" not in result.stderr

    def test_the_traceback_of_an_internal_error_is_available(self, cli, failing):
        failing(ZeroDivisionError("by zero"))
        assert "Traceback" in cli.run("anything", env={"VOICECLI_TRACEBACK": "1"}).stderr

    def test_a_completion_that_cannot_be_installed_is_7(self, cli, failing):
        failing(PermissionError(13, "Permission denied", "/home"))
        result = cli.run("--install-completion")
        assert result.exit_code == 7
        assert "cannot install the completion: Permission denied\n  print it" in result.stderr

    def test_an_unforeseen_error_of_the_system_is_internal(self, cli, failing):
        failing(PermissionError(13, "Permission denied", "/home"))
        assert cli.run("anything").exit_code == 1

    @pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
    def test_too_many_open_files_are_not_internal(self, cli, failing, number):
        failing(OSError(number, "Too many open files", "convert.py"))
        result = cli.run("anything")
        assert result.exit_code == 3
        message = "no more files can be opened: Too many open files\n  raise the limit"
        assert message in result.stderr

    def test_an_interrupt_is_130(self, cli, failing):
        failing(KeyboardInterrupt())
        result = cli.run("anything")
        assert (result.exit_code, result.stderr) == (130, "")

    @pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (6, 6), ("text", 1)])
    def test_the_code_of_system_exit_is_kept(self, cli, failing, code, status):
        failing(SystemExit(code))
        assert cli.run("anything").exit_code == status

    def test_a_reader_that_exited_is_not_an_error(self, failing):
        """For which typer exits with 1."""
        exited = SystemExit(1)
        exited.__context__ = BrokenPipeError()
        failing(exited)
        read_end, write_end = os.pipe()
        os.close(read_end)
        with os.fdopen(write_end, "w") as stdout:
            assert module.run(["anything"], Environment(None, stdout, None, {})) == 0
            stdout.write("discarded")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_cannot_represent_is_a_question_mark(encoding):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding)
    environment = Environment(None, stdout, None, {"VOICECLI_CONFIG": "/a–b.toml"})
    assert module.run(["config", "path"], environment) == 0
    assert stdout.buffer.getvalue() == b"/a?b.toml\n"


def test_an_environment_is_left_as_it_was():
    before = (sys.stdin, sys.stdout, sys.stderr, dict(os.environ))
    environment = Environment(None, io.StringIO(), None, {"HOME": "/nowhere"})
    with environment.active():
        assert (sys.stdin, sys.stderr, dict(os.environ)) == (None, None, {"HOME": "/nowhere"})
    assert (sys.stdin, sys.stdout, sys.stderr, dict(os.environ)) == before


@pytest.fixture
def main():
    """Run `main` and return the status that it exits with."""

    def run():
        try:
            with pytest.raises(SystemExit) as caught:
                main_module.main()
        finally:
            gc.enable()
        return caught.value.code

    return run


class TestMain:
    def test_it_exits_with_the_status(self, main, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["voicecli", "--version"])
        shared_executor().submit(int).result()  # its threads end with the interpreter
        assert main() == 0

    def test_an_interrupt_while_importing_is_130_without_a_traceback(self, main, monkeypatch):
        class Interrupting:
            def find_spec(self, name, path=None, target=None):
                if name == "voicecli.cli.app":
                    raise KeyboardInterrupt

        monkeypatch.delitem(sys.modules, "voicecli.cli.app")
        monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
        assert main() == 130

    def test_a_stuck_thread_does_not_delay_the_exit(self, main, monkeypatch):
        stuck, exits = threading.Event(), []
        thread = threading.Thread(target=stuck.wait, name="voicecli-writer", daemon=True)
        thread.start()
        monkeypatch.setattr(sys, "argv", ["voicecli", "--version"])
        monkeypatch.setattr(os, "_exit", exits.append)
        try:
            main()  # goes on after this `_exit`
        finally:
            stuck.set()
            thread.join()
        assert exits == [0]


def shell(command, **variables):
    """Run ``command`` with ``voicecli`` replaced by the program; output is buffered, as usual."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | variables
    return subprocess.run(
        ["bash", "-c", command.replace("voicecli", f"{sys.executable} -m voicecli")],
        env=env, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


class TestProcess:
    """What only the interpreter's own start and exit show."""

    @pytest.mark.slow
    @pytest.mark.parametrize(("argv", "unbuffered"), [("--help", ""), ("config path", "1")])
    def test_a_reader_that_exited_changes_nothing(self, argv, unbuffered):
        """As with ``| head -0``."""
        pipeline = f"voicecli {argv} | true; exit ${{PIPESTATUS[0]}}"
        done = shell(pipeline, PYTHONUNBUFFERED=unbuffered)
        assert (done.returncode, done.stderr) == (0, b"")

    @pytest.mark.slow
    def test_all_standard_streams_may_be_closed(self):
        assert shell("voicecli play --json nowhere.wav <&- >&- 2>&-").returncode == 4

    @pytest.mark.parametrize(
        "argv",
        [
            *("config path", "config show", "voices", "cache info", "doctor", "endpoints"),
            *("--version", "--show-completion", "bench policy --server fast --traces 1"),
        ],
    )
    def test_a_full_disk_for_standard_output_is_7(self, argv):
        done = shell(f"voicecli {argv} > /dev/full")
        assert done.returncode == 7
        assert b"standard output: No space left" in done.stderr
        assert b"Traceback" not in done.stderr

    @pytest.mark.parametrize("argv", [["--help"], ["say", "-h"], ["bench", "--help"]])
    def test_a_full_disk_for_help_is_7_though_a_later_write_succeeds(self, argv):
        class Full(io.StringIO):
            is_full = True

            def write(self, text):
                if self.is_full and text:
                    self.is_full = False
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().write(text)

        stderr = io.StringIO()
        status = module.run(argv, Environment(None, Full(), stderr, dict(os.environ)))
        assert status == ExitStatus.SAVE
        assert "No space left on device" in stderr.getvalue()

    def test_a_full_disk_for_standard_error_changes_nothing(self):
        assert shell("voicecli play nowhere.wav 2> /dev/full").returncode == 4

    def test_an_undecodable_path_is_printed_unchanged(self):
        done = shell("voicecli config path", VOICECLI_CONFIG="/caf\udce9.toml", LC_ALL="C")
        assert (done.returncode, done.stdout) == (0, b"/caf\xe9.toml\n")
