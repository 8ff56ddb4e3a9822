"""libopus's encoder on memory that Python owns.

opuslib's own ``encode`` copies each packet through a list of its bytes, and its ``ctl``
passes variadic arguments without prototypes, which is wrong on some processors. As in
`voicecli.codecs.libopus` the same C functions are called through private prototypes.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from voicecli.codecs.libopus import c_function

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples

_APPLICATION_AUDIO = 2049  # these from opus_defines.h
_SET_BITRATE_REQUEST = 4002
_GET_LOOKAHEAD_REQUEST = 4027

MAX_PACKET_BYTES = 1276
"""The TOC byte and the longest frame of up to 20 ms (RFC 6716 section 3.4)."""


_pointer, _int = ctypes.c_void_p, ctypes.c_int
_get_size = c_function("opus_encoder_get_size", _int, _int)
_init = c_function("opus_encoder_init", _int, _pointer, ctypes.c_int32, _int, _int)
_ctl = c_function("opus_encoder_ctl", _int, _pointer, _int)
_encode = c_function(
    "opus_encode_float", ctypes.c_int32, _pointer, _pointer, _int, _pointer, ctypes.c_int32
)


class OpusPacketEncoder:
    """Encoder state of one Opus stream; one thread at a time.

    Python owns the memory of the state, so there is nothing to close. The application
    is "audio", which leaves the voice as it is; "VoIP" filters it for bad lines. libopus
    chooses its modes by the bitrate.

    Args:
        rate_hz: 8000, 12000, 16000, 24000 or 48000.
        channels: 1 or 2.
        bitrate_bps: average bits per second; libopus varies them with the audio.

    Raises:
        ValueError: libopus rejects a setting.
    """

    def __init__(self, rate_hz: int, channels: int, bitrate_bps: int) -> None:
        self._memory = ctypes.create_string_buffer(max(1, _get_size(channels)))
        self._state = ctypes.addressof(self._memory)
        if _init(self._state, rate_hz, channels, _APPLICATION_AUDIO) != 0:
            raise ValueError(f"libopus cannot encode {channels} channels at {rate_hz} Hz")
        if _ctl(self._state, _SET_BITRATE_REQUEST, _int(bitrate_bps)) != 0:
            raise ValueError(f"libopus cannot encode {bitrate_bps} bit/s")
        self._packet = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._packet_at = ctypes.addressof(self._packet)

    @property
    def lookahead_frames(self) -> int:
        """Frames by which decoded audio is delayed, at the encoder's rate."""
        frames = _int()
        _ctl(self._state, _GET_LOOKAHEAD_REQUEST, ctypes.byref(frames))
        return frames.value

    def encode(self, block: Samples) -> bytes:
        """Encode a C-contiguous float32 block of 2.5, 5, 10 or 20 ms to one packet.

        Raises:
            ValueError: libopus rejects the block.
        """
        assert block.dtype == np.float32
        assert block.flags.c_contiguous
        size_bytes = _encode(
            self._state, block.ctypes.data, block.shape[0], self._packet_at, MAX_PACKET_BYTES
        )
        if size_bytes < 0:
            raise ValueError(f"libopus cannot encode a block of {block.shape[0]} frames")
        return ctypes.string_at(self._packet_at, size_bytes)
