from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.speech_server import error
from voicecli.cli.short_text import SHORT_TEXT, ShortText, is_short_and_plain
from voicecli.text import grouping
from voicecli.text.segment import Segment
from voicecli.text.stage import TextStage


def sentences_of(text):
    stage = TextStage()
    return [*stage.feed(text), *stage.finish()]


def test_short_means_the_same_as_for_grouping():
    assert SHORT_TEXT == grouping.SHORT_TEXT


PLAIN = [
    "Hello.",
    "Dr. Smith (of 3.14 St.) said: “Come in!” - didn't he?",
    "Grüße!",
    "5 % off",
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_text_is_spoken_as_the_text_stage_has_it(text):
    assert is_short_and_plain(text)
    segment = ShortText(text, sentences_of)
    whole = Segment(0, tuple(sentences_of(text)))
    assert isinstance(segment, Segment)
    for name in ("number", "part", "text", "sentences", "voice", "pause_ms", "begins_paragraph",
                 "continues"):  # fmt: skip
        assert getattr(segment, name) == getattr(whole, name), name


@pytest.mark.parametrize(
    "text",
    ["", "...", "two\nlines", "*bold*", "a_b", "`x`", "# one", "- item", "[a](b)", "<think>", "🎉",
     "see www.example.org", "http://example.org", "a | b", "~~x~~", "x" * 241],
)  # fmt: skip
def test_any_other_text_goes_through_the_stage(text):
    assert not is_short_and_plain(text)


def test_sentences_are_found_once_and_late():
    asked = []

    def find(text):
        asked.append(text)
        return sentences_of(text)

    segment = ShortText("One.  Two.", find)
    assert (segment.text, asked) == ("One. Two.", [])
    assert len(segment.sentences) == len(segment.sentences) == 2
    assert asked == ["One. Two."]


def test_one_that_is_refused_for_its_length_is_split(say, server):
    server.queued.append(error(413, {"detail": "at most 40 characters, please"}))
    text = "The tide is coming in. Boats rise slowly, and then they float."
    assert say(text).exit_code == 0
    spoken = [request.json["input"] for request in server.speech_requests]
    assert spoken[0] == text
    assert len(spoken) > 2
    assert all(len(part) <= 40 for part in spoken[1:])


def test_the_text_stage_is_not_loaded_before_the_request():
    script = (
        "import sys\n"
        "from voicecli.cli import say, running, speech\n"
        "from voicecli.cli.text_input import GivenText\n"
        "from voicecli.cli.voice_endpoints import VoiceEndpoints\n"
        "from voicecli.config.endpoint import EndpointChoice, resolve_endpoint\n"
        "from voicecli.config.file import Config\n"
        "from types import SimpleNamespace\n"
        "endpoint = resolve_endpoint(EndpointChoice(), {}, Config())\n"
        "choice, config = EndpointChoice(), Config()\n"
        "endpoints = VoiceEndpoints(endpoint, choice, {}, config, notify=print)\n"
        "shared = speech.SourceContext()\n"
        "made = speech.Speech(GivenText('Hello.'), speech.Reading(), endpoints, shared)\n"
        "session = SimpleNamespace(spawn=None)\n"
        "utterance = next(iter(made.utterances(session, None)))\n"
        "assert utterance.segment.text == 'Hello.'\n"
        "print(*sorted(name for name in sys.modules if name.startswith('voicecli.text.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(done.stdout.split()) <= {"voicecli.text.segment", "voicecli.text.patterns"}
