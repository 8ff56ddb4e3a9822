"""Speech requests through the proxy, by the real client."""

from __future__ import annotations

import contextlib
import random
import time

from voicecli.bench.network.profiles import Network
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource

KEY = "sk-0123456789abcdef"
AUDIO = random.Random(1).randbytes(100_000)
NOTHING = Network("nothing")


@contextlib.contextmanager
def client(url, proxy, **limits):
    opened = SpeechClient(url, KEY, proxy=proxy.url, **limits)
    try:
        yield opened
    finally:
        opened.close()


def source(opened):
    return OpenAISource(opened, SpeechRequest("Hello.", "alloy", "tts-1", "pcm"))


class Times:
    """Records when a connection was made and when the request left."""

    def __init__(self):
        self.connected_at = []
        self.sent_at = []

    def connected(self):
        self.connected_at.append(time.monotonic())

    def sent(self):
        self.sent_at.append(time.monotonic())


def read(url, proxy, **limits):
    with client(url, proxy, **limits) as opened, source(opened).open() as speech:
        return b"".join(speech)
