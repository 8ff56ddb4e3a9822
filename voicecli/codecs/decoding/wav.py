"""WAV as servers stream it: sizes that are not sizes, files laid end to end.

A RIFF file is a header, "RIFF" + size + "WAVE", and chunks, id + size + body padded
to even length; ``fmt`` says what the samples are, ``data`` holds them (Microsoft
and IBM, Multimedia Programming Interface 1.0; WAVE_FORMAT_EXTENSIBLE came later).

A server that streams knows no sizes when it sends the header. It writes 0,
0x7FFFFFFF or 0xFFFFFFFF, or one of these less a header's length. Some send a
whole file for each piece of speech, so the only sign that the data of one
has ended is the header of the next, at any byte. Headers are therefore looked
for within the data, and what may be the beginning of one is held back, at most
15 bytes and only while it goes on to look like one.

After data of known size nothing but a new header matters: trailing chunks,
padding and plain rubbish are passed over, so they can neither be played nor, by a
wrong size, hide the next file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.wavformat import WavFormat
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio.pcm import Pcm

_CHUNK = struct.Struct("<4sI")
_RIFF_BYTES = 12
_FMT_BYTES = 40  # as much of "fmt " as WAVE_FORMAT_EXTENSIBLE uses; the rest is skipped
_FIRST_CHUNKS = (b"fmt ", b"JUNK", b"junk", b"bext", b"LIST", b"fact")
_HEADER_BYTES = _RIFF_BYTES + 4

_INT16 = np.dtype("<i2")
_RI, _IF = (int.from_bytes(pair, "little") for pair in (b"RI", b"IF"))
_SHORT_BYTES = 1 << 16  # for fewer, calling numpy takes as long as a search

_UNKNOWN_FROM = 0x7F00_0000
"""Data sizes from here up are no sizes: 2 GiB less any header, or 4 GiB less any header."""


def find_header(buffer: bytes, start: int) -> tuple[int, bool]:
    """Where the next RIFF/WAVE header begins at or after ``start``.

    Returns its position and True, or the length of ``buffer`` less what may be
    the beginning of a header, and False. A header counts only with "WAVE" and
    the id of a first chunk behind it: 96 bits that no sound has by chance.
    """
    end = len(buffer)
    at = buffer.find(b"RIFF", start) if _may_hold_riff(buffer, start) else -1
    while at >= 0:
        if _may_be_header(buffer, at):
            return at, at + _HEADER_BYTES <= end
        at = buffer.find(b"RIFF", at + 1)
    tail_at = buffer.rfind(b"R", max(start, end - 3))
    return (tail_at if tail_at >= 0 and b"RIFF".startswith(buffer[tail_at:]) else end), False


def _may_hold_riff(buffer: bytes, start: int) -> bool:
    """Whether a search for "RIFF" is worth while: False is certain.

    Nearly always there is none, and not to find one takes less time from the end: 9 µs
    instead of 22 for 48 KB of sound with CPython 3.11 to 3.13 as GCC 12 compiles them by
    default, 5 instead of 6 with Debian's, which is tuned. Of much, numpy takes less.

    Of pairs of bytes from ``start`` on, one is "RI", or one ends in "R" and the next
    is "IF". As samples of 16 bits, "RI" is 57 % of full scale and what ends in "R"
    more, as speech seldom is, and numpy finds the loudest of many in a tenth of the
    time that the search takes; to compare all of them takes a third of it.
    """
    if len(buffer) - start < _SHORT_BYTES:
        return buffer.rfind(b"RIFF", start) >= 0
    pairs = np.frombuffer(buffer, _INT16, (len(buffer) - start) // 2, start)
    if np.maximum.reduce(pairs) < _RI:
        return False
    return bool((pairs == _RI).any() or (pairs == _IF).any())


def _may_be_header(buffer: bytes, at: int) -> bool:
    """Whether the bytes at ``at``, as far as they are there, are a header's."""
    form = buffer[at + 8 : at + 12]
    first = buffer[at + 12 : at + 16]
    return b"WAVE".startswith(form) and any(known.startswith(first) for known in _FIRST_CHUNKS)


