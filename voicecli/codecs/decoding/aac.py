"""AAC in ADTS frames to samples.

ADTS states neither priming nor length. AAC is a lapped transform, though: the first
block out of a decoder has no predecessor to overlap with and is half of a window,
aliased. Every encoder therefore primes with at least one block (FFmpeg's with 1024
frames, Apple's with 2112), and this block is not played. Further priming, and the
padding of the last block (less than 1024 frames with FFmpeg's), cannot be known and
is played; unless the last block states its padding, as our own encoder's does
(`voicecli.codecs.decoding.padding_marker`).

SBR (HE-AAC) is not in the ADTS header either: rate and frames per block come from the
decoded block. So do the channels: mono with SBR comes out as two equal channels,
because parametric stereo may begin with any frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.libav import Concealer, LibavPacketDecoder
from voicecli.codecs.decoding.mpeg import ADTS
from voicecli.codecs.decoding.mpegsync import FrameReader
from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, MARKER_BYTES, adts_padding
from voicecli.errors import CorruptStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Pcm
    from voicecli.codecs.decoding.mpegsync import Frame

_FIXED_HEADER_BYTES = 7
_CRC_BYTES = 2
_NAME_EVERY_FRAMES = 256
_NAME_WITHIN_BYTES = 8 + len(DATA_ELEMENT) + MARKER_BYTES  # the first frame may be the last too


class AacDecoder(PushDecoder):
    """AAC-LC and HE-AAC in ADTS to float32; a `Decoder`.

    Streams laid end to end are distinguished by a change of rate, channels or profile,
    by the padding marker of our encoder, and by the name of FFmpeg's; at other seams
    the second stream's priming is played. ID3 tags do not count as seams: HLS puts
    one before each segment. Damaged frames become silence of their length; frames
    whose header is damaged are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = FrameReader(ADTS)
        self._concealer = Concealer(LibavPacketDecoder("aac"))
        self._decoded_any = False
        self._identity: int | None = None
        self._adts_frames = 0
        self._priming = True

    def _push(self, data: bytes) -> Iterator[Pcm]:
        for frame in self._reader.feed(data):
            yield from self._decode(frame)

    def _finish(self) -> Iterator[Pcm]:
        for frame in self._reader.finish():
            yield from self._decode(frame)
        if not self._decoded_any:
            raise CorruptStream("the stream contains no AAC audio")

    def _decode(self, frame: Frame) -> Iterator[Pcm]:
        if frame.header.identity != self._identity or self._opens_stream(frame):
            self._identity, self._adts_frames = frame.header.identity, 0
            self._concealer = Concealer(LibavPacketDecoder("aac"))
            self._priming = True
        self._adts_frames += 1
        blocks = list(self._decode_packets(frame))
        padding_frames = adts_padding(frame)
        if padding_frames is not None:
            self._identity = None  # whatever follows is another stream
            if blocks:
                last = blocks.pop()
                samples = last.samples[: max(0, last.frames - padding_frames)]
                blocks += [last.with_samples(samples)] if len(samples) else []
        yield from blocks

    def _decode_packets(self, frame: Frame) -> Iterator[Pcm]:
        packets = single_block_packets(frame)
        for packet in packets:
            for pcm in self._concealer.decode(packet, frame.header.frames // len(packets)):
                if not self._priming:
                    yield pcm
                self._priming = False
        self._decoded_any |= self._concealer.decoded_any

    def _opens_stream(self, frame: Frame) -> bool:
        """Tell whether FFmpeg's encoder marked this frame as its first.

        It writes its name into a fill element at the start of its first frame and of
        each 256th after (libavcodec/aacenc.c, ``put_bitstream_info``). The name in any
        other frame means that another stream has begun.
        """
        at = frame.header.header_bytes
        named = b"Lavc" in frame.data[at : at + _NAME_WITHIN_BYTES]
        return named and self._adts_frames % _NAME_EVERY_FRAMES != 0


def single_block_packets(frame: Frame) -> list[bytes]:
    """Split an ADTS frame into packets that libav can decode.

    libav handles several raw data blocks, unless each is followed by a CRC. Such a
    frame states where its blocks begin (ISO/IEC 14496-3 §1.A.2.2.1,
    ``adts_header_error_check``), and is split into frames of one block.
    """
    data = frame.data
    blocks = (data[6] & 3) + 1
    begin = _FIXED_HEADER_BYTES + 2 * (blocks - 1) + _CRC_BYTES
    if blocks == 1 or frame.header.header_bytes == _FIXED_HEADER_BYTES:
        return [data]
    starts = [
        begin + int.from_bytes(data[at : at + 2], "big")
        for at in range(_FIXED_HEADER_BYTES, begin - _CRC_BYTES, 2)
    ]
    edges = [begin, *starts, len(data)]
    return [_with_header(data, data[edges[i] : edges[i + 1] - _CRC_BYTES]) for i in range(blocks)]


def _with_header(header: bytes, block: bytes) -> bytes:
    """Put ``block`` behind a copy of the ADTS header that says: no CRC, one block, this length."""
    length = _FIXED_HEADER_BYTES + len(block)
    word = int.from_bytes(header[:_FIXED_HEADER_BYTES], "big")
    word = word & ~(0x1FFF << 13) & ~3 | 1 << 40 | length << 13
    return word.to_bytes(_FIXED_HEADER_BYTES, "big") + block
