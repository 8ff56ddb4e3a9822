"""Decoders by name, and one that recognises the format.

Nothing here imports a codec before it is needed: numpy, PyAV and libopus take
longer to load than a nearby server takes to respond. `preload` loads them while
the server works.
"""

from __future__ import annotations

import functools
import importlib
from math import inf
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.formats import CODECS, OPUS_RATES_HZ
from voicecli.codecs.raw_coding import S16LE, TELEPHONE_RATE_HZ
from voicecli.errors import BadResponse, CorruptStream, DecodeError, SourceError, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.codecs.decoding.base import Decoder
    from voicecli.codecs.raw_coding import RawCoding

_PCM_RATE_HZ = 24_000
_LONGEST_ANSWER_S = 3600.0


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


def make_decoder(
    name: str,
    *,
    rate_hz: int | None = None,
    channels: int | None = None,
    coding: RawCoding | None = None,
    trusted_s: float = inf,
) -> Decoder:
    """Make a decoder for one of the six formats.

    Args:
        name: pcm, wav, opus, mp3, aac or flac.
        rate_hz: for pcm the rate of the samples (24000 if None); for opus the rate
            to decode at, if Opus has it (else 48000). Other formats state their own.
        channels: for pcm the samples per frame (1 if None). Other formats state it.
        coding: for pcm how a sample is written (16-bit little-endian if None).
        trusted_s: for wav, see `voicecli.codecs.decoding.wav.WavDecoder`.

    Raises:
        UnsupportedFormat: no such format.
    """
    decoder = _decoder_class(name)
    if name == "pcm":
        return decoder(rate_hz or _PCM_RATE_HZ, channels or 1, coding or S16LE)
    if name == "wav":
        return decoder(trusted_s=trusted_s)
    if name == "opus" and rate_hz in OPUS_RATES_HZ:
        return decoder(rate_hz)
    return decoder()


class AutoDecoder:
    """Recognises the format by the first bytes, then decodes them all; a `Decoder`.

    Beyond the contract it raises `BadResponse`: from `feed` and `flush` for text, with
    a message that quotes it, and from `flush` for a stream that is empty or has a
    beginning and an end but no audio. Once the format is known, it only passes on.

    Args:
        declared: the requested format, one of the six names, if any.
        content_type: the content type that the server sent, if any.
        rate_hz: rate of raw samples if the content type does not state it.
        channels: channels of raw samples, likewise.
        opus_rate_hz: rate to decode Opus at.
        is_file: this is a file and not a server's answer, which errors then say:
            `UnsupportedFormat` instead of `BadResponse`.
        is_checked: the transport notices an end that comes too early, so that a WAV
            header that claims more has a placeholder. If it does not, one that claims more
            than an hour has, as no answer is that long; a file's size is always believed.
        on_mislabelled: called with the content type if raw samples were requested and
            came under another name.
    """

    def __init__(
        self,
        declared: str | None = None,
        content_type: str | None = None,
        rate_hz: int | None = None,
        channels: int | None = None,
        opus_rate_hz: int = 48_000,
        *,
        is_file: bool = False,
        is_checked: bool = False,
        on_mislabelled: Callable[[str], None] | None = None,
    ) -> None:
        self._sniffer = Sniffer(declared, content_type, is_file=is_file)
        self._rate_hz = rate_hz
        self._channels = channels
        self._opus_rate_hz = opus_rate_hz
        self._is_file = is_file
        self._trusted_s = 0.0 if is_checked else inf if is_file else _LONGEST_ANSWER_S
        self._on_mislabelled = on_mislabelled
        self._decoder: Decoder | None = None
        self._fault: DecodeError | SourceError | None = None  # of the stream as a whole
        self.name: str | None = None
        """Name of the codec, None until it is recognised."""

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""
        return self._decoder.format if self._decoder is not None else None

    @property
    def fault(self) -> DecodeError | SourceError | None:
        """What the next call will raise: found by a call that had blocks to return first."""
        return self._fault or (self._decoder.fault if self._decoder is not None else None)

    @property
    def pending(self) -> bool:
        """Whether another call has more to return, or a fault to raise."""
        if self._fault is not None:
            return True
        return self._decoder is not None and self._decoder.pending

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes as `Decoder.feed`."""
        if self._decoder is None:
            recognised = self._recognise(data)
            if recognised is None:
                return []
            data = recognised
        assert self._decoder is not None
        return self._decoder.feed(data)

    def flush(self) -> list[Pcm]:
        """End the stream as `Decoder.flush`."""
        blocks: list[Pcm] = []
        if self._decoder is None:
            data = self._recognise(None)
            assert data is not None
            assert self._decoder is not None
            blocks = self._decoder.feed(data)
        try:
            blocks += self._decoder.flush()
        except (DecodeError, SourceError):
            if not blocks:  # otherwise the next call raises it
                raise
        if not self.pending and self.format is None:
            message = f"received {self.name} without audio"
            self._fault = BadResponse(message)
            if self._is_file:
                self._fault = CorruptStream(f"there is no audio in this {self.name} file")
            raise self._fault
        return blocks

    def _recognise(self, data: bytes | None) -> bytes | None:
        """Choose the decoder, by more bytes or by those there were; return all it missed."""
        if self._fault is not None:
            raise self._fault
        try:
            self.name = self._sniffer.finish() if data is None else self._sniffer.feed(data)
            if self.name is None:
                return None
            self._make(self.name)
        except (DecodeError, SourceError) as fault:
            self._fault = fault
            raise
        seen, self._sniffer.seen = self._sniffer.seen, b""
        return seen

    def _make(self, name: str) -> None:
        """Make the decoder and keep it."""
        sniffer = self._sniffer
        rate_hz: int | None = self._opus_rate_hz
        channels: int | None = None
        if name == "pcm":
            coding = sniffer.coding
            claim = sniffer.media_type if coding is not None else None  # else about other bytes
            rate_hz = (claim and claim.rate_hz) or self._rate_hz
            channels = (claim and claim.channels) or self._channels
            if coding is not None and coding.is_telephone:
                rate_hz = rate_hz or TELEPHONE_RATE_HZ
            if sniffer.is_mislabelled and sniffer.media_type and self._on_mislabelled:
                self._on_mislabelled(sniffer.media_type.name)
        self._decoder = make_decoder(
            name,
            rate_hz=rate_hz,
            channels=channels,
            coding=sniffer.coding,
            trusted_s=self._trusted_s,
        )
