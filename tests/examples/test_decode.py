from __future__ import annotations

import pytest

from tests.codecs.containers import wav
from tests.codecs.samples import encoded
from tests.codecs.signals import noise
from tests.examples.running import run_example


@pytest.mark.parametrize("codec", ["opus", "mp3", "flac"])
def test_it_prints_format_and_duration(tmp_path, codec):
    done = run_example(tmp_path, "decode.py", input=encoded(codec, 48_000))
    assert (done.stderr, done.returncode) == (b"", 0)
    assert done.stdout.startswith(f"{codec}: 1.000 s, AudioFormat(rate_hz=48000".encode())


def test_it_prints_the_error_and_the_audio_before_it(tmp_path):
    done = run_example(tmp_path, "decode.py", input=wav(noise(24_000))[:-24_000])
    assert done.stderr.startswith(b"after 0.500 s: ")
    assert b"24000 bytes" in done.stderr
    assert (done.stdout, done.returncode) == (b"", 5)
