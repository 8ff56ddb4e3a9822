from __future__ import annotations

import pytest

from tests.session.fakes import voice_threads
from voicecli.session import session


@pytest.fixture(autouse=True)
def _short_ticks(monkeypatch):
    """Changes without a message (the clock moved) are noticed at once."""
    monkeypatch.setattr(session, "TICK_S", 0.002)


@pytest.fixture(autouse=True)
def _all_joined():
    yield
    assert voice_threads() == set()
