from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.codecs.containers import wav
from tests.codecs.samples import encoded
from tests.codecs.signals import noise

EXAMPLE = Path(__file__).parents[2] / "examples" / "decode_async.py"


def run(data):
    return subprocess.run(
        [sys.executable, str(EXAMPLE)],
        input=data,
        capture_output=True,
        env={"PYTHONPATH": str(EXAMPLE.parents[1])},
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("codec", ["opus", "mp3", "flac"])
def test_it_reports_the_length_of_a_stream(codec):
    done = run(encoded(codec, 48_000))
    assert done.stderr == b""
    assert done.stdout.startswith(b"1.000 s in ")
    assert done.returncode == 0


def test_it_reports_the_fault_and_the_length_before_it():
    done = run(wav(noise(24_000))[:-24_000])
    assert done.stderr.startswith(b"after 0.500 s: the WAV data ends 24000 bytes short")
    assert done.returncode == 5
