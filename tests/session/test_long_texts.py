"""Long texts are spoken whole and in order, and read no further ahead than needed."""

from __future__ import annotations

import time
from itertools import count

import numpy as np
import pytest

from tests.support.speech_server import SpeechServer
from tests.support.spoken_tones import REFUSALS, SpokenTones
from voicecli import Engine, Output, OutputSettings
from voicecli.config.endpoint import Endpoint
from voicecli.telemetry.events import Decoded
from voicecli.text.grouping import Grouping

SILENT = OutputSettings(output="discard")
PACED = OutputSettings(output="null")
LIMIT = 4096
READ_AHEAD = 250_000
"""Characters that may be read before they are spoken: the reader's, a request's, a slice."""


@pytest.fixture
def server():
    with SpeechServer() as running:
        running.speak = SpokenTones(seconds_per_character=0.001)
        yield running


def endpoint_of(server, most=None):
    return Endpoint(
        base_url=server.url, api_key="none", key_variable=None, reason="test", profile=None,
        model="tts-1", voice="alloy", max_input_chars=most,
    )  # fmt: skip


def story(characters):
    """Return numbered sentences in paragraphs of six."""
    text, number = "", 0
    while len(text) < characters:
        text += "\n\n" if number and number % 6 == 0 else " " if number else ""
        text += f"Line {number} of this long story says what the tide does at the coast."
        number += 1
    return text


class Listener:
    """Keeps the samples that are played."""

    def __init__(self):
        self.blocks = []

    def __call__(self, event):
        if isinstance(event, Decoded):
            self.blocks.append(event.pcm.samples[:, 0])

    @property
    def samples(self):
        return np.concatenate(self.blocks)


@pytest.mark.no_cover  # thousands of times the same lines
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_text_beyond_the_servers_limit_is_spoken_whole_and_in_order(server, refusal):
    text, listener = story(60_000), Listener()
    server.speak = spoken = SpokenTones(seconds_per_character=0.001, most=LIMIT, refusal=refusal)
    output = Output(SILENT)
    with Engine(endpoint_of(server, 100_000), output=output, grouping=Grouping.WHOLE) as engine:
        assert engine.say(text, observers=[listener]).wait(60).error is None
        lengths = [len(request.json["input"]) for request in server.requests]
        assert lengths[0] > LIMIT, "nothing was refused"
        assert sum(length > LIMIT for length in lengths) <= 3  # those that left before it was known
        assert np.array_equal(listener.samples, spoken.samples(text))
        server.requests.clear()
        assert engine.say(text).wait(60).error is None
    assert all(len(request.json["input"]) <= LIMIT for request in server.requests)


@pytest.mark.no_cover  # thousands of times the same lines
@pytest.mark.parametrize("grouping", list(Grouping))
def test_every_grouping_speaks_a_long_text_whole(server, grouping):
    text, listener = "\n\n".join(["It is so. " * 150] * 3), Listener()
    with Engine(base_url=server.url, output=Output(SILENT), grouping=grouping) as engine:
        pieces = (text[at : at + 50] for at in range(0, len(text), 50))
        assert engine.say(pieces, observers=[listener]).wait(60).error is None
    assert len(listener.samples) == len(server.speak.samples(text.strip()))


def test_a_long_text_that_is_there_at_once_begins_as_soon_as_a_short_one(server):
    """What has been read when the first request leaves is a small part of it."""
    text, length = story(60_000), 0
    with Engine(base_url=server.url, output=Output(PACED)) as engine:
        playback = engine.say(text)
        while not server.requests:
            time.sleep(0.001)
        length, (_, known) = len(server.requests[0].json["input"]), playback.sentences
        playback.stop()
    assert length < 100
    assert known < 100


@pytest.mark.parametrize(
    "piece", ["A sentence that is spoken. ", "no end of it ", "x" * 100, "**a** `b` | c |\n"]
)
def test_a_pipe_that_outruns_the_speech_is_left_to_fill(server, piece):
    server.speak = SpokenTones()
    read = count()

    def endless():
        while True:
            next(read)
            yield piece

    with Engine(base_url=server.url, output=Output(PACED)) as engine:
        playback = engine.say(endless())
        while playback.heard_s < 0.5:
            time.sleep(0.01)
        before = next(read)
        time.sleep(0.3)
        assert (next(read) - before) * len(piece) < 5_000  # no faster than it is spoken
        playback.stop()
    assert next(read) * len(piece) < READ_AHEAD
