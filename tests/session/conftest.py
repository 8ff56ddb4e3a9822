from __future__ import annotations

import pytest

from tests.session.fakes import voice_threads
from voicecli.codecs.decoding import auto
from voicecli.session import session


@pytest.fixture(autouse=True)
def _short_ticks(monkeypatch):
    """Changes without a message (the clock moved) are noticed at once."""
    monkeypatch.setattr(session, "TICK_S", 0.002)


@pytest.fixture(autouse=True)
def _all_joined():
    yield
    assert voice_threads() == set()


@pytest.fixture
def decoder(monkeypatch):
    """Decoders that follow a script: what each `feed` and `flush` returns or raises."""

    def script(*streams):
        left = [list(steps) for steps in streams]
        fed = []

        class Scripted:
            name = "scripted"

            def __init__(self, **_):
                self._steps = left.pop(0)
                self._ended = False

            @property
            def pending(self):
                return self._ended and bool(self._steps)

            def feed(self, data):
                fed.append(data)
                return self._next()

            def flush(self):
                self._ended = True
                return self._next() if self._steps else []

            def _next(self):
                step = self._steps.pop(0)
                if isinstance(step, Exception):
                    raise step
                return step

        monkeypatch.setattr(auto, "AutoDecoder", Scripted)
        return fed

    return script
