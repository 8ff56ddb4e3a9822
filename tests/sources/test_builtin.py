from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from voicecli.errors import ConfigError, ExitStatus, NothingToSay, SourceError
from voicecli.request import SpeechRequest
from voicecli.sources.base import SourceInfo
from voicecli.sources.builtin import BuiltinSource
from voicecli.sources.phrases import plain_digits
from voicecli.sources.voicecache import VoiceCache

HEART = "heart"


def request(text, voice=HEART, speed=None):
    return SpeechRequest(text=text, voice=voice, model="hibari", response_format="pcm", speed=speed)


def speak(voices, text, **settings):
    with BuiltinSource(request(text, **settings), voices).open() as response:
        return list(response)


class Altered:
    """A voice some of whose methods are replaced."""

    def __init__(self, voice, **parts):
        self._voice, self._parts = voice, parts

    def __getattr__(self, name):
        return self._parts.get(name) or getattr(self._voice, name)


def cache_of(voice):
    cache = VoiceCache()
    cache._voices[HEART] = voice
    return cache


def samples(chunks):
    return np.frombuffer(b"".join(chunks), "<i2")


def test_speaks_audibly_in_chunks_of_half_a_second_at_most(voices):
    chunks = speak(voices, "Hello there, this is a test of the built-in voice.")
    assert len(chunks) > 3
    assert all(0 < len(chunk) <= 24_000 and len(chunk) % 2 == 0 for chunk in chunks)
    sound = samples(chunks)
    assert 2 < len(sound) / 24_000 < 6
    assert np.abs(sound.astype(int)).max() > 3000


def test_describes_its_bytes(voices):
    source = BuiltinSource(request("Hi."), voices)
    info = source.open().info
    assert info == SourceInfo("pcm", "audio/pcm;rate=24000;channels=1", 24_000, 1)
    assert source.label == "builtin"


@pytest.mark.parametrize("prepares", [True, False])
def test_the_voice_is_loaded_once_at_the_latest_on_opening(prepares):
    class Counting(VoiceCache):
        loaded = ()

        def load(self, name, spawn=None):
            self.loaded += (name,)
            return object()

    cache = Counting()
    source = BuiltinSource(request("Hi."), cache)
    assert not source.sends_request
    if prepares:
        source.prepare()
        assert cache.loaded == ("heart",)
    source.open()
    source.open()
    assert cache.loaded == ("heart",)


def test_same_request_gives_the_same_bytes(voices):
    assert speak(voices, "Same again.") == speak(voices, "Same again.")


def test_sentences_follow_one_another_whole(voices):
    one, two = samples(speak(voices, "The first one.")), samples(speak(voices, "And a second."))
    both = samples(speak(voices, "The first one. And a second."))
    assert np.array_equal(both[: len(one)], one)
    # The second, spoken alone, lost the silence that is a pause when another comes before it.
    pause = both[len(one) : len(both) - len(two)]
    assert np.array_equal(both[len(both) - len(two) :], two)
    assert 0.1 < len(pause) / 24_000 < 0.6
    assert np.abs(pause.astype(int)).max() < 100


def test_speech_begins_within_a_tenth_of_a_second(voices):
    for text in ("Hello there.", "Yes.", "So what?", "Five thousand."):
        sound = np.abs(samples(speak(voices, text)).astype(int))
        onset = int(np.argmax(sound > 600))
        assert onset / 24_000 < 0.12
        assert sound[:120].max() < 300  # nothing was cut into: it rises from near silence


def test_a_voice_that_is_silent_throughout_is_left_as_it_is():
    class Mute:
        def split_sentences(self, text):
            return [text]

        def g2p(self, text):
            return "a"

        def ids(self, phonemes):
            return [0, 1, 0]

        def from_ids(self, ids, speed, rng):
            return np.zeros(1000, np.float32)

    assert len(samples(speak(cache_of(Mute()), "Shh."))) == 1000


def test_speed_shortens_and_lengthens(voices):
    text = "Speed is a matter of taste."
    lengths = [len(samples(speak(voices, text, speed=speed))) for speed in (0.5, None, 2.0)]
    assert lengths[0] > 1.5 * lengths[1] > 1.5 * 1.3 * lengths[2]


@pytest.mark.parametrize("speed", [0.1, 4.5, float("nan")])
def test_speed_out_of_range_is_refused(voices, speed):
    with pytest.raises(ConfigError, match=r"0\.25 to 4"):
        BuiltinSource(request("Hi.", speed=speed), voices).prepare()


