"""A process that may open few files says so, in a line, or does without."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("limit", range(6, 12))
def test_too_few_descriptors_are_an_error_of_one_line_or_none(tmp_path, limit):
    sound = tmp_path / "silence.pcm"
    sound.write_bytes(bytes(9_600))
    folders = {name: str(tmp_path) for name in ("HOME", "XDG_RUNTIME_DIR")}
    result = subprocess.run(
        [sys.executable, "-m", "voicecli", "play", str(sound), "--device", "null"],
        env={"PATH": os.environ["PATH"], **folders},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stderr
    assert result.returncode in {0, 3}
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    assert len(errors) == (result.returncode == 3)
    assert all("no more files can be opened" in line for line in errors)
