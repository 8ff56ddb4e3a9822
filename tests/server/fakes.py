"""A voice without a network, and the application with it."""

from __future__ import annotations

import threading

import numpy as np

from voicecli.server.app import AppOptions, make_app
from voicecli.server.catalogue import Catalogue
from voicecli.sources.voicecache import VoiceCache
from voicecli.sources.voices import VoiceInfo

SENTENCE_FRAMES = 2400
CATALOGUE = Catalogue({"heart": VoiceInfo("heart", "Heart", "en-US", "American, female")})


class FakeVoice:
    """Speaks each sentence as 0.1 s of its number as a level. Sentences end with '|'."""

    def __init__(self, before_sentence=None, sentence_frames=SENTENCE_FRAMES):
        self.sentences = 0
        self.spoken = []
        self._frames = sentence_frames
        self._before_sentence = before_sentence or (lambda number: None)

    def split_sentences(self, text):
        return [part for part in text.split("|") if part]

    def g2p(self, text):
        return text

    def ids(self, phonemes):
        return list(phonemes)

    def from_ids(self, ids, speed, rng):
        self._before_sentence(self.sentences)
        self.spoken.append("".join(ids))
        self.sentences += 1
        return np.full(round(self._frames / speed), self.sentences / 100, np.float32)


class Gate:
    """Lets a voice speak its first ``count`` sentences, and the rest once opened."""

    def __init__(self, count):
        self.is_waiting = threading.Event()
        self._count = count
        self._opened = threading.Event()

    def __call__(self, number):
        if number >= self._count:
            self.is_waiting.set()
            assert self._opened.wait(20)

    def open(self):
        self._opened.set()


def cache_of(voice):
    cache = VoiceCache()
    cache._voices["heart"] = voice
    return cache


class Log:
    """What an application reported."""

    def __init__(self):
        self.access, self.lines, self.errors = [], [], []


def app_of(voice=None, **options):
    log = Log()
    app = make_app(
        CATALOGUE,
        cache_of(voice or FakeVoice()),
        AppOptions(**options),
        log_access=log.access.append,
        log=log.lines.append,
        on_error=log.errors.append,
    )
    return app, log
