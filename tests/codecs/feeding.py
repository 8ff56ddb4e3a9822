"""Feeds streams to decoders, in pieces of any size, and collects what comes out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from voicecli.audio.pcm import Pcm


def feed_all(decoder, data: bytes) -> Iterator[Pcm]:
    """Feed ``data``; yield all blocks, step by step, and raise the fault after them."""
    yield from decoder.feed(data)
    while decoder.pending:
        yield from decoder.feed(b"")


def flush_all(decoder) -> Iterator[Pcm]:
    """Flush; yield all blocks, step by step, and raise the fault after them."""
    yield from decoder.flush()
    while decoder.pending:
        yield from decoder.flush()


def decode(decoder, pieces: Iterable[bytes]) -> list[Pcm]:
    """Decode a stream piece by piece; return all blocks, flush included."""
    blocks = [block for piece in pieces for block in feed_all(decoder, piece)]
    return [*blocks, *flush_all(decoder)]


def decode_until_fault(decoder, pieces: Iterable[bytes]) -> tuple[list[Pcm], Exception | None]:
    """Return all blocks up to the first fault, and the fault."""
    blocks: list[Pcm] = []
    try:
        for piece in pieces:
            blocks.extend(feed_all(decoder, piece))
        blocks.extend(flush_all(decoder))
    except Exception as fault:  # noqa: BLE001  the tests judge it
        return blocks, fault
    return blocks, None


def joined(blocks: Sequence[Pcm]) -> NDArray:
    """Concatenate the samples of all blocks."""
    if not blocks:
        return np.zeros((0, 1), np.int16)
    return np.concatenate([block.samples for block in blocks])


def split_at(data: bytes, at: Iterable[int]) -> list[bytes]:
    """Split ``data`` at the positions, in any order; pieces may be empty."""
    points = [0, *sorted(min(point, len(data)) for point in at), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(points)]


def in_pieces(size: int, data: bytes) -> list[bytes]:
    """Split ``data`` into pieces of ``size`` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]
