"""Servers that break in the middle of a text: nothing is lost, and little is said twice."""

from __future__ import annotations

import random
import socket
import threading
import time

import numpy as np
import pytest

from tests.support.sound_server import RATE_HZ
from tests.support.speech_server import Reply, SpeechServer
from tests.support.spoken_tones import SpokenTones, pitch_hz, pitches
from voicecli import Engine, Output, OutputSettings
from voicecli.config.endpoint import Endpoint
from voicecli.telemetry.events import Decoded, Replaced
from voicecli.text.grouping import Grouping

SENTENCES = [f"This is number {n} of the eight." for n in range(8)]
TEXT = " ".join(SENTENCES)
SECONDS_PER_CHARACTER = 0.06


def tones(**settings):
    return SpokenTones(
        seconds_per_character=SECONDS_PER_CHARACTER, gap_s=0.3, tail_s=0.1, **settings
    )


@pytest.fixture
def server():
    with SpeechServer() as running:
        running.speak = tones()
        yield running


@pytest.fixture
def spare():
    with SpeechServer() as running:
        running.speak = tones()
        yield running


def endpoint_at(url):
    return Endpoint(
        base_url=url, api_key="none", key_variable=None, reason="test", profile=None,
        model="tts-1", voice="alloy",
    )  # fmt: skip


class Listener:
    """Keeps the samples that are played, and what was replaced."""

    def __init__(self):
        self.blocks, self.replaced = [], []

    def __call__(self, event):
        if isinstance(event, Decoded):
            self.blocks.append(event.pcm.samples[:, 0])
        elif isinstance(event, Replaced):
            self.replaced.append(event)

    def heard(self):
        """Return the number and the seconds of each sentence that is heard, in order."""
        numbers = {round(pitch_hz(sentence)): n for n, sentence in enumerate(SENTENCES)}
        found = []
        sound = np.concatenate(self.blocks).repeat(RATE_HZ // 24_000)
        for pitch in pitches(sound, min_s=0.03):
            nearest = min(numbers, key=lambda hz: abs(hz - pitch.hz))
            found.append((numbers[nearest], pitch.ends_s - pitch.starts_s))
        return found


def check_whole(heard, breaks=1):
    """Check that each sentence was said to its end, in order, and none again without a break."""
    order = [number for number, _ in heard]
    assert order == sorted(order)
    for number, sentence in enumerate(SENTENCES):
        lengths_s = [length_s for each, length_s in heard if each == number]
        whole_s = len(sentence) * SECONDS_PER_CHARACTER
        assert lengths_s, f"sentence {number} is lost"
        assert max(lengths_s) > whole_s - 0.08, f"sentence {number} is cut"
        # `pitches` joins a sentence that is said twice in a row.
        most_s = (1 + breaks) * (whole_s + 0.08)
        assert sum(lengths_s) < most_s, f"sentence {number} is said again and again"


def say(engine):
    listener = Listener()
    result = engine.say(TEXT, observers=[listener]).wait(30)
    return result, listener


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("grouping", [Grouping.AUTO, Grouping.WHOLE])
def test_nothing_is_lost_though_the_server_breaks_again_and_again(server, grouping, seed):
    rng = random.Random(seed)
    server.queued.extend(
        Reply(cut_at=rng.random(), reset=rng.random() < 0.5, chunk_bytes=1000)
        if rng.random() < 0.5
        else Reply()
        for _ in range(6)
    )
    with Engine(
        base_url=server.url, output=Output(OutputSettings(output="discard")), grouping=grouping
    ) as engine:
        result, listener = say(engine)
    assert result.error is None
    check_whole(listener.heard(), len(listener.replaced))


def test_a_second_server_speaks_the_rest(server, spare):
    server.queued.append(Reply(cut_at=0.4, chunk_bytes=1000))

    def refuse(_):
        return Reply(status=503, body=b"{}", content_type="application/json")

    spoken = server.speak
    server.speak = lambda fields: refuse(fields) if len(server.requests) > 1 else spoken(fields)
    with Engine(
        base_url=server.url,
        fallback=[endpoint_at(spare.url)],
        output=Output(OutputSettings(output="discard")),
        grouping=Grouping.WHOLE,
    ) as engine:
        result, listener = say(engine)
    assert result.error is None
    check_whole(listener.heard())
    assert [(each.failed, each.label) for each in listener.replaced] == [
        (server.url, server.url),
        (server.url, spare.url),
    ]
    assert spare.requests


def test_without_recovery_what_arrived_is_played_and_the_run_fails(server):
    server.queued.append(Reply(cut_at=0.5))
    with Engine(
        base_url=server.url,
        recovers=False,
        output=Output(OutputSettings(output="discard")),
        grouping=Grouping.WHOLE,
    ) as engine:
        result, listener = say(engine)
    assert result.error is not None
    assert 2 <= len(listener.heard()) <= 5


def test_a_server_that_is_restarted_is_waited_for():
    with SpeechServer() as first:
        first.speak = tones()
        port = first.port
        first.queued.append(Reply(cut_at=0.5, chunk_bytes=1000))
        replaced = threading.Event()
        listener = Listener()

        def watch(event):
            listener(event)
            if isinstance(event, Replaced):
                replaced.set()

        engine = Engine(
            base_url=first.url,
            output=Output(OutputSettings(output="discard")),
            grouping=Grouping.WHOLE,
        )
        first.speak = lambda fields: (first._http.socket.close(), tones()(fields))[1]
        playback = engine.say(TEXT, observers=[watch])
        assert replaced.wait(10)
    time.sleep(0.7)
    with SpeechServer(port=port) as second:
        second.speak = tones()
        result = playback.wait(30)
        engine.close()
    assert result.error is None
    check_whole(listener.heard())


def test_a_dead_endpoint_is_waited_for_once(spare):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    with Engine(
        base_url=dead,
        fallback=[endpoint_at(spare.url)],
        output=Output(OutputSettings(output="discard")),
    ) as engine:
        for attempt in range(2):
            result, listener = say(engine)
            assert result.error is None
            check_whole(listener.heard())
            assert bool(listener.replaced) == (attempt == 0)
