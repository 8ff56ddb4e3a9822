from __future__ import annotations

import dataclasses

import pytest

from voicecli.request import SpeechRequest


def test_optional_fields_are_left_out():
    request = SpeechRequest("Hello.", "alloy", "tts-1", "opus")
    assert (request.speed, request.instructions, dict(request.extra_body)) == (None, None, {})


def test_a_request_is_immutable():
    request = SpeechRequest("Hello.", "alloy", "tts-1", "opus")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.text = "Bye."
    with pytest.raises(TypeError):
        request.extra_body["stream"] = True
