from __future__ import annotations

import subprocess
import sys

import pytest

from voicecli import streams


def test_every_public_name_is_there():
    for name in streams.__all__:
        assert getattr(streams, name).__name__ == name
    assert dir(streams) == sorted(streams.__all__)


def test_no_other_name_is():
    with pytest.raises(AttributeError, match="AudioMixer"):
        streams.AudioMixer  # noqa: B018


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = (
        "import sys, voicecli.streams as s; s.StreamBuffer;"
        "print({'numpy', 'av', 'opuslib', 'sounddevice'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
