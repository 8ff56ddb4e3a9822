"""WAV and Ogg files built byte by byte.

The Ogg checksum here is RFC 3533's, bit by bit, and independent of the code under test.
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


FIRST, LAST, CONTINUED = 2, 4, 1


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """A RIFF chunk, padded to even length; ``size`` overrides its size field."""
    claimed = len(body) if size is None else size
    return name + struct.pack("<I", claimed) + body + b"\0" * (len(body) & 1)


def fmt(
    channels: int = 1,
    rate_hz: int = 24_000,
    bits: int = 16,
    tag: int = 1,
    *,
    align: int | None = None,
) -> bytes:
    align = channels * ((bits + 7) // 8) if align is None else align
    return chunk(
        b"fmt ",
        struct.pack(
            "<HHIIHH", tag, channels, rate_hz, rate_hz * align & 0xFFFFFFFF, align & 0xFFFF, bits
        ),
    )


def extensible(
    channels: int, rate_hz: int, bits: int, tag: int, tail: bytes | None = None
) -> bytes:
    """A WAVE_FORMAT_EXTENSIBLE format chunk."""
    guid_tail = bytes.fromhex("000000001000800000aa00389b71") if tail is None else tail
    align = channels * bits // 8
    body = struct.pack("<HHIIHH", 0xFFFE, channels, rate_hz, rate_hz * align, align, bits)
    body += struct.pack("<HHIH", 22, bits, 0, tag) + guid_tail
    return chunk(b"fmt ", body)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """A RIFF/WAVE file of whole chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def wav(samples: NDArray, rate_hz: int = 24_000, size: int | None = None) -> bytes:
    """A 16-bit WAV; ``size`` goes into both size fields."""
    return riff(fmt(samples.shape[1], rate_hz), chunk(b"data", samples.tobytes(), size), size=size)


@functools.cache
def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        register = byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x04C11DB7 if register & 0x80000000 else 0)
        table.append(register & 0xFFFFFFFF)
    return table


def crc(data: bytes) -> int:
    """Ogg's checksum, as the RFC describes it."""
    table, register = _crc_table(), 0
    for byte in data:
        register = ((register << 8) & 0xFFFFFFFF) ^ table[register >> 24 ^ byte]
    return register


def lace(packets: Sequence[bytes], *, open_end: bool = False) -> bytes:
    """Lacing values of packets; with ``open_end`` the last continues (its length is 255 n)."""
    values = bytearray()
    for packet in packets:
        values += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    if open_end:
        assert values.pop() == 0
    return bytes(values)


def page(
    packets: Sequence[bytes],
    *,
    serial: int = 7,
    sequence: int = 0,
    granule: int = 0,
    flags: int = 0,
    open_end: bool = False,
) -> bytes:
    lacing = lace(packets, open_end=open_end)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, sequence, 0, len(lacing))
    whole = head + lacing + b"".join(packets)
    return whole[:22] + struct.pack("<I", crc(whole)) + whole[26:]


def opus_head(
    channels: int = 1,
    pre_skip: int = 312,
    gain_q8: int = 0,
    version: int = 1,
    family: int = 0,
    mapping: bytes = b"",
) -> bytes:
    fixed = struct.pack(
        "<8sBBHIhB", b"OpusHead", version, channels, pre_skip, 48_000, gain_q8, family
    )
    return fixed + mapping


OPUS_TAGS = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)


def opus_pages(
    packets: Sequence[bytes],
    *,
    per_page: int = 5,
    serial: int = 7,
    head: bytes | None = None,
    start_granule: int = 0,
    trim: int = 0,
    frame: int = 960,
    mark_last: bool = True,
) -> list[bytes]:
    """The pages of one Ogg Opus stream; ``trim`` frames are padding at its end."""
    pages = [
        page([opus_head() if head is None else head], serial=serial, flags=FIRST),
        page([OPUS_TAGS], serial=serial, sequence=1),
    ]
    for at in range(0, len(packets), per_page):
        some = packets[at : at + per_page]
        is_last = at + per_page >= len(packets)
        granule = start_granule + (at + len(some)) * frame - (trim if is_last else 0)
        flags = LAST if is_last and mark_last else 0
        pages.append(page(some, serial=serial, sequence=len(pages), granule=granule, flags=flags))
    return pages
