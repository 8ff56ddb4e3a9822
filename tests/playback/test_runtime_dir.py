from __future__ import annotations

import os
import sys

import pytest

from voicecli.playback import runtime_dir
from voicecli.playback.runtime_dir import VARIABLE, complete_environment, remedy


@pytest.fixture
def root(tmp_path):
    """Stands in for /run/user."""
    (tmp_path / str(os.getuid())).mkdir()
    return tmp_path


def test_our_own_folder_is_used_if_the_variable_is_missing(root):
    environ = {}
    complete_environment(environ, root)
    assert environ == {VARIABLE: str(root / str(os.getuid()))}


def test_a_variable_that_is_set_stays(root):
    environ = {VARIABLE: "/elsewhere"}
    complete_environment(environ, root)
    assert environ == {VARIABLE: "/elsewhere"}


def test_a_folder_that_is_missing_or_somebody_elses_is_not_used(root, monkeypatch):
    environ = {}
    complete_environment(environ, root / "none")
    (root / "12345").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    complete_environment(environ, root)
    assert environ == {}


def test_the_remedy_says_what_to_set(monkeypatch):
    for name in (VARIABLE, *runtime_dir._OTHERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert f"XDG_RUNTIME_DIR=/run/user/{os.getuid()}" in remedy()
    monkeypatch.setenv("PULSE_SERVER", "somewhere")
    assert remedy() is None
    monkeypatch.delenv("PULSE_SERVER")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert remedy() is None