@pytest.mark.slow
@pytest.mark.parametrize("text", ["你好。再见。", "Привет мир", "Καλημέρα κόσμε"])
def test_text_in_other_scripts_is_an_error_that_mentions_english(voices, text):
    with pytest.raises(NothingToSay, match="English") as caught:
        speak(voices, text)
    assert caught.value.exit_status == ExitStatus.USAGE


@pytest.mark.parametrize("text", ["😀 🎉", "*", "…!!!", "\x00\x07", "   "])
def test_text_without_words_is_an_error_that_does_not(voices, text):
    with pytest.raises(NothingToSay, match="nothing to say in the text"):
        speak(voices, text)


def test_words_in_other_scripts_are_left_out(voices):
    assert speak(voices, "Hello 你好 world.") == speak(voices, "Hello world.")


@pytest.mark.parametrize(
    ("text", "as_if"),
    [("H₂O", "H2O"), ("① to ⑨", "1 to 9"), ("10⁷ and m² is ٣", "107 and m² is ٣")],
)
def test_digits_that_are_not_decimals_are_spoken(voices, text, as_if):
    assert plain_digits(text) == as_if
    assert speak(voices, text) == speak(voices, as_if)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["a-" * 250, "9" * 500])
def test_long_runs_without_spaces_are_spoken_in_parts(voices, run):
    with BuiltinSource(request(run), voices).open() as response:
        assert len(next(iter(response)))


def test_unspeakable_sentences_between_others_are_left_out(voices):
    assert speak(voices, "Hello there.\n😀\n!!!\nGoodbye.") == speak(
        voices, "Hello there.\nGoodbye."
    )


def test_the_next_sentence_is_not_read_before_the_first_is_spoken(voices):
    seen = []
    voice = voices.load(HEART)
    spy = Altered(voice, g2p=lambda text: seen.append(text) or voice.g2p(text))
    source = BuiltinSource(request("One is first. Two is later."), cache_of(spy))
    next(iter(source.open()))
    assert seen == ["One is first."]


def test_cancel_stops_between_chunks(voices):
    source = BuiltinSource(request("This sentence is long enough for several chunks."), voices)
    with source.open() as response:
        chunks = iter(response)
        next(chunks)
        thread = threading.Thread(target=source.cancel)
        thread.start()
        thread.join()
        source.cancel()
        assert list(chunks) == []


def test_cancelled_before_the_first_sentence_it_is_silent(voices):
    source = BuiltinSource(request("Hello."), voices)
    with source.open() as response:
        source.cancel()
        assert list(response) == []


def test_a_page_without_a_full_stop_is_spoken_in_parts(voices):
    voice = voices.load(HEART)
    asked = []
    spy = Altered(
        voice, from_ids=lambda ids, speed, rng: asked.append(len(ids)) or np.zeros(5, "f4")
    )
    assert len(speak(cache_of(spy), "word 1234567 " * 200)) == len(asked)
    assert len(asked) > 5
    assert max(asked) <= 402  # the network's limit and a pad at either end


@pytest.mark.parametrize("part", ["g2p", "from_ids"])
@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (RuntimeError("bad\x1b[2J model"), SourceError, "failed: bad model"),
        (KeyError(), SourceError, "failed: KeyError"),
        (MemoryError(), ConfigError, "too little memory"),
    ],
)
def test_a_failure_of_the_voice_is_an_error_of_ours(voices, part, error, kind, message):
    def fail(*args):
        raise error

    with pytest.raises(kind, match=message):
        speak(cache_of(Altered(voices.load(HEART), **{part: fail})), "Hello.")


def test_import_brings_no_numpy():
    script = (
        "import sys, voicecli.sources.builtin\n"
        "print(sorted({'numpy', 'onnxruntime', 'hibari', 'openai'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


_THREE_LONG_REQUESTS = """
import resource, threading
from voicecli.request import SpeechRequest
from voicecli.sources.builtin import BuiltinSource
from voicecli.sources.voicecache import VoiceCache

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def speak(text):
    request = SpeechRequest(text, "heart", "hibari", "pcm")
    for _ in BuiltinSource(request, voices).open():
        pass

voices = VoiceCache()
voices.load("heart")
speak("Hello there.")
before = peak_mb()
texts = ["hello there my friend " * 60, "ab" * 400, "abc123/" * 60]
threads = [threading.Thread(target=speak, args=(text,)) for text in texts]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(peak_mb() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the C library decides")
def test_long_texts_without_a_full_stop_take_little_memory():
    run = subprocess.run(
        [sys.executable, "-c", _THREE_LONG_REQUESTS], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 140
