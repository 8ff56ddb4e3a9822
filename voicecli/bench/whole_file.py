"""The usual way beside ours: fetch in gulps of 32 KiB, decode the whole clip, then play."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Self

from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import BadResponse, CorruptStream, UnsupportedFormat
from voicecli.sources.base import Connecting, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.sources.base import ByteSource

GULP_BYTES = 32 * 1024
"""What players wait for that read a stream with ``iter_bytes(32768)``."""

MOST_BYTES = 256 * 1024 * 1024
"""Longest clip that is collected."""

_PYDUB = {"aac": "aac", "flac": "flac", "mp3": "mp3", "opus": "ogg", "wav": "wav"}


class WholeFile:
    """Another source's bytes, given on only as scripts and players usually take them.

    PCM is played from the first `GULP_BYTES` on. Everything else is collected to
    its end and decoded by pydub, which starts an ffmpeg for all but WAV; what
    comes out is PCM. So ``ttfb_ms`` of such a run is when there was something to
    play, and its size that of the samples.

    Raises from iterating, beside what the source raises: `BadResponse` for more
    than `MOST_BYTES`, `UnsupportedFormat` and `CorruptStream` for what pydub
    cannot decode.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._info: SourceInfo | None = None

    @property
    def info(self) -> SourceInfo:
        """The source's, until the clip was decoded to PCM."""
        return self._info or self._source.info

    @property
    def label(self) -> str:
        """The source's."""
        return self._source.label

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Pass it on."""
        self._source.when_sent(callback)

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Pass it on to a source that connects."""
        if isinstance(self._source, Connecting):
            self._source.when_connected(callback)

    def warm(self) -> None:
        """Load pydub as well."""
        import pydub  # noqa: F401, PLC0415  on the thread that makes the request

        self._source.warm()

    def __enter__(self) -> Self:
        self._info = None
        self._source.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._source.__exit__(kind, error, traceback)

    def __iter__(self) -> Iterator[bytes]:
        """Yield PCM by gulps, everything else as the PCM that the whole came to."""
        gulps = self._gulps()
        first = next(gulps, b"")
        name = _recognise(first, self._source.info)
        if name == "pcm":
            yield first
            yield from gulps
            return
        clip = bytearray(first)
        for gulp in gulps:
            clip += gulp
            if len(clip) > MOST_BYTES:
                raise BadResponse(f"the answer is longer than {MOST_BYTES >> 20} MiB")
        yield self._decoded(bytes(clip), name)

    def _gulps(self) -> Iterator[bytes]:
        gulp = bytearray()
        for chunk in self._source:
            gulp += chunk
            while len(gulp) >= GULP_BYTES:
                yield bytes(gulp[:GULP_BYTES])
                del gulp[:GULP_BYTES]
        if gulp:
            yield bytes(gulp)

    def _decoded(self, clip: bytes, name: str) -> bytes:
        from pydub import AudioSegment  # noqa: PLC0415  loaded by `warm`
        from pydub.exceptions import CouldntDecodeError  # noqa: PLC0415

        if name != "wav" and not shutil.which("ffmpeg"):
            raise UnsupportedFormat(f"pydub takes ffmpeg to decode {name}", remedy="install ffmpeg")
        try:
            segment = AudioSegment.from_file(io.BytesIO(clip), format=_PYDUB[name])
        except (CouldntDecodeError, IndexError, KeyError, EOFError) as error:
            raise CorruptStream(f"pydub cannot decode this {name}") from error
        segment = segment.set_sample_width(2)
        self._info = SourceInfo("pcm", None, segment.frame_rate, segment.channels)
        return bytes(segment.raw_data)

    def cancel(self) -> None:
        """Pass it on."""
        self._source.cancel()


def _recognise(beginning: bytes, info: SourceInfo) -> str:
    """Name of the format, as our own decoder would take it; raises as that does."""
    sniffer = Sniffer(info.requested, info.content_type)
    return (sniffer.feed(beginning) or sniffer.finish()).codec
