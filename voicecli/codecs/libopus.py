"""libopus by way of opuslib, found even if the system has none.

opuslib calls ``ctypes.util.find_library("opus")`` when it is imported and raises a
bare ``Exception`` if the result is None. PyAV's wheel carries a libopus of its own,
which is preferred: it is the same on every machine, newer than most distributions',
and found without the linker and compiler that ``find_library`` runs. To that end
``find_library`` is replaced while opuslib is imported, for this one name only.

This happens in the module body so that the import lock guarantees it happens once,
whatever the threads.

opuslib's own ``decode`` builds a Python list of every sample. `OpusPacketDecoder`
calls the same C function on the caller's memory through private prototypes, so the
library looks unchanged to everyone else.

Raises on import:
    UnsupportedFormat: no libopus was found.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.errors import CorruptStream, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

_SET_GAIN_REQUEST = 4034  # opus_defines.h
MAX_PACKET_MS = 120
"""Longest packet (RFC 6716 section 3.2.5)."""

_MAX_LENGTHS_BYTES = 2 + 2 * 48
"""What a packet holds besides its frames, of which 2.5 ms is the shortest."""

_MAX_CONCEALED_S = 0.12
"""libopus keeps the block on its stack, and threads have small stacks."""


def bundled_with_av() -> str | None:
    """Return the path of the libopus inside PyAV's wheel, or None if it has none.

    Wheels keep libraries beside the package in ``av.libs`` (auditwheel on Linux,
    delvewheel on Windows) or inside it in ``.dylibs`` (delocate on macOS). PyAV
    itself is not imported.
    """
    spec = importlib.util.find_spec("av")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*opus[-.]*")):
            return str(path)
    return None


def _import_opuslib() -> Any:
    """Import opuslib and return its handle of the library, a `ctypes.CDLL`."""
    original = ctypes.util.find_library
    bundled = bundled_with_av()

    def find_library(name: str) -> str | None:
        return bundled if name == "opus" and bundled else original(name)

    ctypes.util.find_library = find_library
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # opuslib compares numbers by `is`
            return importlib.import_module("opuslib.api").libopus
    except Exception as fault:
        raise UnsupportedFormat(
            "Opus needs libopus, which was not found on this machine",
            remedy="install it (apt-get install libopus0, brew install opus), "
            "or reinstall PyAV from its wheel, which carries one",
        ) from fault
    finally:
        ctypes.util.find_library = original


_library = _import_opuslib()


def c_function(name: str, restype: Any, *argtypes: Any) -> Any:
    """Make a private handle of a C function: subscripting a CDLL gives a new one each time.

    ``restype`` and ``argtypes`` are `ctypes` types; leave out variadic arguments.
    """
    function = _library[name]
    function.restype = restype
    function.argtypes = argtypes
    return function


def _short_function(name: str, restype: Any, *argtypes: Any) -> Any:
    """Make a handle that keeps the interpreter's lock, for calls of about a microsecond.

    Another thread may take the lock whenever it is given up, and keep it much longer.
    """
    return ctypes.PYFUNCTYPE(restype, *argtypes)((name, _library))


_pointer, _int = ctypes.c_void_p, ctypes.c_int
_get_size = c_function("opus_decoder_get_size", _int, _int)
_init = c_function("opus_decoder_init", _int, _pointer, ctypes.c_int32, _int)
_ctl = c_function("opus_decoder_ctl", _int, _pointer, _int)
_decode = c_function(
    "opus_decode", _int, _pointer, ctypes.c_char_p, ctypes.c_int32, _pointer, _int, _int
)
_packet_frames = _short_function(
    "opus_packet_get_nb_samples", _int, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32
)
_repacketizer_get_size = _short_function("opus_repacketizer_get_size", _int)
_repacketizer_init = _short_function("opus_repacketizer_init", _pointer, _pointer)
_repacketizer_cat = _short_function(
    "opus_repacketizer_cat", _int, _pointer, ctypes.c_char_p, ctypes.c_int32
)
_repacketizer_out = _short_function(
    "opus_repacketizer_out", ctypes.c_int32, _pointer, _pointer, ctypes.c_int32
)
_multi_get_size = c_function("opus_multistream_decoder_get_size", _int, _int, _int)
_multi_init = c_function(
    "opus_multistream_decoder_init",
    *(_int, _pointer, ctypes.c_int32, _int, _int, _int, ctypes.c_char_p),
)
_multi_ctl = c_function("opus_multistream_decoder_ctl", _int, _pointer, _int)
_multi_decode = c_function(
    "opus_multistream_decode",
    *(_int, _pointer, ctypes.c_char_p, ctypes.c_int32, _pointer, _int, _int),
)


def version() -> str:
    """Return the library's version string, such as ``libopus 1.6.1``."""
    return str(c_function("opus_get_version_string", ctypes.c_char_p)().decode())


