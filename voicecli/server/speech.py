"""From a request to encoded chunks; blocking work, for a worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.codecs.formats import CODECS
from voicecli.sources.builtin import FORMAT, BuiltinSource

if TYPE_CHECKING:
    from collections.abc import Generator

    from voicecli.request import SpeechRequest
    from voicecli.sources.voicecache import VoiceCache

RATE_HZ = FORMAT.rate_hz
"""Frames a second of what `speak` yields; each format at hand has this rate itself."""


def speak(request: SpeechRequest, voices: VoiceCache) -> Generator[Encoded]:
    """Yield the file a stretch at a time, the first as soon as the first sentence is spoken.

    A stretch is what half a second of sound, at most, completed; no work is done
    ahead of the caller. Closing the generator leaves the rest unspoken.

    Raises:
        VoiceError: the voice cannot be loaded, fails, or finds nothing to say.
    """
    encoder = make_encoder(request.response_format, RATE_HZ, FORMAT.channels)
    with BuiltinSource(request, voices) as source:
        for chunk in source:
            samples = np.frombuffer(chunk, "<i2").reshape(-1, FORMAT.channels)
            if (stretch := _joined(encoder.feed(samples))).data:
                yield stretch
    if (stretch := _joined(encoder.flush())).data:
        yield stretch


def warm(voices: VoiceCache, voice: str) -> None:
    """Load a voice, what it needs to speak and what the encoders need; some 0.5 s, once.

    Raises:
        VoiceError: one of them cannot be had.
    """
    from voicecli.request import SpeechRequest  # noqa: PLC0415  else only named

    for name in CODECS:
        for _ in speak(SpeechRequest("Hello.", voice, "", name), voices):
            pass


def content_type(response_format: str) -> str:
    """The media type of an answer; of raw samples with all that is to know of them."""
    media_type = CODECS[response_format].media_type
    if response_format == "pcm":
        return f"{media_type};rate={RATE_HZ};channels={FORMAT.channels}"
    return media_type


def _joined(chunks: list[Encoded]) -> Encoded:
    return Encoded(b"".join(chunk.data for chunk in chunks), sum(chunk.frames for chunk in chunks))
