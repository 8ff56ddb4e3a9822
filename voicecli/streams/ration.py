"""How much of one stream is decoded at a time, by what its bytes have cost so far."""

from __future__ import annotations

from voicecli.streams.framedecoder import VIEWS

TURN_S = 0.0005
"""CPU time of a turn on the event loop, about."""

TASK_S = 0.004
"""CPU time of a turn on the executor, likewise."""

_PIECE_S = TURN_S / 2

MOST_TURN_BYTES = 1 << 16
"""In a turn on the loop, of a codec that has to be decoded."""

_LEAST_BYTES = 256
_MOST_TASK_BYTES = 1 << 18
_PIECE_BYTES = (1 << 10, 1 << 14)  # at least, at most
_MOST_VIEW_BYTES = 1 << 19
_VIEW_PIECE_BYTES = (1 << 12, _MOST_VIEW_BYTES)  # likewise

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
        is_threadless: whether it is decoded on the loop whatever waits, as a codec is
            that is cheap, or not known yet.
        is_relaxed: whether everything is taken as it comes, see `relax`.
        turn_bytes: for a turn on the event loop.
        piece_bytes: of the pieces between which a turn may end early.
        task_bytes: for a turn on the executor, where one may be.
        flood_bytes: worth gathering of a producer that pushes in each pass of the loop.
    """

    __slots__ = (
        "_bytes",
        "_most_turn_bytes",
        "_piece_bounds",
        "_seconds",
        "codec",
        "flood_bytes",
        "is_relaxed",
        "is_threadless",
        "piece_bytes",
        "task_bytes",
        "turn_bytes",
    )

    def __init__(self) -> None:
        self.codec: str | None = None
        self.is_relaxed = False
        self.is_threadless = True
        self._bytes = float(_ASSUMED_BYTES)
        self._seconds = _ASSUMED_BYTES * max(_ASSUMED_S_PER_BYTE.values())
        self._most_turn_bytes = MOST_TURN_BYTES
        self._piece_bounds = _LEAST_BYTES, MOST_TURN_BYTES
        self.task_bytes = _LEAST_BYTES
        self.turn_bytes: int
        self._share_out()
        self.piece_bytes = MOST_TURN_BYTES  # whatever it is, it is one piece

    def learn(self, size: int, seconds: float, codec: str | None) -> None:
        """Count ``size`` bytes that took ``seconds``; ``codec`` is their name, once known.

        While relaxed, they end that, and do not count: it was not their CPU time that was taken.
        """
        if self.is_relaxed:
            self.is_relaxed = False
        elif self.codec is not None:
            self._bytes += size
            self._seconds += seconds
            if self._bytes > _MEMORY_BYTES:
                self._bytes /= 2
                self._seconds /= 2
        elif codec is not None:
            self._name(codec)
        else:
            return
        self._share_out()

    def relax(self, size: int, seconds: float, codec: str) -> None:
        """`learn` of what goes through as it comes, and if that costs nothing, take all there is.

        It may cost something all the same: files of a few samples each, laid end to end.
        """
        if self.codec is None:
            self._name(codec)
        else:
            self.learn(size, seconds, codec)
            if self.turn_bytes < MOST_TURN_BYTES:
                return
        self.turn_bytes = self.flood_bytes = self.piece_bytes = _MOST_VIEW_BYTES
        self.is_relaxed = True

    def _name(self, codec: str) -> None:
        self.codec = codec
        self._seconds = _ASSUMED_BYTES * _ASSUMED_S_PER_BYTE.get(codec, _ASSUMED_VIEW_S_PER_BYTE)
        self.is_threadless = codec in VIEWS
        if self.is_threadless:
            self._most_turn_bytes, self._piece_bounds = _MOST_VIEW_BYTES, _VIEW_PIECE_BYTES
        else:
            self._piece_bounds = _PIECE_BYTES

    def _share_out(self) -> None:
        bytes_per_s = self._bytes / (self._seconds or 1e-9)  # a clock too coarse to see it
        turn, most = TURN_S * bytes_per_s, self._most_turn_bytes
        self.turn_bytes = self.flood_bytes = (
            most if turn >= most else int(turn) if turn > _LEAST_BYTES else _LEAST_BYTES
        )
        piece, (least, most) = _PIECE_S * bytes_per_s, self._piece_bounds
        self.piece_bytes = most if piece >= most else int(piece) if piece > least else least
        if not self.is_threadless:
            task = max(_LEAST_BYTES, min(int(TASK_S * bytes_per_s), _MOST_TASK_BYTES))
            self.task_bytes = self.flood_bytes = task