class WavDecoder(PushDecoder):
    """RIFF/WAVE of 8 to 64 bits, one file or many in a row; a `Decoder`.

    8 and 16 bits come out as int16, exactly; everything else as float32. Rate,
    channels and sample type may change from file to file. 16-bit blocks are views
    of the chunk where it begins on a frame. Memory is the chunk fed and less than
    one frame or header besides.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""
        self._at = 0  # bytes of the buffer that are dealt with
        # No bound method: that would keep the decoder, and what it was fed, until the
        # garbage collector comes by.
        self._step: Callable[[WavDecoder, list[Pcm]], bool] = WavDecoder._read_riff
        self._layout: WavFormat | None = None
        self._skip_bytes = 0
        self._may_be_padded = False
        self._frame_bytes = 0
        self._left_bytes: int | None = None  # of the data chunk; None: size unknown
        self._short: TruncatedStream | None = None  # told at the end, the first one

    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        while self._step(self, blocks):
            pass

    def _finish(self, blocks: list[Pcm]) -> None:
        if self._step is WavDecoder._read_data:
            stop = len(self._buffer)
            if self._left_bytes is not None:
                stop = min(stop, self._at + self._left_bytes)
            if self._left_bytes or stop > self._at:
                self._emit(stop, blocks)
                self._end_data(stop)
        elif self._step is not WavDecoder._seek_riff:
            self._cut("the WAV stream ended before its data began")
        if self._short is not None:
            raise self._short

    # Steps: each does what the bytes at hand allow and returns whether another may follow.

    def _read_riff(self, _: list[Pcm]) -> bool:
        """Read a RIFF header that has to be here."""
        buffer, at = self._buffer, self._at
        if not (buffer.startswith(b"RIFF", at) and buffer.startswith(b"WAVE", at + 8)):
            return self._wait_for_riff(buffer[at : at + _RIFF_BYTES])
        self._at = at + _RIFF_BYTES
        self._layout = None
        self._step = WavDecoder._read_chunks
        return True

    def _wait_for_riff(self, head: bytes) -> bool:
        if head[:4] in (b"RIFX", b"RF64"):
            raise UnsupportedFormat(f"{head[:4].decode()} files are not supported, only RIFF WAV")
        if not b"RIFF".startswith(head[:4]) or not b"WAVE".startswith(head[8:]):
            raise CorruptStream("no RIFF/WAVE header where a WAV stream begins")
        return False

    def _read_chunks(self, _: list[Pcm]) -> bool:
        """Read the chunks before the data, of ``fmt`` what matters, and pass over the rest."""
        buffer, end = self._buffer, len(self._buffer)
        at = self._at + self._skip_bytes
        while at < end:
            if self._may_be_padded:
                # Ids never begin with NUL, so writers that forget the padding do no harm.
                at += buffer[at] == 0
                self._may_be_padded = False
            body = at + _CHUNK.size
            if body > end:
                break
            name, size = _CHUNK.unpack_from(buffer, at)
            if name == b"data":
                if self._layout is None:
                    raise CorruptStream("the WAV stream has data but no format before it")
                self._at = body
                self._skip_bytes = 0
                self._frame_bytes = self._layout.bytes_per_frame
                self._left_bytes = size if 0 < size < _UNKNOWN_FROM else None
                self._step = WavDecoder._read_data
                return True
            if name == b"fmt ":
                taken = min(size, _FMT_BYTES)
                if body + taken > end:
                    break
                self._layout = WavFormat.parse(buffer[body : body + taken])
            at = body + size
            self._may_be_padded = size & 1 == 1
        self._at = min(at, end)
        self._skip_bytes = at - self._at
        return False

    def _read_data(self, blocks: list[Pcm]) -> bool:
        """Emit samples up to the end of the data, the next header, or what may be one."""
        stop, is_end = find_header(self._buffer, self._at)
        if self._left_bytes is not None and self._at + self._left_bytes <= stop:
            stop, is_end = self._at + self._left_bytes, True
        self._emit(stop, blocks)
        if not is_end:
            return False
        self._end_data(stop)
        self._step = WavDecoder._seek_riff
        return stop < len(self._buffer)

    def _emit(self, stop: int, blocks: list[Pcm]) -> None:
        """Turn the whole frames before ``stop`` into a block."""
        layout, at = self._layout, self._at
        assert layout is not None
        taken = stop - at
        taken -= taken % self._frame_bytes
        if not taken:
            return
        blocks.append(layout.block(self._buffer, at, taken))
        self._at = at + taken
        if self._left_bytes is not None:
            self._left_bytes -= taken

    def _end_data(self, stop: int) -> None:
        """Leave the data at ``stop``, and note what is missing of it."""
        half_frame = stop - self._at
        missing = 0 if self._left_bytes is None else self._left_bytes - half_frame
        self._at = stop
        if missing:
            self._cut(f"the WAV data ended {missing} bytes short of the size in its header")
        elif half_frame:
            self._cut("the WAV data ended inside a frame")

    def _cut(self, message: str) -> None:
        self._short = self._short or TruncatedStream(message)

    def _seek_riff(self, _: list[Pcm]) -> bool:
        """Pass over everything up to the next file."""
        if self._at == len(self._buffer):
            return False
        self._at, found = find_header(self._buffer, self._at)
        if found:
            self._step = WavDecoder._read_riff
        return found
