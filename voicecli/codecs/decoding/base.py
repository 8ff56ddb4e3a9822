"""The decoder contract: bytes in, samples out, nothing else.

A decoder does no I/O, starts no thread, reads no clock, logs nothing. One thread at
a time drives it::

    for chunk in source:
        for pcm in decoder.feed(chunk):
            sink.write(pcm)
        while decoder.pending:
            for pcm in decoder.feed(b""):
                sink.write(pcm)
    (and the same with ``flush()`` for both calls)

Every implementation guarantees, and ``tests/codecs/test_contract.py`` checks:

- Any split of the same bytes gives the same samples, though block boundaries may differ.
- Every block is C-contiguous int16 or float32 of shape (frames, channels), with at
  least one frame. Blocks are never written to once returned.
- ``format`` is None before the first block, then the format of the latest block.
- Streams laid end to end (chained, concatenated) decode in full, each with its own
  priming and padding trimmed. The rate may change from block to block.
- Damage raises `CorruptStream`; a recognised but unsupported format raises
  `UnsupportedFormat`; an end before the announced end raises `TruncatedStream` from
  ``flush``. Samples decoded before the fault are returned first: a ``feed`` with both
  returns the samples, sets ``fault``, and the next call raises it.
- After any other exception, or after ``flush``, the decoder cannot be used again.
- Memory is bounded whatever the bytes say: a length field is a claim, not a size, and
  a rate outside `voicecli.codecs.formats.RATES_HZ` counts as damage. A call returns at
  most about 8 MiB of samples; while ``pending`` is true, further calls return the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.errors import DecodeError, SourceError


MAX_MAGNITUDE = 1024.0
"""Float samples beyond this (60 dB over full scale, NaN, infinity) are damage, not audio."""


class Decoder(Protocol):
    """Turns bytes of one format into PCM; the module documents the whole contract."""

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""

    @property
    def fault(self) -> DecodeError | SourceError | None:
        """What the next call will raise: found by a call that had samples to return first."""

    @property
    def pending(self) -> bool:
        """Whether another call has more to return, or a fault to raise.

        Call ``feed(b"")``, or ``flush`` at the end, until it is false.
        """

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes of any length; return the blocks that became decodable.

        Raises:
            CorruptStream: the stream is too damaged to go on.
            UnsupportedFormat: the stream is not in this decoder's format.
        """

    def flush(self) -> list[Pcm]:
        """End the stream; return the remaining blocks.

        If there are both blocks and a fault, the blocks are returned and the next
        call raises the fault.

        Raises:
            TruncatedStream: the format knows that something is missing.
            CorruptStream: nothing in the stream could be decoded.
        """
