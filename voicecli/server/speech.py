"""Synthesize a request into encoded chunks; blocking, for a worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.codecs.formats import CODECS
from voicecli.request import SpeechRequest
from voicecli.sources.builtin import FORMAT, BuiltinSource

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from voicecli.audio.pcm import Samples
    from voicecli.codecs.encoding import Encoder
    from voicecli.sources.voicecache import VoiceCache

RATE_HZ = FORMAT.rate_hz
"""Frames per second of what `synthesize` yields, whatever the format."""

CHUNK_S = 0.5
"""Longest chunk: the first one is encoded and sent before the rest of its sentence."""

_MAX_SENTENCE_S = 600.0
"""Longer than any input of the voice's network can be, so that each is one item."""


def synthesize(request: SpeechRequest, voices: VoiceCache) -> Generator[Iterator[Encoded]]:
    """Yield each sentence, once it is synthesized, as an iterator over its encoded chunks.

    A chunk holds at most `CHUNK_S` of audio. The last item is the end of the file.
    Nothing is synthesized ahead of the caller; closing the generator skips the rest. For
    FLAC the first items are empty: its header has the length, because some readers take
    none for an endless file, so everything is synthesized twice.

    Raises:
        VoiceError: the voice cannot be loaded, fails, or finds nothing to say.
    """
    total_frames = None
    if request.response_format == "flac":
        total_frames = 0
        with BuiltinSource(request, voices, chunk_s=_MAX_SENTENCE_S).open() as response:
            for sentence in response:
                total_frames += len(sentence) // FORMAT.bytes_per_frame
                yield iter(())
    encoder = make_encoder(
        request.response_format, RATE_HZ, FORMAT.channels, total_frames=total_frames
    )
    with BuiltinSource(request, voices, chunk_s=_MAX_SENTENCE_S).open() as response:
        for sentence in response:
            yield _encode(encoder, np.frombuffer(sentence, "<i2").reshape(-1, FORMAT.channels))
    yield (chunk for chunk in [_joined(encoder.flush())] if chunk.data)


def warm_up(voices: VoiceCache, voice: str) -> None:
    """Load a voice and everything that speaking and encoding need; takes about 0.5 s.

    Raises:
        VoiceError: something cannot be loaded.
    """
    for name in CODECS:
        for chunks in synthesize(SpeechRequest("Hello.", voice, "", name), voices):
            for _ in chunks:
                pass


def _encode(encoder: Encoder, samples: Samples) -> Iterator[Encoded]:
    step = FORMAT.frames(CHUNK_S)
    for start in range(0, samples.shape[0], step):
        if (chunk := _joined(encoder.feed(samples[start : start + step]))).data:
            yield chunk


def content_type(response_format: str) -> str:
    """Return the media type of a response; raw samples have their rate and channels in it."""
    media_type = CODECS[response_format].media_type
    if response_format == "pcm":
        return f"{media_type};rate={RATE_HZ};channels={FORMAT.channels}"
    return media_type


def _joined(chunks: list[Encoded]) -> Encoded:
    return Encoded(b"".join(chunk.data for chunk in chunks), sum(chunk.frames for chunk in chunks))
