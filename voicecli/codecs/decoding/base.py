"""The decoder contract: bytes in, samples out, nothing else.

A decoder does no I/O, starts no thread, reads no clock, logs nothing. It is
driven by one thread at a time::

    for chunk in source:
        for pcm in decoder.feed(chunk):
            sink.write(pcm)
    for pcm in decoder.flush():
        sink.write(pcm)

What every implementation keeps, and ``tests/codecs/test_contract.py`` checks:

- Any split of the same bytes gives the same samples, in blocks cut anywhere.
- Every block is C-contiguous int16 or float32 of shape (frames, channels), with
  at least one frame; blocks handed out are never written to again.
- ``format`` is None until the first block exists, then the format of the latest.
- Streams laid end to end (chained, concatenated) decode whole, each with its own
  priming and padding trimmed; blocks tell their rate, which may change.
- Damage raises `CorruptStream`, a recognised stranger `UnsupportedFormat`, an end
  before the announced end `TruncatedStream` (from ``flush``). Samples decoded
  before the fault have been returned by then: a ``feed`` that has both returns
  the samples, says so by ``fault`` and raises from the next call.
- After an exception other than that, or after ``flush``, the decoder is spent.
- Memory is bounded whatever the bytes say: a length field is a claim, not a size,
  and a rate outside `RATES_HZ` is damage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.errors import DecodeError


RATES_HZ = range(1_000, 768_001)
"""Rates that are believed, in Hz: sound at 1 Hz would become 48,000 times as much at a device's."""

LOUDEST = 1024.0
"""Float samples beyond this (60 dB over full scale, NaN, infinity) are damage, not sound."""


class Decoder(Protocol):
    """Turns bytes of one format into PCM; see the module for the whole contract."""

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""

    @property
    def fault(self) -> DecodeError | None:
        """What the next call will raise: known since a call that had samples to return first."""

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes of any length, return the blocks that became decodable.

        Raises:
            CorruptStream: the stream is damaged where decoding cannot go on.
            UnsupportedFormat: the stream is not what this decoder takes.
        """

    def flush(self) -> list[Pcm]:
        """Say that no more bytes will come; return what is left. Called once.

        Where both an end and a fault are known, the remaining blocks are
        returned first and a second call of ``flush`` raises the fault.

        Raises:
            TruncatedStream: the format knows that something is missing.
            CorruptStream: nothing in the stream could be decoded.
        """
