from __future__ import annotations

import subprocess

import numpy as np

from tests.examples.running import run_example
from voicecli.streams import decode_stream


def test_a_file_that_others_read_and_that_is_as_long_as_the_sound(tmp_path):
    done = run_example(tmp_path, "encode_microphone.py", "heard.opus", "0.5")
    assert (done.stderr, done.returncode) == (b"", 0)
    data = (tmp_path / "heard.opus").read_bytes()
    # 20 ms at first, then 100 ms and what is left
    assert done.stdout == f"0.500 s in 6 pages, {len(data)} bytes\n".encode()
    judged = subprocess.run(
        ["opusinfo", str(tmp_path / "heard.opus")], capture_output=True, text=True, check=True
    )
    assert "WARNING" not in judged.stdout + judged.stderr
    sound = np.concatenate([frame.to_numpy() for frame in decode_stream([data])])
    assert len(sound) == 24_000
    spectrum = np.abs(np.fft.rfft(sound[:, 0].astype(float)))
    assert np.argmax(spectrum) * 2 == 440
