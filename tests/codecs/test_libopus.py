"""Where libopus is found, and what it rejects."""

from __future__ import annotations

import subprocess
import sys

import pytest

from voicecli.codecs import libopus


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_opus_works_without_a_system_libopus():
    done = run(
        "import ctypes.util\n"
        "asked = []\n"
        "ctypes.util.find_library = nowhere = lambda name: asked.append(name)\n"
        "from voicecli.codecs import make_decoder, preload\n"
        "preload('opus'); make_decoder('opus')\n"
        "assert ctypes.util.find_library is nowhere, 'left behind'\n"
        "assert asked == [], asked\n"
        "from voicecli.codecs.libopus import version\n"
        "print(version())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("libopus ")


NO_BUNDLE = (
    "import importlib.util, ctypes.util\n"
    "find = importlib.util.find_spec\n"
    "importlib.util.find_spec = lambda name, *rest: None if name == 'av' else find(name, *rest)\n"
)


def test_opus_works_with_the_system_libopus_alone():
    # The wheel's own file stands in for the system's libopus.
    path = libopus.bundled_with_av()
    done = run(
        NO_BUNDLE
        + f"ctypes.util.find_library = lambda name: {path!r} if name == 'opus' else None\n"
        "from voicecli.codecs import make_decoder\n"
        "make_decoder('opus').feed(b'')\n"
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_libopus_is_explained():
    done = run(
        NO_BUNDLE + "ctypes.util.find_library = nowhere = lambda name: None\n"
        "from voicecli.codecs import AutoDecoder, make_decoder, preload\n"
        "from voicecli.codecs.encoding import make_encoder\n"
        "from voicecli.errors import UnsupportedFormat\n"
        "from tests.codecs.containers import opus_head, page\n"
        "for call in (lambda: preload('opus'), lambda: make_encoder('opus', 24000, 1),\n"
        "             lambda: AutoDecoder().feed(page([opus_head()], flags=2))):\n"
        "    try:\n"
        "        call()\n"
        "    except UnsupportedFormat as fault:\n"
        "        assert fault.message.startswith('Opus needs libopus, which was not found')\n"
        "        assert 'libopus0' in fault.remedy\n"
        "    else:\n"
        "        raise SystemExit('nothing raised')\n"
        "assert ctypes.util.find_library is nowhere\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_bundled_library_is_found_without_importing_pyav(monkeypatch):
    assert libopus.bundled_with_av() is not None
    monkeypatch.setattr(libopus.importlib.util, "find_spec", lambda _: None)
    assert libopus.bundled_with_av() is None


def test_a_pyav_without_libopus_has_no_bundled_library(monkeypatch, tmp_path):
    spec = type("Spec", (), {"origin": str(tmp_path / "av" / "__init__.py")})
    monkeypatch.setattr(libopus.importlib.util, "find_spec", lambda _: spec)
    assert libopus.bundled_with_av() is None
    mac = tmp_path / "av" / ".dylibs" / "libopus.0.dylib"
    mac.parent.mkdir(parents=True)
    mac.touch()
    assert libopus.bundled_with_av() == str(mac)


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 1), (48_000, 3), (48_000, 0)])
def test_rates_and_channels_that_libopus_lacks_are_refused(rate_hz, channels):
    with pytest.raises(ValueError, match="libopus cannot decode"):
        libopus.OpusPacketDecoder(rate_hz, channels)
