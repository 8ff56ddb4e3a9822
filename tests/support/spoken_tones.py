"""Speech that can be checked at the recorder: a steady tone for each sentence.

Each sentence sounds as long as it would if it were read aloud. Its pitch follows from the
number in it ("Line 7 of the story."), so that a recording shows the order of sentences, and
each gap between them.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.support.recorder import RATE_HZ
from tests.support.speech_server import Clip, Reply, error
from tests.support.tones import CONTENT_TYPES, encode, tone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tests.support.tones import Format

SECONDS_PER_CHARACTER = 0.065
"""About 15 characters a second."""

BASE_HZ = 400.0
STEP_HZ = 50.0

_END = re.compile(r"(?<=[.!?])\s+")
_NUMBER = re.compile(r"\d+")

REFUSALS: dict[str, Callable[[int, int], Reply]] = {
    "openai": lambda sent, most: error(
        400,
        {
            "error": {
                "message": f"Invalid 'input': string too long. Expected a string with maximum "
                f"length {most}, but got a string with length {sent} instead.",
                "type": "invalid_request_error",
                "param": "input",
                "code": "string_above_max_length",
            }
        },
    ),
    "kokoro-fastapi": lambda sent, most: error(
        400,
        {
            "detail": {
                "error": "validation_error",
                "message": f"Input of {sent} characters is over the maximum input limit of "
                f"{most} characters.",
                "type": "invalid_request_error",
            }
        },
    ),
    "litellm": lambda sent, most: error(
        400,
        {
            "error": {
                "message": "litellm.BadRequestError: OpenAIException - "
                + json.dumps(
                    {
                        "error": {
                            "message": f"Invalid 'input': string too long. Expected a string "
                            f"with maximum length {most}, but got a string with length {sent} "
                            f"instead."
                        }
                    }
                ),
                "type": None,
                "param": None,
                "code": "400",
            }
        },
    ),
    "fastapi": lambda sent, most: error(
        422,
        {
            "detail": [
                {
                    "type": "string_too_long",
                    "loc": ["body", "input"],
                    "msg": f"String should have at most {most} characters",
                    "input": "the text, 99999 characters of it",
                    "ctx": {"max_length": most},
                }
            ]
        },
    ),
    "voicecli serve": lambda sent, most: error(
        400,
        {
            "error": {
                "message": f"'input': String should have at most {most} characters",
                "type": "invalid_request_error",
                "param": "input",
                "code": "string_above_max_length",
            }
        },
    ),
}
"""How servers refuse a text of so many characters that may have so many at most."""


def pitch_hz(sentence: str) -> float:
    """Return the pitch of a sentence, from the first number in it."""
    number = _NUMBER.search(sentence)
    return BASE_HZ + STEP_HZ * (int(number[0]) % 60 if number else 0)


class SpokenTones:
    """Reads texts as tones; the ``speak`` of a `SpeechServer`.

    ``lead_s`` and ``tail_s`` are the silence around each answer, ``gap_s`` that between
    sentences. Texts of more than ``most`` characters get the refusal of that name.
    """

    def __init__(
        self,
        *,
        seconds_per_character: float = SECONDS_PER_CHARACTER,
        lead_s: float = 0.0,
        tail_s: float = 0.0,
        gap_s: float = 0.0,
        rate_hz: int = 24_000,
        most: int | None = None,
        refusal: str = "openai",
    ) -> None:
        self.seconds_per_character = seconds_per_character
        self.lead_s = lead_s
        self.tail_s = tail_s
        self.gap_s = gap_s
        self.rate_hz = rate_hz
        self.most = most
        self.refusal = refusal
        self._clip = lru_cache(64)(self._encoded)

    def __call__(self, fields: Mapping[str, Any]) -> Clip | Reply:
        """Return the speech, or the refusal, that answers a request."""
        text = str(fields["input"])
        if self.most is not None and len(text) > self.most:
            return REFUSALS[self.refusal](len(text), self.most)
        return self._clip(text, fields.get("response_format", "mp3"))

    def samples(self, text: str) -> NDArray[np.int16]:
        """Return the sound of a text."""
        begin = np.zeros(round(self.lead_s * self.rate_hz), np.int16)
        end = np.zeros(round(self.tail_s * self.rate_hz), np.int16)
        gap = np.zeros(round(self.gap_s * self.rate_hz), np.int16)
        parts = [begin]
        for number, sentence in enumerate(_END.split(text)):
            length_s = len(sentence) * self.seconds_per_character
            sound = tone(length_s, rate_hz=self.rate_hz, frequency_hz=pitch_hz(sentence))
            parts += [gap, sound] if number else [sound]
        return np.concatenate([*parts, end])

    def _encoded(self, text: str, kind: Format) -> Clip:
        samples = self.samples(text)
        body = encode(samples, kind, rate_hz=self.rate_hz)
        return Clip(body, len(samples) / self.rate_hz, CONTENT_TYPES[kind])


class Pitch(NamedTuple):
    """A stretch of one pitch, in seconds from the first sample."""

    hz: float
    starts_s: float
    ends_s: float


def pitches(samples: NDArray[np.int16], *, min_s: float = 0.15) -> list[Pitch]:
    """Return the pitches in a recording in order; a silence does not part one pitch."""
    window, hop, bins = round(0.04 * RATE_HZ), round(0.02 * RATE_HZ), 1 << 13  # 6 Hz
    taper, heard = np.hanning(window), []
    for start in range(0, len(samples) - window, hop):
        part = samples[start : start + window].astype(np.float64)
        is_loud = np.sqrt(np.mean(part**2)) >= 0.1 * 32767
        peak = np.argmax(np.abs(np.fft.rfft(part * taper, bins))) if is_loud else 0
        heard.append(float(peak) * RATE_HZ / bins)
    found: list[Pitch] = []
    for number, hz in enumerate(heard):
        # The pitch of a window that holds the edge of a tone is uncertain.
        near = heard[max(0, number - 1) : number] + heard[number + 1 : number + 2]
        if not hz or all(abs(each - hz) > STEP_HZ / 4 for each in near):
            continue
        at_s, ends_s = number * hop / RATE_HZ, (number + 1) * hop / RATE_HZ
        if found and abs(found[-1].hz - hz) < STEP_HZ / 2:
            found[-1] = found[-1]._replace(ends_s=ends_s)
        else:
            found.append(Pitch(hz, at_s, ends_s))
    return [pitch for pitch in found if pitch.ends_s - pitch.starts_s >= min_s]
