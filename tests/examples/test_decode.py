from __future__ import annotations

import pytest

from tests.codecs.streams import encoded, noise, wav
from tests.examples.running import run_example


@pytest.mark.parametrize("codec", ["opus", "mp3", "flac"])
def test_it_tells_what_a_stream_was(tmp_path, codec):
    done = run_example(tmp_path, "decode.py", input=encoded(codec, 48_000))
    assert (done.stderr, done.returncode) == (b"", 0)
    assert done.stdout.startswith(f"{codec}: 1.000 s, AudioFormat(rate_hz=48000".encode())


def test_it_tells_what_was_wrong_and_how_much_came_before(tmp_path):
    done = run_example(tmp_path, "decode.py", input=wav(noise(24_000))[:-24_000])
    assert done.stderr.startswith(b"after 0.500 s: the WAV data ended 24000 bytes short")
    assert (done.stdout, done.returncode) == (b"", 5)
