"""Synthesize a request into encoded chunks; blocking, for a worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.codecs.formats import CODECS
from voicecli.request import SpeechRequest
from voicecli.sources.builtin import FORMAT, BuiltinSource

if TYPE_CHECKING:
    from collections.abc import Generator

    from voicecli.sources.voicecache import VoiceCache

RATE_HZ = FORMAT.rate_hz
"""Frames per second of what `synthesize` yields, whatever the format."""


def synthesize(request: SpeechRequest, voices: VoiceCache) -> Generator[Encoded]:
    """Yield the encoded file in chunks, the first one after the first sentence.

    A chunk holds at most half a second of audio. Nothing is synthesized ahead of
    the caller; closing the generator skips the rest.

    Raises:
        VoiceError: the voice cannot be loaded, fails, or finds nothing to say.
    """
    encoder = make_encoder(request.response_format, RATE_HZ, FORMAT.channels)
    with BuiltinSource(request, voices).open() as response:
        for block in response:
            samples = np.frombuffer(block, "<i2").reshape(-1, FORMAT.channels)
            if (chunk := _joined(encoder.feed(samples))).data:
                yield chunk
    if (chunk := _joined(encoder.flush())).data:
        yield chunk


def warm_up(voices: VoiceCache, voice: str) -> None:
    """Load a voice and everything that speaking and encoding need; takes about 0.5 s.

    Raises:
        VoiceError: something cannot be loaded.
    """
    for name in CODECS:
        for _ in synthesize(SpeechRequest("Hello.", voice, "", name), voices):
            pass


def content_type(response_format: str) -> str:
    """Return the media type of a response; raw samples have their rate and channels in it."""
    media_type = CODECS[response_format].media_type
    if response_format == "pcm":
        return f"{media_type};rate={RATE_HZ};channels={FORMAT.channels}"
    return media_type


def _joined(chunks: list[Encoded]) -> Encoded:
    return Encoded(b"".join(chunk.data for chunk in chunks), sum(chunk.frames for chunk in chunks))
