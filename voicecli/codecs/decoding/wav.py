"""WAV as servers stream it: with placeholder sizes, and files laid end to end.

A RIFF file is a header, "RIFF" + size + "WAVE", and chunks, id + size + body padded
to even length; ``fmt`` describes the samples, ``data`` holds them (Microsoft and IBM,
Multimedia Programming Interface 1.0; WAVE_FORMAT_EXTENSIBLE came later).

A streaming server does not know the sizes when it sends the header. It writes 0,
0x7FFFFFFF or 0xFFFFFFFF, or one of these less the length of a header, or a large round
number. Some send a whole file for each piece of speech, so the only sign that the data
of one has ended is the header of the next, at any byte. The data is therefore searched
for headers, and bytes that may begin one are held back: at most 15, while they match.

After data of known size come a new header, or chunks, tags and padding, which are not
played; a wrong size cannot hide the next file. Some servers send each further piece as
another ``data`` chunk, which is played. Some count only the first part of their speech,
and send the rest raw: anything else, if there is much of it, is sound.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from voicecli.audio.tags import CHUNK, padding_bytes
from voicecli.codecs.decoding.following import CHUNK_ID, find_header, find_other, is_trailer
from voicecli.codecs.decoding.framing import audio_at
from voicecli.codecs.decoding.reader import ReadingDecoder
from voicecli.codecs.decoding.sampleformat import (
    EVIDENCE_BYTES,
    MAX_BLOCK_BYTES,
    fills_low_bytes,
)
from voicecli.codecs.decoding.wavformat import WavFormat
from voicecli.codecs.raw_coding import S16LE
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio.pcm import Pcm
    from voicecli.codecs.decoding.reader import Reading

_RIFF_BYTES = 12
_FMT_BYTES = 40  # what WAVE_FORMAT_EXTENSIBLE uses of "fmt "; the rest is skipped

_PLACEHOLDER_FROM = 0x7F00_0000
"""Data sizes from here up are placeholders: 2 GiB or 4 GiB, less any header."""

_UNSURE_FROM = 1 << 30
"""Sizes from here up are searched for another format: some are placeholders as well."""

_MAX_EVIDENCE_BYTES = 1 << 20

_MIN_SOUND_BYTES = 2_048
"""Bytes behind the data that count as sound: 40 ms at 24 kHz."""

_MAX_BETWEEN_BYTES = 1 << 16
"""Upper bound on chunks between two ``data`` chunks: they are held until the second is found."""


class WavDecoder(ReadingDecoder):
    """RIFF/WAVE of 8 to 64 bits, one file or many in a row; a `Decoder`.

    8 and 16 bits become int16, exactly; everything else float32. Rate, channels and
    sample type may change from file to file. Aligned 16-bit blocks are views of the
    chunk fed. Memory is the chunk fed and less than one frame or header besides, or,
    if the header leaves the meaning of the samples open, the first of them.

    Args:
        trusted_s: longest sound in seconds whose size is believed if the stream ends before
            it. A larger one is a placeholder, such as 2,000,000,000. 0 if the transport
            notices an end that comes too early.
    """

    def __init__(self, *, trusted_s: float = inf) -> None:
        super().__init__("WAV")
        self._trusted_s = trusted_s

    def _read(self) -> Reading[None]:
        """Read all files; report at the very end that one of them was short."""
        short: TruncatedStream | None = None
        another = True
        while another:
            missing = yield from self._read_file()
            short = short or missing
            another = yield from self._find_next_file()
        if short is not None:
            raise short

    def _read_file(self) -> Reading[TruncatedStream | None]:
        """Read one file to the end of its sound; return what is missing."""
        yield from self._read_riff()
        layout, size_bytes = yield from self._read_chunks()
        block = yield from self._choose_block(layout, size_bytes)
        missing = yield from self._read_data(layout, block, size_bytes)
        yield from self._wait(1)
        if not self._ahead_bytes:
            return missing
        while (further_bytes := (yield from self._find_more_data(size_bytes))) is not None:
            size_bytes = further_bytes
            missing = (yield from self._read_data(layout, block, size_bytes)) or missing
        if (yield from self._is_more_sound(layout, block, size_bytes)):
            missing = yield from self._read_data(layout, block, 0)
        return missing

    def _read_riff(self) -> Reading[None]:
        """Read the RIFF header that must be here."""
        while True:
            head = self._peek(_RIFF_BYTES)
            if head[:4] in (b"RIFX", b"RF64"):
                name = head[:4].decode()
                raise UnsupportedFormat(f"{name} files are not supported, only RIFF WAV")
            if not b"RIFF".startswith(head[:4]) or not b"WAVE".startswith(head[8:]):
                raise CorruptStream("there is no RIFF/WAVE header where a WAV stream begins")
            if len(head) == _RIFF_BYTES:
                self._at += _RIFF_BYTES
                return
            yield from self._need(len(head) + 1)

    def _read_chunks(self) -> Reading[tuple[WavFormat, int]]:
        """Read ``fmt`` and skip other chunks up to the data; return the size it claims."""
        layout: WavFormat | None = None
        while True:
            yield from self._need(CHUNK.size)
            name, size_bytes = CHUNK.unpack(self._take(CHUNK.size))
            if name == b"data":
                if layout is None:
                    raise CorruptStream("the WAV stream has data but no format before it")
                return layout, size_bytes
            used_bytes = 0
            if name == b"fmt ":
                used_bytes = min(size_bytes, _FMT_BYTES)
                yield from self._need(used_bytes)
                layout = WavFormat.parse(self._take(used_bytes))
            yield from self._skip(size_bytes - used_bytes)
            if size_bytes % 2:
                # Ids never begin with NUL, so writers that forget the padding do no harm.
                yield from self._need(1)
                self._at += self._buffer[self._at] == 0

    def _choose_block(
        self, layout: WavFormat, size_bytes: int
    ) -> Reading[Callable[[bytes, int, int], Pcm]]:
        """Choose how to convert samples, by the first that are not silence if need be."""
        window_bytes = EVIDENCE_BYTES
        while layout.may_fill_low_bytes:
            yield from self._wait(window_bytes)
            head = self._peek(min(window_bytes, size_bytes or window_bytes))
            fills_low = fills_low_bytes(head)
            if fills_low is False:
                break
            is_last = window_bytes >= _MAX_EVIDENCE_BYTES or self._all_in
            if fills_low or (is_last and any(head)):  # nothing is below −48 dB for so long
                return layout.low_block
            if is_last:
                break
            window_bytes *= 2
        return layout.int16_block if layout.coding == S16LE else layout.block

    def _read_data(
        self, layout: WavFormat, block: Callable[[bytes, int, int], Pcm], size_bytes: int
    ) -> Reading[TruncatedStream | None]:
        """Yield samples up to the end of the data or the next header; return what is missing."""
        left_bytes = size_bytes if 0 < size_bytes < _PLACEHOLDER_FROM else None
        is_unsure = left_bytes is None or size_bytes >= _UNSURE_FROM
        while True:
            stop, at_end, other = self._end_of_data(left_bytes, is_unsure=is_unsure)
            frame_bytes = layout.bytes_per_frame
            while whole_bytes := min(stop - self._at, MAX_BLOCK_BYTES) // frame_bytes * frame_bytes:
                yield block(self._buffer, self._at, whole_bytes)
                self._at += whole_bytes
                if left_bytes is not None:
                    left_bytes -= whole_bytes
            if at_end:
                break
            yield None
        if other is not None:
            raise CorruptStream(f"{other} audio follows the WAV audio, and is not played")
        partial_bytes = stop - self._at
        self._at = stop
        missing_bytes = 0 if left_bytes is None else left_bytes - partial_bytes
        claimed_s = size_bytes / layout.bytes_per_frame / layout.rate_hz
        if missing_bytes and claimed_s <= self._trusted_s:
            return TruncatedStream(
                f"the WAV data ends {missing_bytes} bytes short of the size in its header"
            )
        return TruncatedStream("the WAV data ends inside a frame") if partial_bytes else None

    def _end_of_data(
        self, left_bytes: int | None, *, is_unsure: bool
    ) -> tuple[int, bool, str | None]:
        """Return where the data ends, or may end; whether it does; and what format follows."""
        stop, at_end = find_header(self._buffer, self._at)
        if self._all_in and not at_end:
            stop, at_end = len(self._buffer), True
        if left_bytes is not None and self._at + left_bytes <= stop:
            stop, at_end = self._at + left_bytes, True
        if is_unsure:
            other_at, other = find_other(self._buffer, self._at, final=self._all_in)
            if other_at < stop:
                return other_at, other is not None, other
        return stop, at_end, None

    def _find_more_data(self, size_bytes: int) -> Reading[int | None]:
        """Skip to another ``data`` chunk behind one of known size; return the size it claims.

        Return None, and skip nothing, if other chunks are all there is.

        Raises:
            CorruptStream: audio in another format follows the data or a chunk.
        """
        if not 0 < size_bytes < _PLACEHOLDER_FROM:
            return None
        yield from self._wait(1)
        ahead_bytes = int(size_bytes % 2 and self._peek(1) == b"\0")
        while ahead_bytes < _MAX_BETWEEN_BYTES:
            yield from self._refuse_other_audio(ahead_bytes)
            end = ahead_bytes + CHUNK.size
            yield from self._wait(end)
            head = self._peek(end)[ahead_bytes:]
            if len(head) < CHUNK.size or CHUNK_ID.match(head) is None or head[:4] == b"RIFF":
                return None
            name, claim_bytes = CHUNK.unpack(head)
            if name == b"data":
                self._at += end
                return int(claim_bytes)
            ahead_bytes = end + claim_bytes + claim_bytes % 2
        return None

    def _refuse_other_audio(self, ahead_bytes: int) -> Reading[None]:
        """Raise CorruptStream if audio in another format begins that many bytes ahead."""
        while True:
            codec, is_open = audio_at(self._buffer, self._at + ahead_bytes)
            if codec not in (None, "wav"):
                raise CorruptStream(f"{codec} audio follows the WAV audio, and is not played")
            if self._all_in or not is_open:
                return
            yield None

    def _is_more_sound(
        self, layout: WavFormat, block: Callable[[bytes, int, int], Pcm], size_bytes: int
    ) -> Reading[bool]:
        """Tell whether what follows the data is sound that its size did not count.

        It is, if there is much of it and it is neither a header, a chunk, a tag, text nor a
        constant. The read position is then where a frame begins. Silence before it is yielded.
        """
        if not 0 < size_bytes < _PLACEHOLDER_FROM:
            return False  # the data lasted to the end, or to a header
        step_bytes = _MIN_SOUND_BYTES // layout.bytes_per_frame * layout.bytes_per_frame
        silent_steps = 0
        while True:
            while self._ahead_bytes < _MIN_SOUND_BYTES:
                if self._all_in or find_header(self._buffer, self._at)[1]:
                    return False
                yield None
            head = self._peek(_MIN_SOUND_BYTES)
            if head.count(head[:1]) < len(head):
                break
            self._at += step_bytes
            silent_steps += not any(head)
        if is_trailer(head[padding_bytes(head) :]):
            return False
        for _ in range(silent_steps):
            yield block(bytes(step_bytes), 0, step_bytes)
        self._at += -size_bytes % layout.bytes_per_frame
        return True

    def _skip_padding(self) -> Reading[None]:
        self._at += padding_bytes(self._buffer, self._at)
        while not (self._ahead_bytes or self._all_in):
            yield None
            self._at += padding_bytes(self._buffer, self._at)

    def _find_next_file(self) -> Reading[bool]:
        """Skip to the next file; return False if the stream ends first.

        Raises:
            CorruptStream: audio in another format comes before it, maybe behind a long chunk.
        """
        yield from self._skip_padding()
        yield from self._refuse_other_audio(0)
        while self._ahead_bytes or not self._all_in:
            next_at, found = find_header(self._buffer, self._at)
            if found and next_at == self._at:
                return True
            other_at, other = find_other(self._buffer, self._at, final=self._all_in)
            self._at = min(next_at, other_at)
            if other is not None and other_at < next_at:
                raise CorruptStream(f"{other} audio follows the WAV audio, and is not played")
            if self._all_in or (found and next_at <= other_at):
                return found
            yield None
        return False
