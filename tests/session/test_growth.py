"""What a session holds does not grow with the sound: less than 5 MB an hour, in small chunks."""

from __future__ import annotations

import tracemalloc
from collections import deque
from itertools import repeat

import pytest

from tests.session.fakes import RATE_HZ, FakeClock, settings
from tests.session.outputs import null_output
from voicecli.session import Session
from voicecli.session.spoken_text import SpokenText
from voicecli.sources.base import Response, SourceInfo
from voicecli.telemetry.lifecycle import State
from voicecli.telemetry.metrics import Recorder

CHUNK_S = 0.02
CHUNK = bytes(round(RATE_HZ * CHUNK_S) * 2)
MB_PER_HOUR = 5


class LongSpeech:
    """Sends minutes of speech in chunks of 20 ms."""

    label = "a long speech"
    sends_request = False

    def __init__(self, minutes: int) -> None:
        self._chunks = round(minutes * 60 / CHUNK_S)

    def prepare(self) -> None:
        """Do nothing."""

    def cancel(self) -> None:
        """Do nothing."""

    def open(self, events=None) -> Response:
        return Response(SourceInfo("pcm", None, RATE_HZ, 1), repeat(CHUNK, self._chunks))


def held_bytes(minutes):
    """Return what a session and its observers hold after so many minutes of speech."""
    clock, recorder = FakeClock(), Recorder("run1")
    clock.waits = deque(maxlen=0)
    observers = [recorder, SpokenText()]
    session = Session(null_output(), settings(), clock=clock, observers=observers)
    tracemalloc.start()
    try:
        result = session.run([LongSpeech(minutes)])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.state is State.DONE
    assert recorder.audio_s == pytest.approx(minutes * 60)
    assert recorder.result()["chunks"] == minutes * 60 / CHUNK_S
    return held


@pytest.mark.slow
def test_an_hour_of_speech_takes_less_than_5_mb():
    held_bytes(1)  # what is loaded once
    assert (held_bytes(7) - held_bytes(1)) * 10 < MB_PER_HOUR * 1e6
