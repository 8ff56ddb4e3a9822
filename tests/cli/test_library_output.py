"""What libraries print on descriptor 2 is for -v; what we print is for everybody."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from tests.support.cli import Cli
from voicecli.cli.library_output import hidden_library_output

SCRIPT = """
import ctypes, os, sys
from voicecli.cli.library_output import hidden_library_output
with hidden_library_output():
    os.write(2, b"a library\\n")
    print("ours within", file=sys.stderr)
os.write(2, b"a library afterwards\\n")
print("ours afterwards", file=sys.stderr)
"""


def test_only_what_libraries_print_is_hidden():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    lines = ["ours within", "a library afterwards", "ours afterwards"]
    assert done.stderr.splitlines() == lines


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_another_stream_is_left_alone(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    with hidden_library_output():
        assert sys.stderr is stream


@pytest.mark.parametrize("option", ["-q", "-v"])
def test_it_takes_v_to_see_them(tmp_path, server, option):
    """A module that prints as PortAudio does when it is loaded."""
    (tmp_path / "sounddevice.py").write_text(
        "import os\nos.write(2, b'ALSA lib: no such card\\n')\nraise OSError('no PortAudio')\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    done = Cli(tmp_path).run("say", option, "--base-url", server.url, "Hello.", env=env)
    assert done.exit_code == 6
    assert "error: the PortAudio library is not installed" in done.stderr
    assert ("ALSA lib" in done.stderr) is (option == "-v")
    assert os.fstat(2)
