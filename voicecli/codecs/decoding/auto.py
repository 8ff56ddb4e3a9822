"""Decoders by name, and one that recognises the format.

Nothing here imports a codec before it is needed: numpy, PyAV and libopus take
longer to load than a nearby server takes to respond. `preload` loads them while
the server works.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.formats import CODECS, OPUS_RATES_HZ
from voicecli.errors import BadResponse, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.audio.pcm import Pcm
    from voicecli.codecs.decoding.base import Decoder

_PCM_RATE_HZ = 24_000


def preload(name: str) -> None:
    """Import everything that decoding ``name`` needs, before the first bytes arrive.

    Raises:
        UnsupportedFormat: no such format, or its library is missing.
    """
    _decoder_class(name)
    if name == "opus":
        importlib.import_module("voicecli.codecs.libopus")


@functools.cache
def _decoder_class(name: str) -> Callable[..., Decoder]:
    if name not in CODECS:
        raise UnsupportedFormat(
            f"unknown format {name!r}", remedy=f"choose one of {', '.join(CODECS)}"
        )
    module = importlib.import_module(f"voicecli.codecs.decoding.{name}")
    decoder: Callable[..., Decoder] = getattr(module, f"{name.capitalize()}Decoder")
    return decoder


def make_decoder(name: str, *, rate_hz: int | None = None, channels: int | None = None) -> Decoder:
    """Make a decoder for one of the six formats.

    Args:
        name: pcm, wav, opus, mp3, aac or flac.
        rate_hz: for pcm the rate of the samples (24000 if None); for opus the rate
            to decode at, if Opus has it (else 48000). Other formats state their own.
        channels: for pcm the samples per frame (1 if None). Other formats state it.

    Raises:
        UnsupportedFormat: no such format.
    """
    decoder = _decoder_class(name)
    if name == "pcm":
        return decoder(rate_hz or _PCM_RATE_HZ, channels or 1)
    if name == "opus" and rate_hz in OPUS_RATES_HZ:
        return decoder(rate_hz)
    return decoder()


class AutoDecoder(PushDecoder):
    """Recognises the format by the first bytes, then decodes them all; a `Decoder`.

    Beyond the contract it raises `BadResponse`: from `feed` and `flush` for text, with
    a message that quotes it, and from `flush` for a stream that is empty or has a
    beginning and an end but no audio.

    Args:
        declared: the requested format, one of the six names, if any.
        content_type: the content type that the server sent, if any.
        rate_hz: rate of raw samples if the content type does not state it.
        channels: channels of raw samples, likewise.
        opus_rate_hz: rate to decode Opus at.
    """

    def __init__(
        self,
        declared: str | None = None,
        content_type: str | None = None,
        rate_hz: int | None = None,
        channels: int | None = None,
        opus_rate_hz: int = 48_000,
    ) -> None:
        super().__init__()
        self._sniffer = Sniffer(declared, content_type)
        self._rate_hz = rate_hz
        self._channels = channels
        self._opus_rate_hz = opus_rate_hz
        self._decoder: Decoder | None = None
        self.name: str | None = None
        """Name of the codec, None until it is recognised."""

    def _push(self, data: bytes) -> Iterator[Pcm]:
        decoder = self._decoder
        if decoder is None:
            self.name = self._sniffer.feed(data)
            if self.name is None:
                return
            decoder = self._make(self.name)
            data, self._sniffer.seen = self._sniffer.seen, b""
        yield from _feed_all(decoder, data)

    def _finish(self) -> Iterator[Pcm]:
        decoder = self._decoder
        if decoder is None:
            self.name = self._sniffer.finish()
            decoder = self._make(self.name)
            yield from _feed_all(decoder, self._sniffer.seen)
        yield from decoder.flush()
        while decoder.pending:
            yield from decoder.flush()
        if self.format is None:
            raise BadResponse(f"received a {self.name} stream without audio")

    def _make(self, name: str) -> Decoder:
        """Make the decoder and keep it."""
        rate_hz: int | None = self._opus_rate_hz
        channels: int | None = None
        if name == "pcm":
            claim = self._sniffer.media_type
            if claim is not None and claim.codec != "pcm":
                claim = None  # it is not about these samples
            if claim is not None and claim.is_big_endian:
                raise UnsupportedFormat("big-endian PCM is not supported, only little-endian")
            rate_hz = (claim and claim.rate_hz) or self._rate_hz
            channels = (claim and claim.channels) or self._channels
        self._decoder = make_decoder(name, rate_hz=rate_hz, channels=channels)
        return self._decoder


def _feed_all(decoder: Decoder, data: bytes) -> Iterator[Pcm]:
    yield from decoder.feed(data)
    while decoder.pending:
        yield from decoder.feed(b"")
