"""The header of a 16-bit PCM WAV, for streams and files.

The canonical 44 bytes (IBM and Microsoft, Multimedia Programming Interface and
Data Specifications 1.0, 1991, chapter 3)::

    0  "RIFF" size+36 "WAVE"          36  "data" size
    12 "fmt " 16 tag channels rate bytes/s bytes/frame bits     44  frames, little-endian
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _BITS = 1, 16  # WAVE_FORMAT_PCM
_BEFORE_SIZE_BYTES = 8  # RIFF's size counts neither its own field nor the four letters
_UNKNOWN_SIZE = 0xFFFF_FFFF

HEADER_BYTES = _HEADER.size

MAX_DATA_BYTES = 0xFFFF_FFFF - (HEADER_BYTES - _BEFORE_SIZE_BYTES)
"""Most data that RIFF's 32-bit sizes can express: 4 GiB, 24 hours of 24 kHz mono."""


def wav_header(rate_hz: int, channels: int, data_bytes: int | None) -> bytes:
    """Return the 44 bytes before ``data_bytes`` of interleaved 16-bit little-endian PCM.

    None stands for a stream of unknown length: both size fields are 0xFFFFFFFF, as
    OpenAI and most other servers send, and players read until the end.
    """
    riff_bytes = HEADER_BYTES - _BEFORE_SIZE_BYTES + (data_bytes or 0)
    if data_bytes is None:
        riff_bytes = data_bytes = _UNKNOWN_SIZE
    frame_bytes = channels * _BITS // 8
    return _HEADER.pack(
        *(b"RIFF", riff_bytes, b"WAVE", b"fmt ", 16, _PCM, channels),
        *(rate_hz, rate_hz * frame_bytes, frame_bytes, _BITS),
        *(b"data", data_bytes),
    )
