"""Headerless PCM: the bytes are the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.following import find_header, find_other
from voicecli.codecs.decoding.sampleformat import (
    EVIDENCE_BYTES,
    MAX_BLOCK_BYTES,
    byte_order_of,
    samples_from,
)
from voicecli.codecs.raw_coding import S16LE
from voicecli.errors import CorruptStream, TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.codecs.raw_coding import RawCoding


class PcmDecoder(PushDecoder):
    """Samples without a header, interleaved, signed 16-bit little-endian by default.

    The bytes do not state rate, channels or coding: they come from the request or the
    content type. OpenAI's ``pcm`` is 24 kHz mono. Blocks of 16-bit samples are
    read-only views of the chunks fed; a chunk that begins inside a frame is copied
    once. If the coding's byte order is unsure, the first audible samples decide it.

    Args:
        rate_hz: frames per second.
        channels: samples per frame.
        coding: how a sample is written.

    Raises:
        ValueError: ``rate_hz`` or ``channels`` is below 1.
    """

    def __init__(self, rate_hz: int = 24_000, channels: int = 1, coding: RawCoding = S16LE) -> None:
        if rate_hz < 1 or channels < 1:
            raise ValueError(f"no such PCM: {rate_hz} Hz, {channels} channels")
        super().__init__()
        self._rate_hz = rate_hz
        self._channels = channels
        self._coding = coding
        self._is_plain = coding == S16LE
        self._frame_bytes = channels * coding.bytes_per_sample
        self._most_bytes = MAX_BLOCK_BYTES // self._frame_bytes * self._frame_bytes
        self._held = b""  # a frame cut by the end of the latest chunk, or evidence of the order

    def _push(self, data: bytes) -> Iterator[Pcm]:
        data = self._held + data
        at = 0
        if self._coding.byte_order == "unsure":
            # A grid of whole frames, so that no split changes the evidence.
            step = EVIDENCE_BYTES // self._frame_bytes * self._frame_bytes or self._frame_bytes
            while self._coding.byte_order == "unsure" and len(data) - at >= step:
                yield self._decide_order(data, at, step)
                at += step
            if self._coding.byte_order == "unsure":
                self._held = data[at:]
                return
        yield from self._push_samples(data, at, final=False)

    def _push_samples(self, data: bytes, at: int, *, final: bool) -> Iterator[Pcm]:
        """Yield samples up to audio in another format; hold what may begin it.

        Raises:
            CorruptStream: there is some.
        """
        wav_at, is_wav = find_header(data, at)
        stop, other = find_other(data, at, final=final)
        if wav_at < stop and (is_wav or not final):
            stop, other = wav_at, "wav" if is_wav else None
        end = stop - (stop - at) % self._frame_bytes
        self._held = data[end:]
        while at < end:
            size_bytes = min(self._most_bytes, end - at)
            yield self._block(data, at, size_bytes)
            at += size_bytes
        if other is not None:
            raise CorruptStream(f"{other} audio follows the raw samples, and is not played")

    def _decide_order(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        """Decode a stretch that decides the byte order, unless it is silence."""
        stretch = data[at : at + size_bytes]
        order = byte_order_of(stretch, self._coding.bytes_per_sample)
        if order is not None:
            self._coding = self._coding._replace(byte_order=order)
        return self._block(stretch, 0, size_bytes)

    def _block(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        if self._is_plain:
            samples = np.frombuffer(data, "<i2", size_bytes // 2, at)
        else:
            samples = samples_from(self._coding, data, at, size_bytes)
        return Pcm(samples.reshape(-1, self._channels), self._rate_hz)

    def _finish(self) -> Iterator[Pcm]:
        if self._coding.byte_order != "unsure":
            yield from self._push_samples(self._held, 0, final=True)
        size_bytes = len(self._held) // self._frame_bytes * self._frame_bytes
        if size_bytes:  # too little to be sure of the order
            yield self._decide_order(self._held, 0, size_bytes)
        missing = self._held[size_bytes:]
        if missing:
            raise TruncatedStream(
                f"the PCM stream ends inside a frame: {len(missing)} of {self._frame_bytes} bytes"
            )
