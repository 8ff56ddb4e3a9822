"""Decoders by name, and one that recognises what comes.

Nothing here imports a codec before it is needed: numpy, PyAV and libopus take
longer to load than a server near by takes to answer. `preload` exists so that
they can load while it does.
"""

from __future__ import annotations

import functools
import importlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.formats import CODECS
from voicecli.errors import BadResponse, DecodeError, SourceError, UnsupportedFormat

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.codecs.decoding.base import Decoder
    from voicecli.codecs.decoding.sniff import Decision

_OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_PCM_RATE_HZ = 24_000


def preload(name: str) -> None:
    """Import what hearing ``name`` needs, so that the first bytes need not wait for it.

    Raises:
        UnsupportedFormat: no such format, or its library is missing.
    """
    _decoder_class(name)
    importlib.import_module("numpy")  # pcm does without, until its samples are to be heard
    if name == "opus":
        importlib.import_module("voicecli.codecs.libopus")


@functools.cache
def _decoder_class(name: str) -> Any:
    codec = CODECS.get(name)
    if codec is None:
        raise UnsupportedFormat(
            f"there is no format {name!r}", remedy=f"choose one of {', '.join(CODECS)}"
        )
    return getattr(importlib.import_module(codec.module), codec.decoder)


def make_decoder(name: str, *, rate_hz: int | None = None, channels: int | None = None) -> Decoder:
    """A new decoder for one of the six formats.

    Args:
        name: pcm, wav, opus, mp3, aac or flac.
        rate_hz: for pcm the rate of the samples (24000 if None); for opus the
            rate to decode at, where Opus has it (48000 otherwise). The others
            say their own.
        channels: for pcm the samples in a frame (1 if None); the others say.

    Raises:
        UnsupportedFormat: no such format.
    """
    decoder = _decoder_class(name)
    if name == "pcm":
        return decoder(rate_hz or _PCM_RATE_HZ, channels or 1)  # type: ignore[no-any-return]  # looked up by name
    if name == "opus" and rate_hz in _OPUS_RATES_HZ:
        return decoder(rate_hz)  # type: ignore[no-any-return]  # looked up by name
    return decoder()  # type: ignore[no-any-return]  # looked up by name


class AutoDecoder:
    """A decoder of whatever comes: sniffs the first bytes, then hands all of them on.

    Args:
        declared: the format that was asked for, one of the six names, if any.
        content_type: what the server says it sends, if it says.
        rate_hz: rate of raw samples where the content type tells none.
        channels: likewise.
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
        self._sniffer = Sniffer(declared, content_type)
        self._rate_hz = rate_hz
        self._channels = channels
        self._opus_rate_hz = opus_rate_hz
        self._prepared: tuple[str, Decoder] | None = None
        self._decoder: Decoder | None = None
        self._has_sound = False
        self.name: str | None = None
        """Name of the codec, None until it is known."""
        self.fault: DecodeError | SourceError | None = None
        """What the next call will raise: known since a call that had samples to return first."""

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""
        return self._decoder.format if self._decoder is not None else None

    def prepare(self) -> None:
        """Make the decoder that was asked for before the first byte comes.

        If the bytes turn out to be something else, theirs is made in its place. Takes
        as long as the import of a codec, where `preload` did not see to that.
        """
        claim = self._sniffer.claim
        if claim is not None and self._decoder is None:
            with suppress(UnsupportedFormat):  # told when the bytes are indeed that
                self._prepared = claim.codec, self._made(claim)

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes of any length, return the blocks that became decodable.

        Raises:
            BadResponse: the body is text; the message says what it says.
            UnsupportedFormat: a format that no decoder here takes, by name.
            CorruptStream: the stream is damaged where decoding cannot go on.
        """
        if self.fault is not None:
            raise self.fault
        decoder = self._decoder
        try:
            if decoder is None:
                decision = self._sniffer.feed(data)
                if decision is None:
                    return []
                decoder, data = self._choose(decision)
            blocks = decoder.feed(data)
        except (DecodeError, SourceError) as fault:
            self.fault = fault
            raise
        if blocks:
            self._has_sound = True
            self.fault = decoder.fault
        return blocks

    def flush(self) -> list[Pcm]:
        """Say that no more bytes will come; return what is left.

        Raises:
            BadResponse: the body is text, or empty, or has a beginning and an end
                and no sound in between: who asked for speech did not get any.
            UnsupportedFormat: as `feed`.
            TruncatedStream: the format knows that something is missing.
            CorruptStream: nothing in the stream could be decoded.
        """
        if self.fault is not None:
            raise self.fault
        blocks: list[Pcm] = []
        decoder = self._decoder
        try:
            if decoder is None:
                decoder, seen = self._choose(self._sniffer.finish())
                blocks += decoder.feed(seen)
            blocks += decoder.flush()
            self._has_sound = self._has_sound or bool(blocks)
            if not self._has_sound:
                raise BadResponse(f"the {self.name} that came holds no audio")
            self.fault = decoder.fault
        except (DecodeError, SourceError) as fault:
            self.fault = fault
            if not blocks:
                raise
        return blocks

    def _choose(self, decision: Decision) -> tuple[Decoder, bytes]:
        """The decoder, from now on, and the bytes that it has missed."""
        self.name = decision.codec
        if self._prepared is not None and self._prepared[0] == decision.codec:
            self._decoder = self._prepared[1]
        else:
            self._decoder = self._made(decision)
        seen, self._sniffer.seen, self._prepared = self._sniffer.seen, b"", None
        return self._decoder, seen

    def _made(self, decision: Decision) -> Decoder:
        name, media_type = decision.codec, decision.media_type
        if name == "opus":
            return make_decoder(name, rate_hz=self._opus_rate_hz)
        if name != "pcm":
            return make_decoder(name)
        # A type that names another codec speaks of something else than these samples.
        claim = media_type if media_type is not None and media_type.codec == "pcm" else None
        if claim is not None and claim.is_big_endian:
            raise UnsupportedFormat("big-endian PCM is not supported, only little-endian")
        return make_decoder(
            name,
            rate_hz=(claim and claim.rate_hz) or self._rate_hz,
            channels=(claim and claim.channels) or self._channels,
        )
