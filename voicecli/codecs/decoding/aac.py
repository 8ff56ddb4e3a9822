"""AAC in ADTS frames to samples.

ADTS tells neither priming nor length. One thing is certain all the same: AAC is
a lapped transform, so the first block a decoder puts out has no predecessor to
overlap with and is half of a window, aliased. Every encoder therefore primes
with at least one block (FFmpeg's with 1024 frames, Apple's with 2112), and this
block is not played. What an encoder primes beyond it, and the padding of the
last block, less than 1024 frames with FFmpeg's, cannot be known and is played;
unless the last block tells its padding itself, as those of our own encoder do
(`voicecli.codecs.decoding.padding_marker`).

SBR (HE-AAC) is not in the ADTS header either: rate and frames per block come
from the decoded block. So do the channels: mono with SBR comes as two that are
alike, because parametric stereo may begin with any frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.libav import Concealer, LibavPacketDecoder
from voicecli.codecs.decoding.mpeg import ADTS
from voicecli.codecs.decoding.mpegsync import FrameReader
from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, MARK_BYTES, adts_padding
from voicecli.errors import CorruptStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.codecs.decoding.mpegsync import Frame

_FIXED_HEADER_BYTES = 7
_CRC_BYTES = 2
_IDENT_EVERY_FRAMES = 256
_IDENT_WITHIN_BYTES = 8 + len(DATA_ELEMENT) + MARK_BYTES  # the first frame may be the last too


class AacDecoder(PushDecoder):
    """AAC-LC and HE-AAC in ADTS to float32; see `voicecli.codecs.decoding.base.Decoder`.

    Streams laid end to end are told apart by a change of rate, channels or
    profile, by the end mark of our encoder, and by the name of FFmpeg's; other
    seams play the second stream's priming. ID3 tags do not count as seams: HLS
    puts one before each segment. Damaged frames become silence of their length;
    those whose header is, and is not recognised, are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = FrameReader(ADTS)
        self._concealer = Concealer(LibavPacketDecoder("aac"))
        self._decoded_any = False
        self._identity: int | None = None
        self._adts_frames = 0
        self._priming = True

    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        for frame in self._reader.feed(data):
            blocks += self._take(frame)

    def _finish(self, blocks: list[Pcm]) -> None:
        for frame in self._reader.finish():
            blocks += self._take(frame)
        if not self._decoded_any:
            raise CorruptStream("the stream holds no AAC audio")

    def _take(self, frame: Frame) -> list[Pcm]:
        if frame.header.identity != self._identity or self._opens_stream(frame):
            self._identity, self._adts_frames = frame.header.identity, 0
            self._concealer = Concealer(LibavPacketDecoder("aac"))
            self._priming = True
        self._adts_frames += 1
        blocks = list(self._decode(frame))
        self._decoded_any |= self._concealer.decoded_any
        padding_frames = adts_padding(frame)
        if padding_frames is not None:
            self._identity = None  # whatever follows is another stream
            blocks[-1:] = [part for pcm in blocks[-1:] for part in _unpadded(pcm, padding_frames)]
        return blocks

    def _decode(self, frame: Frame) -> Iterator[Pcm]:
        packets = single_blocks(frame)
        for packet in packets:
            for pcm in self._concealer.decode(packet, frame.header.frames // len(packets)):
                if self._priming:
                    self._priming = False
                else:
                    yield pcm

    def _opens_stream(self, frame: Frame) -> bool:
        """Whether FFmpeg's encoder signed this frame as its first.

        It writes its name into a fill element of its first frame and of each
        256th after (libavcodec/aacenc.c, ``put_bitstream_info``), which opens the
        payload: where the name stands elsewhere, another stream has begun.
        """
        at = frame.header.header_bytes
        signed = b"Lavc" in frame.data[at : at + _IDENT_WITHIN_BYTES]
        return signed and self._adts_frames % _IDENT_EVERY_FRAMES != 0


def _unpadded(pcm: Pcm, padding_frames: int) -> Iterator[Pcm]:
    """What is left of a block, which may be nothing."""
    samples = pcm.samples[: max(0, pcm.frames - padding_frames)]
    if len(samples):
        yield Pcm(samples, pcm.rate_hz)


def single_blocks(frame: Frame) -> list[bytes]:
    """The packets that libav can decode of an ADTS frame.

    It goes through several raw data blocks by itself, unless each is followed by
    a CRC. Such a frame tells where its blocks begin (ISO/IEC 14496-3 §1.A.2.2.1,
    ``adts_header_error_check``), and is taken apart into frames of one block.
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
    """``block`` behind a copy of the ADTS header that says: no CRC, one block, this length."""
    length = _FIXED_HEADER_BYTES + len(block)
    word = int.from_bytes(header[:_FIXED_HEADER_BYTES], "big")
    word = word & ~(0x1FFF << 13) & ~3 | 1 << 40 | length << 13
    return word.to_bytes(_FIXED_HEADER_BYTES, "big") + block
