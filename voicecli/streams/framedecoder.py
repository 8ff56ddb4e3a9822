"""Bytes to `AudioFrame`: the pure core of the async decoder and of `decode_stream`.

All that decoding needs is imported with this module, so that the first stream of
a process does not stall an event loop. A frame is an `AudioFrame` here.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.audio.convert import SampleConverter
from voicecli.audio.pcm import AudioFormat, join_blocks
from voicecli.codecs import CODECS, AutoDecoder, preload
from voicecli.codecs.formats import OPUS_RATES_HZ
from voicecli.errors import UnsupportedFormat
from voicecli.streams.frame import frames_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voicecli.audio.pcm import Pcm, Samples
    from voicecli.streams.frame import AudioFrame

for _codec in CODECS:
    with suppress(UnsupportedFormat):  # a missing library is reported when it is needed
        preload(_codec)

VIEWS = ("pcm", "wav")
"""Codecs whose samples are the bytes as they are."""

_SLICE_BYTES = {
    "opus": 1 << 11,
    "mp3": 1 << 12,
    "aac": 1 << 12,
    "flac": 1 << 14,
    "pcm": 1 << 16,
    "wav": 1 << 16,
}


def slice_bytes(codec: str | None) -> int:
    """Return how many bytes to decode at a time: about half a millisecond of work."""
    return _SLICE_BYTES[codec or "opus"]  # the smallest, while the codec is unknown


class FrameDecoder:
    """Decodes the bytes of one stream, of a known format or not, to frames of a wanted shape.

    One thread at a time. `feed` and `flush` do not raise: they return every good
    frame, and from then on `fault` is set.

    Args:
        sample_rate: of the frames, in Hz; None keeps the stream's own, which may
            change where streams are concatenated. Opus is decoded at this rate if
            it supports it; everything else is resampled.
        num_channels: of the frames; None keeps the stream's own.
        format: the claim about the bytes: a media type, a name (pcm, wav, opus,
            mp3, aac, flac), or None. Magic bytes override it. Raw samples have
            none, so ``pcm`` must be claimed: 24 kHz mono unless the media type
            has other parameters (``audio/pcm;rate=16000;channels=2``).

    Raises:
        UnsupportedFormat: ``format`` is a name, but not one of the six.
        ValueError: a rate or channel count below 1.
    """

    def __init__(
        self,
        *,
        sample_rate: int | None = 48_000,
        num_channels: int | None = 1,
        format: str | None = None,
    ) -> None:
        for number in (sample_rate, num_channels):
            if number is not None and number < 1:
                raise ValueError(f"impossible audio: {sample_rate} Hz, {num_channels} channels")
        self._rate_hz = sample_rate
        self._channels = num_channels
        is_media_type = format is not None and "/" in format
        name = None if is_media_type or format is None else format.strip().lower()
        if name is not None and name not in CODECS:
            raise UnsupportedFormat(
                f"unknown format {format!r}", remedy=f"choose one of {', '.join(CODECS)}"
            )
        self._decoder = AutoDecoder(
            name,
            format if is_media_type else None,
            opus_rate_hz=sample_rate if sample_rate in OPUS_RATES_HZ else 48_000,
        )
        self._converter: SampleConverter | None = None
        self._target = (0, 0)  # rate and channels of the converter
        self.codec: str | None = None
        """Name of the codec; None until it has been recognised."""
        self.fault: Exception | None = None
        """What is wrong with the stream."""
        self.pending = False
        """Whether `feed` has more to return: call it with b"" until this is false."""

    def feed(self, data: bytes) -> list[AudioFrame]:
        """Take bytes of any length; return decoded frames, of 8 MiB of samples or so at most."""
        return [] if self.fault is not None else self._step(data)

    def flush(self) -> list[AudioFrame]:
        """End the input; return all remaining frames. Called once."""
        frames = self._step(None) if self.fault is None else []
        while self.pending:
            frames += self._step(None)
        return frames if self.fault is not None else frames + self._flush_converter()

    def _step(self, data: bytes | None) -> list[AudioFrame]:
        frames: list[AudioFrame] = []
        decoder = self._decoder
        try:
            blocks = decoder.flush() if data is None else decoder.feed(data)
            for pcm in join_blocks(blocks) if len(blocks) > 1 else blocks:
                frames += self._convert(pcm)
        except Exception as fault:  # noqa: BLE001  raised by the iteration, foreseen or not
            self.fault = fault
        else:
            self.fault = decoder.fault
        self.pending = self.fault is None and decoder.pending
        self.codec = decoder.name
        return frames if self.fault is None else frames + self._flush_converter()

    def _convert(self, pcm: Pcm) -> list[AudioFrame]:
        rate_hz, channels = pcm.rate_hz, pcm.channels
        target = (self._rate_hz or rate_hz, self._channels or channels)
        is_right = target == (rate_hz, channels) and pcm.samples.dtype.kind == "i"
        if self._converter is None and is_right:
            return frames_of(pcm.samples, rate_hz)
        frames: list[AudioFrame] = []
        if self._converter is None or target != self._target:
            frames = self._flush_converter()
            self._target = target
            self._converter = SampleConverter(AudioFormat(*target))
        return frames + self._framed(self._converter.convert(pcm))

    def _flush_converter(self) -> list[AudioFrame]:
        return self._framed(self._converter.flush()) if self._converter else []

    def _framed(self, pieces: list[Samples]) -> list[AudioFrame]:
        rate_hz, _ = self._target
        return [frame for samples in pieces for frame in frames_of(samples, rate_hz)]


def decode_stream(
    chunks: Iterable[bytes],
    *,
    sample_rate: int | None = 48_000,
    num_channels: int | None = 1,
    format: str | None = None,
) -> Iterator[AudioFrame]:
    """Decode an iterable of bytes, of any sizes, lazily and on the caller's thread.

    The settings are those of `FrameDecoder`.

    Raises:
        UnsupportedFormat: at once, if ``format`` names nothing; from the iteration,
            if the bytes are another kind of audio.
        ValueError: at once, for a rate or channel count below 1.
        CorruptStream: from the iteration, after every good frame.
        TruncatedStream: likewise.
        BadResponse: from the iteration, if the bytes are text, or there are none.
    """
    decoder = FrameDecoder(sample_rate=sample_rate, num_channels=num_channels, format=format)
    return _frames(chunks, decoder)


def _frames(chunks: Iterable[bytes], decoder: FrameDecoder) -> Iterator[AudioFrame]:
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            size = slice_bytes(decoder.codec)
            yield from decoder.feed(chunk[at : at + size])
            while decoder.pending:
                yield from decoder.feed(b"")
            at += size
            if decoder.fault is not None:
                raise decoder.fault
    yield from decoder.flush()
    if decoder.fault is not None:
        raise decoder.fault
