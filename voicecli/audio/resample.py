"""From one sample rate to another, to the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples, SampleType

_AV_TYPES: dict[SampleType, str] = {"int16": "s16", "float32": "flt"}


class Resampler:
    """Resamples one stretch of sound with libswresample; does nothing at equal rates.

    n frames become ``ceil(n * to / from)``. Of a stretch longer than its filter,
    3 ms, libswresample makes that many or one less, of a shorter one less or
    nothing; silence at the end makes up for it. The filter's state is kept from
    block to block, so where they are cut makes no difference. PyAV is loaded only
    where rates differ. One thread at a time.
    """

    def __init__(
        self, from_hz: int, to_hz: int, channels: int, sample_type: SampleType = "float32"
    ) -> None:
        self.from_hz = from_hz
        self._to_hz, self._channels, self._sample_type = to_hz, channels, sample_type
        self._taken = self._given = 0
        self._av: Any = None
        if from_hz != to_hz:
            import av.filter  # noqa: PLC0415  only where rates differ

            self._av = av
            self._graph = av.filter.Graph()  # its filters do not keep it alive
            self._source, self._drain = self._built(self._graph)

    def put(self, samples: Samples) -> list[Samples]:
        """Take at least one frame, return what can be said by now."""
        if self._av is None:
            return [samples]
        self._taken += samples.shape[0]
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        kind, layout = _AV_TYPES[self._sample_type], f"{self._channels}c"
        frame = self._av.AudioFrame.from_ndarray(packed, format=kind, layout=layout)
        frame.sample_rate = self.from_hz
        return self._out(frame)

    def rest(self) -> list[Samples]:
        """What the filter still holds, and what is missing. Called once."""
        if not self._taken:
            return []
        pieces = self._out(None)
        missing = -(-self._taken * self._to_hz // self.from_hz) - self._given
        if missing > 0:
            pieces.append(np.zeros((missing, self._channels), self._sample_type))
        return pieces

    def _out(self, frame: Any) -> list[Samples]:
        pieces: list[Samples] = []
        self._source.push(frame)
        while True:
            try:
                out = self._drain.pull()
            except (BlockingIOError, EOFError):
                return pieces
            pieces.append(out.to_ndarray().reshape(-1, self._channels))
            self._given += out.samples

    def _built(self, graph: Any) -> tuple[Any, Any]:
        """Both ends of ``graph``, once it is one around libswresample.

        ``av.AudioResampler`` makes the same one, but lets libavfilter start a
        thread for each core with it: a tenth of the time is left without, and no
        stream has threads of its own.
        """
        graph.threads = 1
        source = graph.add(
            "abuffer",
            sample_rate=str(self.from_hz),
            sample_fmt=_AV_TYPES[self._sample_type],
            channel_layout=f"{self._channels}c",
        )
        converter = graph.add("aresample", sample_rate=str(self._to_hz))
        drain = graph.add("abuffersink")
        graph.link_nodes(source, converter, drain).configure()
        return source, drain
