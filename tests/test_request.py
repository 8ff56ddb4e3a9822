from __future__ import annotations

import dataclasses

import pytest

from voicecli.request import SpeechRequest


def test_an_utterance_says_only_what_was_asked():
    request = SpeechRequest("Hello.", "alloy", "tts-1", "opus")
    assert (request.speed, request.instructions, dict(request.extra_body)) == (None, None, {})


def test_an_utterance_cannot_change_on_its_way():
    request = SpeechRequest("Hello.", "alloy", "tts-1", "opus")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.text = "Bye."
    with pytest.raises(TypeError):
        request.extra_body["stream"] = True
