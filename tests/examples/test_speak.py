from __future__ import annotations

import re

import pytest

from tests.examples.running import run_example
from tests.support.recorder import Recorder


@pytest.mark.sound
def test_it_plays_on_the_default_device(tmp_path, sound_server):
    with Recorder(sound_server) as recorder:
        done = run_example(tmp_path, "speak.py", "Hello", "there.", sound=sound_server)
        heard = recorder.finish().sound()
    assert (done.stderr, done.returncode) == (b"", 0)
    match = re.fullmatch(
        rb"spoke (\d\.\d\d) s, first sound \d+\.\d+ ms after the request\n", done.stdout
    )
    assert 0.3 < heard.audible_s <= float(match[1])


def test_without_a_device_it_prints_an_error(tmp_path):
    done = run_example(tmp_path, "speak.py")
    assert done.stdout == b""
    assert b"device" in done.stderr
    assert done.returncode == 6
