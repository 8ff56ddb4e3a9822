"""A resident that cannot start or does not answer: what commands report, and what helps."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.support.cli import Cli
from voicecli.control.resident.wire import SOCKET_NAME
from voicecli.control.runtime import runtime_folder

LOCK_NAME = "resident.lock"


class Resident(Cli):
    """A command line with a runtime folder of its own."""

    def __init__(self, home, base):
        super().__init__(home)
        self.base = base
        self.folder = Path(runtime_folder({"XDG_RUNTIME_DIR": base}))

    def environment(self, **extra):
        return super().environment() | {"XDG_RUNTIME_DIR": self.base} | extra


@pytest.fixture
def cli(tmp_path):
    with tempfile.TemporaryDirectory(prefix="vcr") as base:
        yield Resident(tmp_path, base)


def make_folder(path):
    path.mkdir()


def make_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("name", "make"),
    [(SOCKET_NAME, make_folder), (LOCK_NAME, make_folder), (LOCK_NAME, make_loop)],
)
def test_what_is_in_its_place_is_named(cli, name, make):
    make(path := cli.folder / name)
    done = cli.run("resident", "run")
    assert done.exit_code == 3, done
    assert f"there can be no resident: cannot use {path}: " in done.stderr
    assert f"remove {path}" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_named(cli):
    cli.folder.chmod(0o500)
    done = cli.run("resident", "run")
    assert done.exit_code == 3, done
    assert "make its folder writable" in done.stderr
