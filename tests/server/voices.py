"""Voices that do as told, and the application over them."""

from __future__ import annotations

import threading

import numpy as np

from voicecli.server.app import make_app
from voicecli.server.catalogue import Catalogue
from voicecli.sources.voicecache import VoiceCache
from voicecli.sources.voices import VoiceInfo

SENTENCE_FRAMES = 2400


class Tone:
    """A tenth of a second for each sentence: its number, as a level. Sentences end with '|'."""

    def __init__(self, before=None):
        self.spoken = 0
        self._before = before or (lambda number: None)

    def split_sentences(self, text):
        return [part for part in text.split("|") if part]

    def g2p(self, text):
        return text

    def ids(self, phonemes):
        return list(phonemes)

    def from_ids(self, ids, speed, rng):
        self._before(self.spoken)
        self.spoken += 1
        frames = round(SENTENCE_FRAMES / speed)
        return np.full(frames, self.spoken / 100, np.float32)


class Gate:
    """Lets a voice speak its sentences up to a number, then has it wait."""

    def __init__(self, open_until):
        self._open = threading.Condition()
        self._until = open_until
        self.waiting = threading.Event()

    def __call__(self, number):
        with self._open:
            if number >= self._until:
                self.waiting.set()
            assert self._open.wait_for(lambda: number < self._until, 20)

    def open(self):
        with self._open:
            self._until = 10**9
            self._open.notify_all()


def cache_of(voice):
    cache = VoiceCache()
    cache._voices["heart"] = voice
    return cache


CATALOGUE = Catalogue({"heart": VoiceInfo("heart", None, "en-US", "American, female")})


class Told:
    """What an application told whoever runs it."""

    def __init__(self):
        self.access, self.lines, self.defects = [], [], []


def app_of(voice=None, **settings):
    told = Told()
    app = make_app(
        CATALOGUE, cache_of(voice or Tone()),
        access=told.access.append, tell=told.lines.append, on_defect=told.defects.append,
        **settings,
    )  # fmt: skip
    return app, told
