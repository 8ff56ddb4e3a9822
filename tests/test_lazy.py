from __future__ import annotations

import subprocess
import sys

import pytest

import voicecli
from voicecli import streams

PACKAGES = [voicecli, streams]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_loaded_on_first_use_and_kept(package):
    for name in package.__all__:
        value = getattr(package, name)
        assert name in {"__version__", getattr(value, "__name__", None)}
        assert vars(package)[name] is value
    assert dir(package) == sorted(package.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute"):
        package.AudioMixer  # noqa: B018


@pytest.mark.parametrize(
    "code", ["import voicecli; dir(voicecli)", "import voicecli.streams as s; s.StreamBuffer"]
)
def test_importing_a_package_loads_nothing_heavy(code):
    code += "; import sys; print({'numpy', 'av', 'opuslib', 'sounddevice'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
