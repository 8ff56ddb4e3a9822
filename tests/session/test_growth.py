"""What a session holds does not grow with the sound: less than 5 MB an hour, in small chunks."""

from __future__ import annotations

import tracemalloc

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
MINUTES = 6
MB_PER_HOUR = 5


class LongSpeech:
    """Sends minutes of speech in chunks of 20 ms, and measures memory as it goes."""

    label = "a long speech"
    sends_request = False

    def __init__(self) -> None:
        self.held_bytes: list[int] = []

    def prepare(self) -> None:
        """Do nothing."""

    def cancel(self) -> None:
        """Do nothing."""

    def open(self, events=None) -> Response:
        return Response(SourceInfo("pcm", None, RATE_HZ, 1), self._chunks())

    def _chunks(self):
        for _ in range(MINUTES):
            for _ in range(round(60 / CHUNK_S)):
                yield CHUNK
            self.held_bytes.append(tracemalloc.get_traced_memory()[0])


def test_an_hour_of_speech_takes_less_than_5_mb():
    source, clock = LongSpeech(), FakeClock()
    clock.waits = type("Forgetful", (), {"append": lambda *_: None})()
    recorder = Recorder("run1")
    session = Session(null_output(), settings(), clock=clock, observers=[recorder, SpokenText()])
    tracemalloc.start()
    try:
        result = session.run([source])
    finally:
        tracemalloc.stop()
    assert result.state is State.DONE
    assert recorder.audio_s == pytest.approx(MINUTES * 60)
    assert recorder.result()["chunks"] == MINUTES * 60 / CHUNK_S
    settled, end = source.held_bytes[0], source.held_bytes[-1]
    assert (end - settled) / (MINUTES - 1) * 60 < MB_PER_HOUR * 1e6
