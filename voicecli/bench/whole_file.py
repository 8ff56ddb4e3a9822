"""The usual way, as a baseline: fetch in 32 KiB blocks, decode the whole clip, then play."""

from __future__ import annotations

import io
import os
import shutil
import warnings
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import BadResponse, CorruptStream, UnsupportedFormat
from voicecli.sources.base import Response, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voicecli.sources.base import RequestEvents, Source

BLOCK_BYTES = 32 * 1024
"""What players wait for that read a stream with ``iter_bytes(32768)``."""

MAX_BYTES = 256 * 1024 * 1024
"""Upper bound on a clip."""

_PYDUB_FORMATS = {"aac": "aac", "flac": "flac", "mp3": "mp3", "opus": "ogg", "wav": "wav"}


class WholeFile:
    """Passes on another source's bytes as scripts and players usually take them.

    PCM is passed on in blocks of `BLOCK_BYTES`. Everything else is collected to its end
    and decoded by pydub, which runs ffmpeg for all but WAV; the result is PCM. Opening
    takes as long as that. So ``ttfb_ms`` of such a run is the time at which there was
    something to play, and its size that of the samples.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.label = source.label
        self.sends_request = source.sends_request

    def prepare(self) -> None:
        """Load pydub, and prepare the source."""
        _load_pydub()
        self._source.prepare()

    def open(self, events: RequestEvents | None = None) -> Response:
        """Fetch the first block of PCM, or the whole of anything else.

        Raises:
            BadResponse: the clip is longer than `MAX_BYTES`.
            UnsupportedFormat: ffmpeg is missing.
            CorruptStream: pydub cannot decode the clip.
            SourceError: as the source.
        """
        with ExitStack() as stack:
            response = stack.enter_context(self._source.open(events))
            info, blocks = response.info.of_audio, _blocks(response)
            first = next(blocks, b"")
            sniffer = Sniffer(info.requested, info.content_type)
            name = sniffer.feed(first) or sniffer.finish()
            chunks: Iterable[bytes]
            if name == "pcm":
                chunks = chain([first], blocks)
            else:
                chunks, info = _decoded(_collected(first, blocks), name)
            return Response(info, chunks, stack.pop_all().close)

    def cancel(self) -> None:
        """Cancel the source."""
        self._source.cancel()


def _load_pydub() -> None:
    """Import pydub, on the thread that makes the request."""
    # It looks for ffmpeg at once: it warns if there is none, and fails without a PATH.
    os.environ.setdefault("PATH", os.defpath)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydub  # noqa: F401, PLC0415  slow


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for chunk in chunks:
        block += chunk
        while len(block) >= BLOCK_BYTES:
            yield bytes(block[:BLOCK_BYTES])
            del block[:BLOCK_BYTES]
    if block:
        yield bytes(block)


def _collected(first: bytes, blocks: Iterable[bytes]) -> bytes:
    clip = bytearray(first)
    for block in blocks:
        clip += block
        if len(clip) > MAX_BYTES:
            raise BadResponse(f"the answer is longer than {MAX_BYTES >> 20} MiB")
    return bytes(clip)


def _decoded(clip: bytes, name: str) -> tuple[list[bytes], SourceInfo]:
    _load_pydub()
    from pydub import AudioSegment  # noqa: PLC0415  see above
    from pydub.exceptions import CouldntDecodeError  # noqa: PLC0415  see above

    if name != "wav" and not shutil.which("ffmpeg"):
        raise UnsupportedFormat(f"pydub needs ffmpeg to decode {name}", remedy="install ffmpeg")
    try:
        segment = AudioSegment.from_file(io.BytesIO(clip), format=_PYDUB_FORMATS[name])
    except (CouldntDecodeError, IndexError, KeyError, EOFError) as error:
        raise CorruptStream(f"pydub cannot decode this {name}") from error
    segment = segment.set_sample_width(2)
    info = SourceInfo("pcm", None, segment.frame_rate, segment.channels)
    return [bytes(segment.raw_data)], info
