"""FLAC's headers, pure: STREAMINFO and the frame header with its CRC-8 (RFC 9639).

A frame does not state its length. Its end is recognised by the next header: 14 bits of
sync, a CRC-8 over itself, the stream's own rate, channels and depth, and a frame or
sample number that continues where this frame ends. All of that occurring by chance in
compressed audio is less likely than a memory error.
"""

# ruff: noqa: PLR2004  the numbers are the standard's own codes and field widths

from __future__ import annotations

from dataclasses import dataclass

STREAMINFO_BYTES = 34
MAX_HEADER_BYTES = 16

_CRC8_POLYNOMIAL = 0x07
_CRC16_POLYNOMIAL = 0x8005
# §9.1.1 to §9.1.4, by code; None if a field after the number, or STREAMINFO, states it.
BLOCK_FRAMES = (0, 192, *(576 << n for n in range(4)), None, None, *(256 << n for n in range(8)))
_RATES_HZ = (
    *(None, 88200, 176400, 192000, 8000, 16000),
    *(22050, 24000, 32000, 44100, 48000, 96000),
)
_BITS = (None, 8, 12, 0, 16, 20, 24, 32)
_LONGEST_NUMBER_BYTES = 7


def _crc_table(polynomial: int, width_bits: int) -> tuple[int, ...]:
    top, mask = 1 << width_bits - 1, (1 << width_bits) - 1
    table = []
    for byte in range(256):
        crc = byte << width_bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
        table.append(crc)
    return tuple(table)


_CRC8 = _crc_table(_CRC8_POLYNOMIAL, 8)
_CRC16 = _crc_table(_CRC16_POLYNOMIAL, 16)


def crc8(data: bytes) -> int:
    """Compute the CRC-8 of a frame header; 0 over a header with its own CRC (§9.1.8)."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def crc16(data: bytes, crc: int = 0) -> int:
    """Compute the CRC-16 of a frame; 0 over a frame with its own CRC (§9.3). Slow: 10 MB/s.

    ``crc`` is that of the bytes before ``data``.
    """
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """The STREAMINFO block (§8.2); ``total_frames`` is None if the encoder did not know it."""

    raw: bytes
    rate_hz: int
    channels: int
    bits: int
    total_frames: int | None

    @classmethod
    def of_frame(cls, head: bytes) -> StreamInfo | None:
        """Make the block of a stream without one from its first frame's header.

        Returns None if ``head`` does not begin with a header that states all of it.
        """
        header = flac_frame_header(head, 0, cls(b"", 0, 0, 0, None))
        if header is None or not header.rate_hz or not header.bits:
            return None
        word = header.rate_hz << 44 | header.channels - 1 << 41 | header.bits - 1 << 36
        blocks = (16).to_bytes(2, "big") + (0xFFFF).to_bytes(2, "big")
        return cls.parse(blocks + bytes(6) + word.to_bytes(8, "big") + bytes(16))

    @classmethod
    def parse(cls, raw: bytes) -> StreamInfo:
        """Parse the 34 bytes of the block."""
        word = int.from_bytes(raw[10:18], "big")
        return cls(
            raw=raw,
            rate_hz=word >> 44,
            channels=(word >> 41 & 7) + 1,
            bits=(word >> 36 & 31) + 1,
            total_frames=word & 0xFFFFFFFFF or None,
        )


@dataclass(frozen=True, slots=True)
class FlacFrameHeader:
    """The header of one frame (§9.1); ``number`` counts frames, or samples if ``variable``."""

    raw: bytes
    block_frames: int
    rate_hz: int
    channels: int
    bits: int
    variable: bool
    number: int

    @property
    def header_bytes(self) -> int:
        """Size of the header, CRC included."""
        return len(self.raw)

    @property
    def max_bytes(self) -> int:
        """Size that no frame of this shape exceeds: verbatim samples, with slack for headers.

        The side channel of a stereo pair takes one extra bit.
        """
        return self.block_frames * self.channels * (self.bits + 1) // 8 + 4096

    @property
    def next_number(self) -> int:
        """The number of the next frame."""
        return self.number + (self.block_frames if self.variable else 1)

    def continues(self, before: FlacFrameHeader) -> bool:
        """Tell whether this is the header of the frame right after ``before``.

        If rate or channels change there, that alone is a weak sign.
        """
        return (
            self.number == before.next_number
            and self.variable == before.variable
            and self.bits == before.bits
        )

    def is_like(self, before: FlacFrameHeader) -> bool:
        """Tell whether rate and channels are the same."""
        return (self.rate_hz, self.channels) == (before.rate_hz, before.channels)


def flac_frame_header(data: bytes | bytearray, at: int, info: StreamInfo) -> FlacFrameHeader | None:
    """Parse the frame header at ``at``; None if there is none, or not all of it.

    `MAX_HEADER_BYTES` bytes are enough to decide.
    """
    head = bytes(data[at : at + MAX_HEADER_BYTES])
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8:
        return None
    block_code, rate_code = head[2] >> 4, head[2] & 15
    channel_code, bits = head[3] >> 4, _BITS[head[3] >> 1 & 7]
    if block_code == 0 or rate_code == 15 or channel_code > 10 or bits == 0 or head[3] & 1:
        return None
    number, at = _coded_number(head, 4)
    block_frames = BLOCK_FRAMES[block_code]
    if block_frames is None:
        width = block_code - 5
        block_frames = int.from_bytes(head[at : at + width], "big") + 1
        at += width
    rate_hz = info.rate_hz if rate_code == 0 else None
    if 0 < rate_code < len(_RATES_HZ):
        rate_hz = _RATES_HZ[rate_code]
    elif rate_code >= len(_RATES_HZ):
        width, unit_hz = ((1, 1000), (2, 1), (2, 10))[rate_code - len(_RATES_HZ)]
        rate_hz = int.from_bytes(head[at : at + width], "big") * unit_hz
        at += width
    if number is None or rate_hz is None or at >= len(head) or crc8(head[: at + 1]):
        return None
    return FlacFrameHeader(
        raw=head[: at + 1],
        block_frames=block_frames,
        rate_hz=rate_hz,
        channels=channel_code + 1 if channel_code < 8 else 2,
        bits=info.bits if bits is None else bits,
        variable=bool(head[1] & 1),
        number=number,
    )


def _coded_number(head: bytes, at: int) -> tuple[int | None, int]:
    """Parse the number at ``at``, in UTF-8 extended to 36 bits (§9.1.5); return it and its end."""
    first = head[at]
    ones = 8 - (first ^ 0xFF).bit_length()
    if ones == 0:
        return first, at + 1
    tail = head[at + 1 : at + ones]
    if ones == 1 or ones > _LONGEST_NUMBER_BYTES or any(byte >> 6 != 2 for byte in tail):
        return None, at + 1
    number = first & (0x7F >> ones)
    for byte in tail:
        number = number << 6 | byte & 0x3F
    return number, at + ones
