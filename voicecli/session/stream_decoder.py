"""Make the decoder of each stream, and report raw PCM that is labelled as another format.

numpy comes with a decoder, so it is loaded when the first request has left.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias

from voicecli.errors import (
    BadResponse,
    CorruptStream,
    DecodeError,
    SourceError,
    TruncatedStream,
    UnsupportedFormat,
    VoiceError,
)
from voicecli.sanitize import clean
from voicecli.telemetry.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from voicecli.audio.pcm import Pcm
    from voicecli.clock import Clock
    from voicecli.sources.base import SourceInfo
    from voicecli.telemetry.observers import Observers


_MAX_SILENT_BYTES = 32 * 1024 * 1024
"""Upper bound on bytes of an answer without sound: two of FLAC's largest pictures."""

_MAX_SILENT_S = 60.0
_MAX_WAIT_S = 5.0
"""A longer wait for bytes counts as this much silence: `FetchLimits` bounds single waits."""


class StreamDecoder(Protocol):
    """The part of `AutoDecoder` that rendering uses."""

    @property
    def name(self) -> str | None:
        """The format's name, None until it is known."""

    @property
    def pending(self) -> bool:
        """Whether another call has more to return, or an error to raise."""

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes and return the blocks that became decodable."""

    def flush(self) -> list[Pcm]:
        """End the stream and return the remaining blocks."""


Decode: TypeAlias = "Callable[[], list[Pcm]]"
"""A call to a decoder's ``feed`` or ``flush``."""

MakeDecoder: TypeAlias = "Callable[[SourceInfo], StreamDecoder]"
"""Makes a decoder for each stream, from what its source knows about it."""


def preload_decoder(name: str) -> None:
    """Load what decoding the format ``name`` needs, if it is installed; numpy comes with it."""
    from voicecli.codecs.decoding.auto import preload  # noqa: PLC0415  numpy comes with it

    # The answer may need another decoder, and then a missing one does not matter.
    with suppress(UnsupportedFormat):
        preload(name)


_TRY_AGAIN = "try again; --debug-audio keeps what was received"

ANSWER_REMEDIES: Mapping[type[VoiceError], str] = {
    BadResponse: _TRY_AGAIN,
    UnsupportedFormat: "ask for another format with --format",
    CorruptStream: "ask for another format with --format; --debug-audio keeps what was received",
    TruncatedStream: _TRY_AGAIN,
}
"""What to do about an answer that cannot be decoded."""

FILE_REMEDIES: Mapping[type[VoiceError], str] = {
    UnsupportedFormat: "convert it first, for example with ffmpeg -i FILE speech.wav",
    CorruptStream: "get the file again; --save NEW.wav keeps what can be decoded",
    TruncatedStream: "get the file again; --save NEW.wav keeps what can be decoded",
}
"""What to do about a file that cannot be decoded."""


class _WrappedDecoder:
    """A decoder around another one, which it passes its calls on to."""

    def __init__(self, decoder: StreamDecoder) -> None:
        self._decoder = decoder

    @property
    def name(self) -> str | None:
        """The format's name, None until it is known."""
        return self._decoder.name

    @property
    def pending(self) -> bool:
        """Whether another call has more to return, or an error to raise."""
        return self._decoder.pending

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes and return the blocks that became decodable."""
        return self._decoder.feed(data)

    def flush(self) -> list[Pcm]:
        """End the stream and return the remaining blocks."""
        return self._decoder.flush()


class RemedyingDecoder(_WrappedDecoder):
    """A decoder whose errors have a remedy: the codecs do not know where bytes come from."""

    def __init__(self, decoder: StreamDecoder, remedies: Mapping[type[VoiceError], str]) -> None:
        super().__init__(decoder)
        self._remedies = remedies

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes and return the blocks that became decodable."""
        with self._remedying():
            return self._decoder.feed(data)

    def flush(self) -> list[Pcm]:
        """End the stream and return the remaining blocks."""
        with self._remedying():
            return self._decoder.flush()

    @contextmanager
    def _remedying(self) -> Iterator[None]:
        try:
            yield
        except (DecodeError, SourceError) as error:
            error.remedy = error.remedy or self._remedies.get(type(error))
            raise


class AnswerDecoder(_WrappedDecoder):
    """A decoder of a server's answer, which fails if bytes arrive without end and without sound.

    Padding, tags and chunks that are not played may follow the sound, or precede it.
    """

    def __init__(self, decoder: StreamDecoder, clock: Clock) -> None:
        super().__init__(decoder)
        self._clock = clock
        self._silent_bytes = 0  # since the latest block
        self._silent_s = 0.0  # time in which bytes kept coming, without sound
        self._fed_at = 0.0

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes and return the blocks that became decodable.

        Raises:
            BadResponse: bytes brought no sound for too long, or too many of them.
        """
        blocks = self._decoder.feed(data)
        if blocks:
            self._silent_bytes, self._silent_s = 0, 0.0
            return blocks
        now = self._clock.now()
        if self._silent_bytes:
            self._silent_s += min(now - self._fed_at, _MAX_WAIT_S)
        self._fed_at = now
        self._silent_bytes += len(data)
        if self._silent_s > _MAX_SILENT_S or self._silent_bytes > _MAX_SILENT_BYTES:
            message = f"the server sent {self._silent_bytes:,} bytes without sound"
            raise BadResponse(message, remedy=_TRY_AGAIN)
        return blocks


def load_decoder(observers: Observers, clock: Clock) -> MakeDecoder:
    """Import decoders, and return a function that makes one for each stream.

    ``observers`` are warned once for each endpoint that labels raw PCM as another format:
    the label is remembered.
    """
    from voicecli.codecs.decoding.auto import AutoDecoder  # noqa: PLC0415  numpy comes with it

    def make_decoder(info: SourceInfo) -> StreamDecoder:
        def report(content_type: str) -> None:
            shown = clean(content_type, limit=60)
            message = f"the server labels raw PCM {shown}: it is played as PCM, as requested"
            observers.notify(Warned(clock.now(), message))
            _remember(info, content_type)

        automatic = AutoDecoder(
            declared=info.requested,
            content_type=info.content_type,
            rate_hz=info.rate_hz,
            channels=info.channels,
            is_file=info.is_file,
            is_checked=info.endpoint is not None and info.has_known_end,
            on_mislabelled=report,
        )
        decoder = RemedyingDecoder(automatic, FILE_REMEDIES if info.is_file else ANSWER_REMEDIES)
        return decoder if info.endpoint is None else AnswerDecoder(decoder, clock)

    return make_decoder


def _remember(info: SourceInfo, content_type: str) -> None:
    if info.endpoint is not None:
        from voicecli.sources.label_file import LabelFile  # noqa: PLC0415  rarely

        LabelFile().put(info.endpoint, content_type)
