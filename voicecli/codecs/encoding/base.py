"""The encoder contract: samples in, bytes of a valid file out, nothing else.

The mirror of `voicecli.codecs.decoding.base`. An encoder does no I/O, starts no
thread, reads no clock, logs nothing. One thread at a time drives it::

    for samples in microphone:
        for chunk in encoder.feed(samples):
            socket.send(chunk.data)
    for chunk in encoder.flush():
        socket.send(chunk.data)

Every implementation guarantees, and ``tests/codecs/encoding/test_contract.py`` checks:

- All ``data`` laid end to end is one valid file, and any split of the same samples
  into calls gives the same bytes.
- The headers are in the first chunk, together with audio if the format has any. A
  stream of no samples is valid too, and is returned by `flush`.
- The ``frames`` of all chunks add up to the frames fed. A chunk counts the frames that
  it lets a decoder play beyond the chunks before: encoders add delay, so the first
  counts fewer, and the last more, than it was made of.
- A decoder that trims as the format prescribes returns as many frames as were fed, at
  ``rate_hz``, which differs from the rate fed if the codec lacks that. Two formats
  have no field for it in a stream; a marker states it that only our own decoders know
  (`voicecli.codecs.decoding.padding_marker`).
- NaN becomes silence, and floats beyond ±1.0 are clipped.
- Memory is one block of the codec and, for Opus, one page.

======  =======================  ===========================  =========================
codec   length in a stream       length in a patched file     what a decoder trims
======  =======================  ===========================  =========================
pcm     exact                    (nothing to patch)           nothing
wav     exact                    exact, known in advance      nothing
flac    exact                    exact, known, with MD5       nothing
opus    exact                    (nothing to patch)           pre-skip, last granule
mp3     exact to ours; to        exact                        the info tag's delays, or
        others up to one frame                                its delay and the marker
        of silence behind it
aac     exact to ours; to        (nothing to patch)           the first block, and by
        others up to 1023                                     the marker of the last
        frames of silence
======  =======================  ===========================  =========================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples


@dataclass(frozen=True, slots=True)
class Encoded:
    """A stretch of the file: its bytes, and how many of the frames fed they let a decoder play."""

    data: bytes
    frames: int


class Encoder(Protocol):
    """Turns samples into the bytes of one format; the module documents the whole contract."""

    @property
    def rate_hz(self) -> int:
        """Rate of the encoded audio: the rate fed, or the codec's next higher one."""

    def feed(self, samples: Samples) -> list[Encoded]:
        """Take any number of frames; return the chunks that they completed.

        ``samples`` is int16 or float32 (full scale ±1.0) of shape (frames, channels).
        It is not kept and may be overwritten afterwards.

        Raises:
            ValueError: another shape or type, or called after `flush`.
        """

    def flush(self) -> list[Encoded]:
        """End the audio; return the rest of the file. Called once.

        Raises:
            ValueError: called a second time.
        """

    def header_patch(self) -> bytes | None:
        """Return the file's first bytes again, now that its length is known.

        They have the length of the originals and overwrite them at the very beginning
        of a file. A stream already sent cannot be patched and is valid without it. None
        if the format has nothing to add.

        Raises:
            ValueError: called before `flush`.
        """
