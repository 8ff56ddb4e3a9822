"""Sample rate conversion, exact in length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples, SampleType

_AV_TYPES: dict[SampleType, str] = {"int16": "s16", "float32": "flt"}


class Resampler:
    """Resamples one stretch of audio with libswresample; passes equal rates through.

    n frames become ``ceil(n * to / from)``. libswresample gives that many or one
    less, or nothing for a stretch shorter than its 3 ms filter; silence at the end
    makes up the difference. The filter keeps its state between blocks, so block
    boundaries make no difference. PyAV is imported only if the rates differ. One
    thread at a time.
    """

    def __init__(
        self, from_hz: int, to_hz: int, channels: int, sample_type: SampleType = "float32"
    ) -> None:
        self.from_hz = from_hz
        self._to_hz, self._channels, self._sample_type = to_hz, channels, sample_type
        self._frames_in = self._frames_out = 0
        self._av: Any = None
        if from_hz != to_hz:
            import av.filter  # noqa: PLC0415  only if rates differ

            self._av = av
            self._graph = av.filter.Graph()  # its filters do not keep it alive
            self._source, self._drain = self._configure(self._graph)

    def process(self, samples: Samples) -> list[Samples]:
        """Resample a block of at least one frame; return the output available so far."""
        if self._av is None:
            return [samples]
        self._frames_in += samples.shape[0]
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        sample_format, layout = _AV_TYPES[self._sample_type], f"{self._channels}c"
        frame = self._av.AudioFrame.from_ndarray(packed, format=sample_format, layout=layout)
        frame.sample_rate = self.from_hz
        return self._run(frame)

    def flush(self) -> list[Samples]:
        """Return what the filter still holds, padded to the exact length. Called once."""
        if not self._frames_in:
            return []
        pieces = self._run(None)
        missing = -(-self._frames_in * self._to_hz // self.from_hz) - self._frames_out
        if missing > 0:
            pieces.append(np.zeros((missing, self._channels), self._sample_type))
        return pieces

    def _run(self, frame: Any) -> list[Samples]:
        pieces: list[Samples] = []
        self._source.push(frame)
        while True:
            try:
                out = self._drain.pull()
            except (BlockingIOError, EOFError):
                return pieces
            pieces.append(out.to_ndarray().reshape(-1, self._channels))
            self._frames_out += out.samples

    def _configure(self, graph: Any) -> tuple[Any, Any]:
        """Build ``graph`` around libswresample and return its source and its sink.

        ``av.AudioResampler`` builds the same graph, but libavfilter then starts a
        thread per core for every stream, which takes ten times as long.
        """
        graph.threads = 1
        source = graph.add(
            "abuffer",
            sample_rate=str(self.from_hz),
            sample_fmt=_AV_TYPES[self._sample_type],
            channel_layout=f"{self._channels}c",
        )
        resample = graph.add("aresample", sample_rate=str(self._to_hz))
        drain = graph.add("abuffersink")
        graph.link_nodes(source, resample, drain).configure()
        return source, drain
