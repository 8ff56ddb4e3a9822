"""A runtime folder with a name short enough for sockets."""

from __future__ import annotations

import tempfile

import pytest

from voicecli.control.runtime import runtime_folder


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="vc") as base:
        yield runtime_folder({"XDG_RUNTIME_DIR": base})
