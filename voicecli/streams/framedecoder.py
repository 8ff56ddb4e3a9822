"""Bytes to `AudioFrame`: the pure core of both decoding faces, async and plain.

All that decoding needs is imported with this module, so that no first stream
of a process stalls an event loop for an import.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.convert import SampleConverter
from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.codecs import CODECS, AutoDecoder, preload
from voicecli.errors import UnsupportedFormat
from voicecli.streams.frame import frames_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voicecli.audio.pcm import Samples
    from voicecli.streams.frame import AudioFrame

for _codec in CODECS:
    with suppress(UnsupportedFormat):  # a library that is missing is told when it is needed
        preload(_codec)

VIEWS = ("pcm", "wav")
"""Codecs whose samples are the bytes: cheap, unless they are resampled."""

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)

SLICE_BYTES = 1 << 12
"""As much is decoded at a time, whatever was given: what it becomes may be 30,000 times as much."""

VIEW_SLICE_BYTES = 1 << 15
"""Likewise of codecs whose samples are the bytes."""

JOINED_S = 0.5
"""Audio in a frame, where a codec's own blocks are shorter and many came at once."""

_INT16 = np.dtype(np.int16)


class FrameDecoder:
    """Bytes of one stream, of a known format or not, to frames of a wanted shape.

    Pure, and driven by one thread at a time. `feed` and `flush` do not raise:
    they return what was good, and from then on `fault` says what was wrong.

    Args:
        sample_rate: of the frames, in Hz; None keeps the stream's own, which may
            change where streams are laid end to end. Opus is decoded at this
            rate where it has it, and everything else resampled.
        num_channels: of the frames; None keeps the stream's own.
        format: the claim about the bytes: a media type, a name (pcm, wav, opus,
            mp3, aac, flac), or None. Magic bytes outweigh it. Raw samples have
            none, so ``pcm`` must be claimed: 24 kHz mono unless the media type
            has parameters that say otherwise (``audio/pcm;rate=16000;channels=2``).

    Raises:
        UnsupportedFormat: ``format`` is a name that is none of the six.
        ValueError: a rate or channels below 1.
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
                raise ValueError(f"no such audio: {sample_rate} Hz, {num_channels} channels")
        self._rate_hz = sample_rate
        self._channels = num_channels
        is_media_type = format is not None and "/" in format
        name = None if is_media_type or format is None else format.strip().lower()
        if name is not None and name not in CODECS:
            raise UnsupportedFormat(
                f"there is no format {format!r}", remedy=f"choose one of {', '.join(CODECS)}"
            )
        self._decoder = AutoDecoder(
            name,
            format if is_media_type else None,
            opus_rate_hz=sample_rate if sample_rate in OPUS_RATES_HZ else 48_000,
        )
        self._decoder.prepare()
        self._converter: SampleConverter | None = None
        self._target = (0, 0)  # rate and channels that the converter is for
        self.codec: str | None = None
        """Name of the codec, None until the bytes have told it."""
        self.is_plain = False
        """Whether the latest sound went through as it came, neither decoded nor resampled."""
        self.fault: Exception | None = None

    def feed(self, data: bytes) -> list[AudioFrame]:
        """Take bytes of any length, return the frames that became decodable."""
        return self._decoded(data)

    def flush(self) -> list[AudioFrame]:
        """Say that no more bytes will come; return what is left. Called once."""
        frames = self._decoded(None)
        if self.fault is None and self._converter is not None:
            frames += self._resampled_rest()
        return frames

    def _decoded(self, data: bytes | None) -> list[AudioFrame]:
        """What ``data`` completes, or, where it is None, the end of the stream."""
        frames: list[AudioFrame] = []
        if self.fault is not None:
            return frames
        decoder = self._decoder
        try:
            blocks = decoder.flush() if data is None else decoder.feed(data)
            for pcm in joined_blocks(blocks) if len(blocks) > 1 else blocks:
                frames += self._conformed(pcm)
        except Exception as fault:  # noqa: BLE001  raised by the iteration, be it foreseen or not
            self.fault = fault
        else:
            self.fault = decoder.fault
        self.codec = decoder.name
        return frames if self.fault is None else frames + self._resampled_rest()

    def _conformed(self, pcm: Pcm) -> list[AudioFrame]:
        rate_hz, channels = pcm.rate_hz, pcm.channels
        target = (self._rate_hz or rate_hz, self._channels or channels)
        self.is_plain = False
        is_int16 = pcm.samples.dtype == _INT16
        if self._converter is None and target == (rate_hz, channels) and is_int16:
            self.is_plain = self._decoder.name in VIEWS
            return _framed([pcm.samples], rate_hz)
        frames: list[AudioFrame] = []
        if self._converter is None or target != self._target:
            frames = self._resampled_rest()
            self._target = target
            self._converter = SampleConverter(AudioFormat(*target))
        return frames + _framed(self._converter.convert(pcm), target[0])

    def _resampled_rest(self) -> list[AudioFrame]:
        """What the converter still holds, at the end or before another one."""
        return _framed(self._converter.flush(), self._target[0]) if self._converter else []


def _framed(pieces: list[Samples], rate_hz: int) -> list[AudioFrame]:
    return [
        frame
        for samples in pieces
        for frame in frames_of(samples.ravel().data, rate_hz, samples.shape[1])
    ]


def joined_blocks(blocks: list[Pcm]) -> Iterator[Pcm]:
    """The same sound in fewer blocks: those of one format in a row, `JOINED_S` at most, as one.

    Mapping, resampling and framing cost some 20 µs a block whatever its length,
    and a codec's blocks are as short as 20 ms.
    """
    run: list[Pcm] = []
    room = 0.0  # frames
    for block in blocks:
        frames = block.samples.shape[0]
        room -= frames
        if run and (room < 0 or not _alike(block, run[0])):
            yield _one(run)
            run = []
        if not run:
            room = JOINED_S * block.rate_hz - frames
        run.append(block)
    if run:
        yield _one(run)


def _alike(block: Pcm, other: Pcm) -> bool:
    samples, others = block.samples, other.samples
    return (
        block.rate_hz == other.rate_hz
        and samples.shape[1] == others.shape[1]
        and samples.dtype == others.dtype
    )


def _one(blocks: list[Pcm]) -> Pcm:
    first = blocks[0]
    if len(blocks) == 1:
        return first
    return Pcm(np.concatenate([block.samples for block in blocks]), first.rate_hz)


def slices(data: bytes, size: int) -> Iterator[bytes]:
    """``data`` in pieces of at most ``size`` bytes; itself where it is no longer."""
    if len(data) <= size:
        yield data
        return
    for at in range(0, len(data), size):
        yield data[at : at + size]


def decode_stream(
    chunks: Iterable[bytes],
    *,
    sample_rate: int | None = 48_000,
    num_channels: int | None = 1,
    format: str | None = None,
) -> Iterator[AudioFrame]:
    """Decode an iterable of bytes, of any sizes, lazily and on the caller's thread.

    Args:
        chunks: the stream; pulled from only as frames are asked for.
        sample_rate: as `FrameDecoder`.
        num_channels: as `FrameDecoder`.
        format: as `FrameDecoder`.

    Raises:
        UnsupportedFormat: at once, ``format`` names nothing; from the iteration,
            the bytes are audio of another kind.
        ValueError: at once, a rate or channels below 1.
        CorruptStream: from the iteration, after every frame that was good.
        TruncatedStream: likewise.
        BadResponse: from the iteration: the bytes are text, or there are none.
    """
    decoder = FrameDecoder(sample_rate=sample_rate, num_channels=num_channels, format=format)
    return _frames(chunks, decoder)


def _frames(chunks: Iterable[bytes], decoder: FrameDecoder) -> Iterator[AudioFrame]:
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            size = VIEW_SLICE_BYTES if decoder.codec in VIEWS else SLICE_BYTES
            yield from decoder.feed(chunk[at : at + size])
            at += size
        if decoder.fault is not None:
            raise decoder.fault
    yield from decoder.flush()
    if decoder.fault is not None:
        raise decoder.fault
