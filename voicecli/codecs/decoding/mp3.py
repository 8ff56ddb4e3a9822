"""MP3 to samples, exactly as many as went in.

An MP3 encoder turns n frames of PCM into whole MP3 frames: it delays the sound,
the decoder's filter bank delays it further, and the last frame is padded. The
encoder tells how much in the *info tag*, a first frame that holds no sound:

- "Xing" or "Info" behind the side information, then the number of MP3 frames;
- behind that, LAME's extension with encoder delay and padding, 12 bits each
  (gabriel.mp3-tech.org/mp3infotag.html), which libavformat writes as well;
- or Fraunhofer's "VBRI", which counts the frames only.

A decoder adds 528 samples, and one more for the overlap of the first granule, so
that ``delay + 529`` frames go at the head and ``padding - 529`` at the tail, as
in LAME's and FFmpeg's own decoders. Where there is no tag, as in streams made
on the fly, only the decoder's own 529 are certain, and only they are cut.

Streams of our own encoder tell the delay in the tag, and the padding, beyond what
the tag says of it, in the last frame (`voicecli.codecs.decoding.padding_marker`). Where the tag
counts the frames it knows the end as well, and is believed: it was written last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.libav import Concealer, LibavPacketDecoder
from voicecli.codecs.decoding.mpeg import MP3
from voicecli.codecs.decoding.mpegsync import FrameReader
from voicecli.codecs.decoding.padding_marker import mp3_padding
from voicecli.errors import CorruptStream, DecodeError, TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.codecs.decoding.mpegsync import Frame

DECODER_DELAY_FRAMES = 529
"""Frames by which every Layer III decoder is late."""

_MPEG1_FRAMES = 1152  # two granules; MPEG-2 and -2.5 have one
_HAS_FRAMES, _HAS_BYTES, _HAS_TOC, _HAS_QUALITY = 1, 2, 4, 8
_KNOWN_WRITERS = (b"LAME", b"Lavf", b"Lavc")
_LAME_DELAYS_AT = 21


@dataclass(frozen=True, slots=True)
class InfoTag:
    """What a file's first frame announces.

    ``mp3_frames`` is None where it is not told; encoders that stream write 0, or
    no tag at all. ``delay_frames`` and ``padding_frames`` are None where no
    writer known for getting them right has signed.
    """

    mp3_frames: int | None
    delay_frames: int | None = None
    padding_frames: int | None = None

    @property
    def least_mp3_frames(self) -> int:
        """MP3 frames without which the file is not whole.

        The LAME family counts the frames behind the tag. Other writers are
        known to count the tag's own frame too, so that one may be missing.
        """
        return (self.mp3_frames or 0) - (self.delay_frames is None)


def info_tag(frame: Frame) -> InfoTag | None:
    """The info tag in an MP3 frame, or None if the frame holds sound."""
    data, header = frame.data, frame.header
    if data[36:40] == b"VBRI":
        return InfoTag(int.from_bytes(data[50:54], "big") or None)
    mpeg1, mono = header.frames == _MPEG1_FRAMES, header.channels == 1
    at = 4 + ((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    # LAME ignores the CRC when it places the tag; others count its two bytes.
    for start in {at, at + header.header_bytes - 4}:
        if data[start : start + 4] in {b"Xing", b"Info"}:
            return _xing(data[start:])
    return None


def _xing(tag: bytes) -> InfoTag:
    flags = int.from_bytes(tag[4:8], "big")
    mp3_frames = int.from_bytes(tag[8:12], "big") if flags & _HAS_FRAMES else 0
    at = 8 + sum(
        size_bytes
        for flag, size_bytes in (
            (_HAS_FRAMES, 4),
            (_HAS_BYTES, 4),
            (_HAS_TOC, 100),
            (_HAS_QUALITY, 4),
        )
        if flags & flag
    )
    lame = tag[at : at + _LAME_DELAYS_AT + 3]
    if len(lame) < _LAME_DELAYS_AT + 3 or not lame.startswith(_KNOWN_WRITERS):
        return InfoTag(mp3_frames or None)
    delays = int.from_bytes(lame[_LAME_DELAYS_AT:], "big")
    return InfoTag(mp3_frames or None, delays >> 12, delays & 0xFFF)


class Gapless:
    """Cuts ``head`` frames from the front and ``tail`` from the end of one file's samples.

    With ``total`` (frames before cutting) known, only the last ``tail`` frames
    wait until the end shows; otherwise the newest ``tail`` frames always do. A
    file that outruns its total was joined or edited since it was tagged: its
    padding then says nothing about its end, and nothing more is cut.
    """

    def __init__(self, head: int = 0, tail: int = 0, total: int | None = None) -> None:
        self._head, self._tail, self._total = head, tail, total
        self._position = 0
        self._held: deque[tuple[int, Pcm]] = deque()

    @property
    def short(self) -> bool:
        """Whether the total is known and has not been reached."""
        return self._total is not None and self._position < self._total

    def take(self, pcm: Pcm) -> Iterator[Pcm]:
        """Add a block, yield what is certainly to be heard."""
        self._held.append((self._position, pcm))
        self._position += pcm.frames
        if self._total is not None and self._position > self._total:
            self._total, self._tail = None, 0
        yield from self._release((self._total or self._position) - self._tail)

    def extend(self, frames: int) -> None:
        """Learn that the next block is the last, and the tail longer; no news to a known total."""
        if self._total is None:
            self._tail += frames

    def finish(self, *, cut: bool = False) -> Iterator[Pcm]:
        """End the file; ``cut`` says that its end, and so its padding, is missing."""
        if cut or self.short:
            yield from self._release(self._position)
        self._held.clear()

    def _release(self, limit: int) -> Iterator[Pcm]:
        while self._held and self._held[0][0] < limit:
            begin, pcm = self._held.popleft()
            if begin + pcm.frames > limit:
                rest = Pcm(pcm.samples[limit - begin :], pcm.rate_hz)
                self._held.appendleft((limit, rest))
            if self._head <= begin and begin + pcm.frames <= limit:
                yield pcm
                continue
            samples = pcm.samples[max(0, self._head - begin) : limit - begin]
            if len(samples):
                yield Pcm(samples, pcm.rate_hz)


class Mp3Decoder(PushDecoder):
    """MPEG-1, -2 and -2.5 Layer III to float32; see `voicecli.codecs.decoding.base.Decoder`.

    Files laid end to end are each trimmed by their own info tag. A file that
    holds fewer frames than its tag counts was cut; the count is not believed
    where it is 0, nor in a file without tag. Damaged frames become silence of their
    length; those whose header is, and is not recognised, are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = FrameReader(MP3)
        self._codec = LibavPacketDecoder("mp3float")
        self._concealer = Concealer(self._codec)
        self._gapless = Gapless()
        self._tag: InfoTag | None = None
        self._mp3_frames = 0
        self._is_over = False  # the file, by what its latest frame said
        self._cut: TruncatedStream | None = None

    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(frame, blocks)
        except DecodeError:
            blocks += self._gapless.finish(cut=True)
            raise

    def _finish(self, blocks: list[Pcm]) -> None:
        try:
            for frame in self._reader.finish():
                self._take(frame, blocks)
        except TruncatedStream:
            blocks += self._gapless.finish(cut=True)
            raise
        blocks += self._end_file()
        if self._cut is not None:
            raise self._cut
        if not self._concealer.decoded_any:
            raise CorruptStream("the stream holds no MP3 audio")

    def _take(self, frame: Frame, blocks: list[Pcm]) -> None:
        tag = info_tag(frame)
        begins = frame.after_tag or self._is_over
        if tag is not None or (begins and not self._gapless.short):
            blocks += self._end_file()
            self._begin_file(frame, tag)
        if tag is None:
            self._mp3_frames += 1
            padding_frames = mp3_padding(frame)
            self._is_over = padding_frames is not None
            if padding_frames is not None:
                self._gapless.extend(padding_frames)
            for pcm in self._concealer.decode(frame.data, frame.header.frames):
                blocks += self._gapless.take(pcm)

    def _begin_file(self, frame: Frame, tag: InfoTag | None) -> None:
        self._tag, self._mp3_frames, self._is_over = tag, 0, False
        if tag is None:
            starts = not self._concealer.decoded_any and _reservoir_bytes(frame) == 0
            self._gapless = Gapless(head=DECODER_DELAY_FRAMES if starts else 0)
            return
        # Bit reservoir and overlap belong to the file before.
        self._codec.reset()
        total = None if tag.mp3_frames is None else tag.mp3_frames * frame.header.frames
        if tag.delay_frames is None or tag.padding_frames is None:
            self._gapless = Gapless(total=total)
        else:
            tail = max(0, tag.padding_frames - DECODER_DELAY_FRAMES)
            self._gapless = Gapless(tag.delay_frames + DECODER_DELAY_FRAMES, tail, total)

    def _end_file(self) -> Iterator[Pcm]:
        tag = self._tag
        if tag is not None and self._mp3_frames < tag.least_mp3_frames:
            self._cut = TruncatedStream(
                f"the MP3 stream announced {tag.mp3_frames} frames and held {self._mp3_frames}"
            )
        return self._gapless.finish()


def _reservoir_bytes(frame: Frame) -> int:
    """How far back, in earlier frames, this frame's data begins (``main_data_begin``).

    An encoder's very first frame has nothing to go back to.
    """
    at = frame.header.header_bytes
    if frame.header.frames == _MPEG1_FRAMES:
        return int.from_bytes(frame.data[at : at + 2], "big") >> 7
    return frame.data[at]
