"""MP3 to samples, exactly as many as went into the encoder.

An MP3 encoder turns n frames of PCM into whole MP3 frames: it delays the audio, the
decoder's filter bank delays it further, and the last frame is padded. The encoder
states delay and padding in the info tag (`voicecli.codecs.decoding.infotag`).

A decoder adds 528 samples, and one more for the overlap of the first granule, so
``delay + 529`` frames are cut at the head and ``padding - 529`` at the tail, as in
LAME's and FFmpeg's own decoders. Without a tag, as in live streams, only the decoder's
own 529 are certain, and only they are cut.

Streams of our own encoder state the delay in the tag, and the padding, beyond what the
tag says of it, in the last frame (`voicecli.codecs.decoding.padding_marker`). A tag
that counts the frames knows the end as well and prevails: it was written last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.gapless import GaplessTrimmer
from voicecli.codecs.decoding.infotag import InfoTag, info_tag
from voicecli.codecs.decoding.libav import Concealer, LibavPacketDecoder
from voicecli.codecs.decoding.mpeg import MP3
from voicecli.codecs.decoding.mpegsync import FrameReader
from voicecli.codecs.decoding.padding_marker import mp3_padding
from voicecli.errors import CorruptStream, DecodeError, TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.codecs.decoding.mpegsync import Frame

DECODER_DELAY_FRAMES = 529
"""Frames by which every Layer III decoder delays the audio."""


class Mp3Decoder(PushDecoder):
    """MPEG-1, -2 and -2.5 Layer III to float32; a `Decoder`.

    Files laid end to end are each trimmed by their own info tag. A file with fewer
    frames than its tag counts is truncated; a count of 0 is ignored. Damaged frames
    become silence of their length; frames whose header is damaged are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = FrameReader(MP3)
        self._codec = LibavPacketDecoder("mp3float")
        self._concealer = Concealer(self._codec)
        self._trimmer = GaplessTrimmer()
        self._tag: InfoTag | None = None
        self._mp3_frames = 0
        self._file_ended = False  # as the latest frame's marker states
        self._short: TruncatedStream | None = None

    def _push(self, data: bytes) -> Iterator[Pcm]:
        yield from self._decode_all(self._reader.feed(data))

    def _finish(self) -> Iterator[Pcm]:
        yield from self._decode_all(self._reader.finish())
        yield from self._end_file()
        if self._short is not None:
            raise self._short
        if not self._concealer.decoded_any:
            raise CorruptStream("the stream contains no MP3 audio")

    def _decode_all(self, frames: Iterator[Frame]) -> Iterator[Pcm]:
        try:
            for frame in frames:
                yield from self._decode(frame)
        except DecodeError:
            yield from self._trimmer.finish(cut=True)
            raise

    def _decode(self, frame: Frame) -> Iterator[Pcm]:
        tag = info_tag(frame)
        begins_file = frame.after_tag or self._file_ended
        if tag is not None or (begins_file and not self._trimmer.is_short):
            yield from self._end_file()
            self._begin_file(frame, tag)
        if tag is None:
            self._mp3_frames += 1
            padding_frames = mp3_padding(frame)
            self._file_ended = padding_frames is not None
            self._trimmer.extend_tail(padding_frames or 0)
            for pcm in self._concealer.decode(frame.data, frame.header.frames):
                # libav gives the first frame after a change of rate the old one.
                yield from self._trimmer.process(Pcm(pcm.samples, frame.header.rate_hz))

    def _begin_file(self, frame: Frame, tag: InfoTag | None) -> None:
        self._tag, self._mp3_frames, self._file_ended = tag, 0, False
        if tag is None:
            is_first = not self._concealer.decoded_any and _reservoir_bytes(frame) == 0
            self._trimmer = GaplessTrimmer(head=DECODER_DELAY_FRAMES if is_first else 0)
            return
        # Bit reservoir and overlap belong to the previous file.
        self._codec.reset()
        total = None if tag.mp3_frames is None else tag.mp3_frames * frame.header.frames
        if tag.delay_frames is None or tag.padding_frames is None:
            self._trimmer = GaplessTrimmer(total=total)
        else:
            tail = max(0, tag.padding_frames - DECODER_DELAY_FRAMES)
            self._trimmer = GaplessTrimmer(tag.delay_frames + DECODER_DELAY_FRAMES, tail, total)

    def _end_file(self) -> Iterator[Pcm]:
        tag = self._tag
        if tag is not None and self._mp3_frames < tag.min_mp3_frames:
            self._short = TruncatedStream(
                f"the MP3 stream announced {tag.mp3_frames} frames and has {self._mp3_frames}"
            )
        return self._trimmer.finish()


def _reservoir_bytes(frame: Frame) -> int:
    """Return how far back, in earlier frames, this frame's data begins (``main_data_begin``).

    It is 0 in an encoder's very first frame.
    """
    at = frame.header.header_bytes
    if frame.header.is_mpeg1:
        return int.from_bytes(frame.data[at : at + 2], "big") >> 7
    return frame.data[at]
