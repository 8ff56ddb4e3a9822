"""Samples to FLAC, bit for bit (RFC 9639).

A stream opens with a STREAMINFO that leaves open what is not known yet, as section
8.2 allows: length, MD5, and the sizes of the frames. The header patch of a file
tells them. They are counted here, because libav's own STREAMINFO of the end goes
through its MD5 twice and comes out wrong.

A decoder knows the end of a frame by the header of the next, so what is heard is
two blocks late. libav would make them of 105 ms. Here they are the longest of the
standard sizes within 50 ms, which makes speech no larger but 1 or 2 % smaller at
24 and 48 kHz; at 20 ms it would grow by up to 8 %.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import to_int16
from voicecli.codecs.decoding.base import RATES_HZ
from voicecli.codecs.encoding.blocks import Blocks
from voicecli.codecs.encoding.encoder import Coded, PushEncoder
from voicecli.codecs.encoding.libav import PacketEncoder
from voicecli.codecs.encoding.pcm import little_endian
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

_MOST_BLOCK_S = 0.05
_BLOCK_FRAMES = sorted((192, *(576 << n for n in range(4)), *(256 << n for n in range(5))))
_LAST_STREAMINFO = b"fLaC\x80\x00\x00\x22"  # 34 bytes, and no metadata after it
_MOST_TOTAL_FRAMES = (1 << 36) - 1
_MOST_RATE_HZ, _MOST_ODD_RATE_HZ = 655_350, 65_535  # beyond the latter in tens (§9.1.2)


class FlacEncoder(PushEncoder):
    """16-bit FLAC; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: 1000 to 65535, or a multiple of ten up to 655350.
        channels: 1 or 2.

    Raises:
        ConfigError: a rate that FLAC's frame header cannot tell, or nobody believes.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        in_tens = sample_rate_hz > _MOST_ODD_RATE_HZ
        if not RATES_HZ[0] <= sample_rate_hz <= _MOST_RATE_HZ or (in_tens and sample_rate_hz % 10):
            raise ConfigError(
                f"FLAC has no {sample_rate_hz} Hz",
                remedy="its rates go from 1000 up to 65535 Hz, and by tens up to 655350 Hz",
            )
        super().__init__(sample_rate_hz, channels)
        most_frames = sample_rate_hz * _MOST_BLOCK_S
        block = max((n for n in _BLOCK_FRAMES if n <= most_frames), default=_BLOCK_FRAMES[0])
        self._codec = PacketEncoder(
            "flac", "s16", sample_rate_hz, channels, options={"frame_size": str(block)}
        )
        self._blocks = Blocks(block, channels, np.int16)
        self._open_info = _opened(self._codec.extradata)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._coded_frames = 0
        self._packet_bytes: list[int] = []  # the least and the most so far

    def _push(self, samples: Samples) -> Iterator[Coded]:
        for block in self._blocks.put(to_int16(samples)):
            yield from self._encode(block)

    def _finish(self) -> Iterator[Coded]:
        rest = self._blocks.rest()
        if rest.shape[0]:
            yield from self._encode(rest)
        for packet in self._codec.finish():  # a short block waits for the end
            yield self._coded(packet)

    def _encode(self, block: Samples) -> Iterator[Coded]:
        self._md5.update(little_endian(block))
        self._coded_frames += block.shape[0]
        for packet in self._codec.encode(block):
            yield self._coded(packet)

    def _coded(self, packet: bytes) -> Coded:
        sizes_bytes = (*self._packet_bytes, len(packet))
        self._packet_bytes = [min(sizes_bytes), max(sizes_bytes)]
        return Coded(packet, self._coded_frames)

    def _header(self) -> bytes:
        return _LAST_STREAMINFO + self._open_info

    def _patch(self) -> bytes | None:
        """STREAMINFO with all it can tell (section 8.2); 36 bits have to do for the length."""
        info = self._open_info
        total = self._coded_frames if self._coded_frames <= _MOST_TOTAL_FRAMES else 0
        sizes = b"".join(size.to_bytes(3, "big") for size in self._packet_bytes or (0, 0))
        shape = int.from_bytes(info[10:18], "big") | total
        return _LAST_STREAMINFO + info[:4] + sizes + shape.to_bytes(8, "big") + self._md5.digest()


def _opened(info: bytes) -> bytes:
    """STREAMINFO with frame sizes open, for which libav puts an upper bound."""
    return info[:4] + bytes(6) + info[10:]
