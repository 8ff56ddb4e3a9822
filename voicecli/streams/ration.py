"""How much of one stream is decoded at a time, by what its bytes have cost so far."""

from __future__ import annotations

TURN_S = 0.0005
"""CPU time of a turn on the event loop, about."""

TASK_S = 0.004
"""CPU time of a turn on the executor, likewise."""

_PIECE_S = 0.00025

MOST_TURN_BYTES = 1 << 16
"""In a turn on the loop, of a codec that has to be decoded."""

_LEAST_BYTES = 256
_MOST_TASK_BYTES = 1 << 18
_PIECE_BYTES = (1 << 10, 1 << 13)  # at least, at most
_MOST_VIEW_BYTES = 1 << 18
_VIEW_PIECE_BYTES = (1 << 12, _MOST_VIEW_BYTES)  # likewise

_VIEWS = ("pcm", "wav")
"""Codecs whose samples are the bytes: cheap, unless they are resampled."""

_ASSUMED_S_PER_BYTE = {"opus": 0.25e-6, "mp3": 0.15e-6, "aac": 0.1e-6, "flac": 0.03e-6}
"""Some more than was measured on a 2-core server, for speech at usual bitrates."""

_ASSUMED_VIEW_S_PER_BYTE = 4e-9
"""Of pcm and wav, which cost a twentieth of it, unless they are resampled."""

_ASSUMED_BYTES = 2_048
_MEMORY_BYTES = 1 << 16


class Ration:
    """Sizes of the turns of one stream: assumed at first, then as measured, lately most.

    The first measurement does not count: it has a decoder's set-up in it. It
    tells the codec, though, and with it what is to be assumed. One thread at a time.

    Attributes:
        codec: name of the codec, None until the bytes have told it.
        turn_bytes: for a turn on the event loop.
        piece_bytes: of the pieces between which a turn may end early.
        task_bytes: for a turn on the executor.
    """

    __slots__ = (
        "_bytes",
        "_most_turn_bytes",
        "_piece_bounds",
        "_seconds",
        "codec",
        "piece_bytes",
        "task_bytes",
        "turn_bytes",
    )

    def __init__(self) -> None:
        self.codec: str | None = None
        self._bytes = float(_ASSUMED_BYTES)
        self._seconds = _ASSUMED_BYTES * max(_ASSUMED_S_PER_BYTE.values())
        self._most_turn_bytes = MOST_TURN_BYTES
        self._piece_bounds = _LEAST_BYTES, MOST_TURN_BYTES
        self._share_out()
        self.piece_bytes = self.turn_bytes  # nobody knows what it will be

    @property
    def is_threadless(self) -> bool:
        """Whether it is decoded on the loop whatever waits: no codec is known, or a cheap one."""
        return self.codec is None or self.codec in _VIEWS

    @property
    def flood_bytes(self) -> int:
        """Bytes worth gathering of a producer that pushes in each pass of the loop."""
        return self.turn_bytes if self.is_threadless else self.task_bytes

    def learn(self, size: int, seconds: float, codec: str | None) -> None:
        """Count ``size`` bytes that took ``seconds``; ``codec`` is their name, once known."""
        if self.codec is not None:
            self._bytes += size
            self._seconds += seconds
            if self._bytes > _MEMORY_BYTES:
                self._bytes /= 2
                self._seconds /= 2
        elif codec is not None:
            self.codec = codec
            self._seconds = _ASSUMED_BYTES * _ASSUMED_S_PER_BYTE.get(
                codec, _ASSUMED_VIEW_S_PER_BYTE
            )
            is_view = codec in _VIEWS
            self._most_turn_bytes = _MOST_VIEW_BYTES if is_view else MOST_TURN_BYTES
            self._piece_bounds = _VIEW_PIECE_BYTES if is_view else _PIECE_BYTES
        else:
            return
        self._share_out()

    def _share_out(self) -> None:
        per_second = self._bytes / self._seconds if self._seconds else float("inf")
        self.turn_bytes = _bounded(_LEAST_BYTES, TURN_S * per_second, self._most_turn_bytes)
        self.task_bytes = _bounded(_LEAST_BYTES, TASK_S * per_second, _MOST_TASK_BYTES)
        least, most = self._piece_bounds
        self.piece_bytes = _bounded(least, _PIECE_S * per_second, most)


def _bounded(least: int, size: float, most: int) -> int:
    if size >= most:
        return most
    return int(size) if size > least else least