class OpusPacketDecoder:
    """Decoder state of one Opus stream; one thread at a time.

    Python owns the memory of the state, so there is nothing to close.

    Args:
        rate_hz: 8000, 12000, 16000, 24000 or 48000.
        channels: 1 or 2, whatever the packets hold; with a mapping, as many as it makes.
        gain_q8: output gain in dB, times 256 (RFC 7845 section 5.1).
        mapping: how packets of several streams make channels: the number of streams,
            how many of them are stereo, and each channel's source (RFC 7845 section 5.1.1).

    Raises:
        ValueError: libopus rejects the rate or the channels.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        gain_q8: int = 0,
        mapping: tuple[int, int, bytes] | None = None,
    ) -> None:
        size = _get_size(channels)
        if mapping is not None:
            size = _multi_get_size(*mapping[:2])
        self._memory = ctypes.create_string_buffer(max(1, size))
        self._state = ctypes.addressof(self._memory)
        if mapping is None:
            self._decode, ctl = _decode, _ctl
            status = _init(self._state, rate_hz, channels)
        else:
            self._decode, ctl = _multi_decode, _multi_ctl
            status = _multi_init(self._state, rate_hz, channels, *mapping)
        if status != 0:
            raise ValueError(f"libopus cannot decode {channels} channels at {rate_hz} Hz")
        if gain_q8:
            ctl(self._state, _SET_GAIN_REQUEST, _int(gain_q8))
        self._frame_bytes = 2 * channels
        self._max_concealed_frames = int(rate_hz * _MAX_CONCEALED_S)

    @staticmethod
    def packet_length(packet: bytes) -> int:
        """Return the frames at 48 kHz in a packet, by its first two bytes; 0 if it is invalid."""
        return max(0, int(_packet_frames(packet, len(packet), 48_000)))

    @staticmethod
    def merge(packets: Sequence[bytes]) -> bytes | None:
        """Merge packets into one that decodes to the same samples (RFC 6716 section 3.2.5).

        Decoding it takes one call, which gives up the interpreter's lock once. Returns None
        if the packets differ in configuration, last longer than `MAX_PACKET_MS` together, or
        are invalid.
        """
        state = ctypes.create_string_buffer(_repacketizer_get_size())
        address = ctypes.addressof(state)
        _repacketizer_init(address)
        if any(_repacketizer_cat(address, packet, len(packet)) for packet in packets):
            return None
        merged = ctypes.create_string_buffer(sum(map(len, packets)) + _MAX_LENGTHS_BYTES)
        size = _repacketizer_out(address, ctypes.addressof(merged), len(merged))
        return merged.raw[:size] if size > 0 else None

    def decode(self, packet: bytes, address: int, frames: int) -> None:
        """Decode one packet of ``frames`` frames to int16 at ``address``.

        Raises:
            CorruptStream: libopus rejects the packet; nothing was written.
        """
        if self._decode(self._state, packet, len(packet), address, frames, 0) != frames:
            raise CorruptStream("libopus rejects a packet")

    def recover(self, following: bytes, address: int, frames: int) -> None:
        """Write the ``frames`` lost just before the packet ``following``, to be decoded next.

        Uses the copy of its predecessor that ``following`` carries if the encoder put
        one in (forward error correction), else concealment.
        """
        if self._decode(self._state, following, len(following), address, frames, 1) != frames:
            self.conceal(address, frames)

    def conceal(self, address: int, frames: int) -> None:
        """Extrapolate ``frames`` (a multiple of 2.5 ms) from the latest audio, fading out."""
        while frames > 0:
            step = min(frames, self._max_concealed_frames)
            self._decode(self._state, None, 0, address, step, 0)
            address += step * self._frame_bytes
            frames -= step
