from __future__ import annotations

import pytest

from tests.playback.clocks import virtual_clock
from tests.playback.fakes import FakePortAudio
from tests.playback.rig import KINDS, Rig
from voicecli.playback import portaudio as device_module


@pytest.fixture
def clock():
    """Virtual time; the threads of the test end with it."""
    with virtual_clock() as clock:
        yield clock


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def _portaudio_in_place(monkeypatch):
    """Faults are named by the library's class, whichever rig is in use."""
    monkeypatch.setattr(device_module, "_portaudio", FakePortAudio)


@pytest.fixture
def rig(kind, clock):
    return Rig(kind, clock)
