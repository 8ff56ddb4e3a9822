"""The encoder contract: samples in, bytes of a legal file out, nothing else.

The mirror of `voicecli.codecs.decoding.base`. An encoder does no I/O, starts no thread,
reads no clock, logs nothing. It is driven by one thread at a time::

    for samples in microphone:
        for chunk in encoder.feed(samples):
            socket.send(chunk.data)
    for chunk in encoder.flush():
        socket.send(chunk.data)

What every implementation keeps, and ``tests/codecs/encoding/test_contract.py`` checks:

- All ``data`` laid end to end is one legal file, and any cutting of the same
  samples into calls gives the same bytes.
- The headers open the first chunk; it holds sound as well wherever a format has
  any. A stream of no samples is legal too, and is all in what `flush` returns.
- ``frames`` of all chunks add up to the frames fed. A chunk's share is what it
  lets a decoder play beyond the chunks before: encoders run late, so the first
  share is less, and the last more, than what the chunk was made of.
- A decoder that trims as its format says gets back as many frames as went in,
  ``rate_hz`` apart, which may differ from the rate fed where the codec lacks that.
  Two formats have no field for it in a stream, and say it in a place that our own
  decoders alone look at (`codecs.decoding.padding_marker`).
- NaN becomes silence, and floats beyond ±1.0 are clipped.
- Memory is one block of the codec and, for Opus, one page.

======  =======================  ===========================  =========================
codec   length in a stream       length in a patched file     what a decoder trims
======  =======================  ===========================  =========================
pcm     exact                    (nothing to patch)           nothing
wav     exact                    exact, and told in advance   nothing
flac    exact                    exact, told, with MD5        nothing
opus    exact                    (nothing to patch)           pre-skip, last granule
mp3     exact to ours; to        exact                        the info tag's delays, or
        others up to one frame                                its delay and the mark
        of silence behind it
aac     exact to ours; to        (nothing to patch)           the first block, and by
        others up to 1023                                     the mark of the last
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
    """A stretch of the file: its bytes, and how many of the frames fed it stands for."""

    data: bytes
    frames: int


class Encoder(Protocol):
    """Turns samples into the bytes of one format; see the module for the whole contract."""

    @property
    def rate_hz(self) -> int:
        """The rate that the sound is coded at: the rate fed, or the codec's next above."""

    def feed(self, samples: Samples) -> list[Encoded]:
        """Take any number of frames, return the chunks that they completed.

        ``samples`` is int16 or float32 (full scale ±1.0) of shape (frames,
        channels); it is not kept, and may be overwritten afterwards.

        Raises:
            ValueError: another shape or type, or called after `flush`.
        """

    def flush(self) -> list[Encoded]:
        """Say that no more samples will come; return the rest of the file. Called once.

        Raises:
            ValueError: called a second time.
        """

    def header_patch(self) -> bytes | None:
        """What a file's first bytes become now that its length is known.

        To be written over the very beginning of the file, as long as what stood
        there; a stream that went out cannot take it and is legal without it.
        None where the format has nothing to add.

        Raises:
            ValueError: called before `flush`.
        """
