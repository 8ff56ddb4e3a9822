"""The peak memory of a process that plays a hostile file: less than 150 MB, whatever it holds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.codecs.bombs import aac_bomb, flac_bomb, mp3_bomb, opus_bomb, surround_bomb, wav_bomb

LIMIT_KB = 150 << 10

# A process inherits the peak of the one that forks it, so a small one stands between.
MEASURE = """
import resource, subprocess, sys
command = [sys.argv[1], "-m", "voicecli", "play", "--no-play", sys.argv[2]]
status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

HOSTILE = {
    "flac": lambda: flac_bomb(60).data,  # 63 MB of int16, twice as much as float32
    "opus": lambda: opus_bomb(12).data,
    "surround.opus": lambda: surround_bomb(10).data,
    "mp3": lambda: mp3_bomb(8_000).data,
    "aac": lambda: aac_bomb(6_000).data,
    "wav": lambda: wav_bomb().data,
    "tags.mp3": lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(200 << 20),
    "nothing": lambda: bytes(200 << 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_playing_takes_less_than_150_mb(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name]())
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = [sys.executable, "-c", MEASURE, sys.executable, str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    status, peak_kb = map(int, done.stdout.split())
    assert status in (0, 5)
    assert peak_kb < LIMIT_KB
