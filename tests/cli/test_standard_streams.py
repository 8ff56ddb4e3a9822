"""What happens if standard streams are closed: nothing else may get their descriptors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.cli import Cli


@pytest.fixture
def shell(tmp_path, server):
    cli = Cli(tmp_path)
    say = f"{sys.executable} -m voicecli say --device null --base-url {server.url}"

    def run(options, redirections):
        return subprocess.run(
            ["bash", "-c", f"{say} {options} Hello. {redirections}"],
            env=cli.environment(), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_run_succeeds(shell, closed):
    done = shell("--json", closed)
    assert done.returncode == 0
    assert '"ok": true' in done.stdout


@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
def test_what_cannot_be_printed_is_7(shell, closed):
    done = shell("--json", closed)
    assert done.returncode == 7
    assert "cannot write standard output: it is closed" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_print_is_not_an_error(shell):
    assert shell("", ">&-").returncode == 0
    assert shell("", "<&- >&- 2>&-").returncode == 0


@pytest.mark.parametrize("argv", ["--help", "config path", "voices"])
def test_no_output_is_lost_silently(tmp_path, argv):
    command = f"{sys.executable} -m voicecli {argv} >&-"
    done = subprocess.run(
        ["bash", "-c", command], env=Cli(tmp_path).environment(), check=False, timeout=60,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 7
