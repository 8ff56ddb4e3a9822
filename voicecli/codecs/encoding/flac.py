"""Samples to FLAC, bit for bit (RFC 9639).

A stream opens with a STREAMINFO that leaves length and MD5 open, as section 8.2
allows; both follow in the header patch of a file.

A decoder knows the end of a frame by the header of the next, so what is heard is
two blocks late. libav would make them of 105 ms. Here they are the longest of the
standard sizes within 50 ms, which costs speech 3 to 4 % in size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio import to_int16
from voicecli.codecs.encoding.avencoder import PacketEncoder
from voicecli.codecs.encoding.blocks import Blocks
from voicecli.codecs.encoding.push import Coded, PushEncoder
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio import Samples

_MOST_BLOCK_S = 0.05
_BLOCK_FRAMES = sorted((192, *(576 << n for n in range(4)), *(256 << n for n in range(5))))
_LAST_STREAMINFO = b"fLaC\x80\x00\x00\x22"  # 34 bytes, and no metadata after it
_MOST_RATE_HZ, _MOST_ODD_RATE_HZ = 655_350, 65_535  # beyond the latter in tens (§9.1.2)


class FlacEncoder(PushEncoder):
    """16-bit FLAC; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: up to 65535, or a multiple of ten up to 655350.
        channels: 1 or 2.

    Raises:
        ConfigError: a rate that FLAC's frame header cannot tell.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        in_tens = sample_rate_hz > _MOST_ODD_RATE_HZ
        if not 0 < sample_rate_hz <= _MOST_RATE_HZ or (in_tens and sample_rate_hz % 10):
            raise ConfigError(
                f"FLAC has no {sample_rate_hz} Hz",
                remedy="its rates go up to 65535 Hz, and by tens up to 655350 Hz",
            )
        super().__init__(sample_rate_hz, channels)
        most_frames = sample_rate_hz * _MOST_BLOCK_S
        block = max((n for n in _BLOCK_FRAMES if n <= most_frames), default=_BLOCK_FRAMES[0])
        self._codec = PacketEncoder(
            "flac", "s16", sample_rate_hz, channels, options={"frame_size": str(block)}
        )
        self._blocks = Blocks(block, channels, np.int16)
        self._coded_frames = 0

    def _push(self, samples: Samples) -> Iterator[Coded]:
        for block in self._blocks.put(to_int16(samples)):
            yield from self._encode(block)

    def _finish(self) -> Iterator[Coded]:
        rest = self._blocks.rest()
        if rest.shape[0]:
            yield from self._encode(rest)
        for packet in self._codec.finish():
            yield Coded(packet, self._fed_frames)

    def _encode(self, block: Samples) -> Iterator[Coded]:
        self._coded_frames += block.shape[0]
        for packet in self._codec.encode(block):
            yield Coded(packet, self._coded_frames)

    def _header(self) -> bytes:
        return _LAST_STREAMINFO + self._codec.extradata

    def _patch(self) -> bytes | None:
        return _LAST_STREAMINFO + self._codec.extradata
