"""Make the decoder of each stream, and report raw PCM that is labelled as another format.

numpy comes with a decoder, so it is loaded when the first request has left.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias

from voicecli.errors import UnsupportedFormat
from voicecli.sanitize import clean
from voicecli.telemetry.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio.pcm import Pcm
    from voicecli.clock import Clock
    from voicecli.codecs.decoding.auto import AutoDecoder
    from voicecli.sources.base import SourceInfo
    from voicecli.telemetry.observers import Observers


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


def load_decoder(observers: Observers, clock: Clock) -> Callable[[SourceInfo], AutoDecoder]:
    """Import decoders and return what makes one, from what a source knows of its stream.

    ``observers`` are warned once for each endpoint that labels raw PCM as another format:
    the label is remembered.
    """
    from voicecli.codecs.decoding.auto import AutoDecoder  # noqa: PLC0415  numpy comes with it

    def make_decoder(info: SourceInfo) -> AutoDecoder:
        def report(content_type: str) -> None:
            shown = clean(content_type, limit=60)
            message = f"the server labels raw PCM {shown}: it is played as PCM, as requested"
            observers.notify(Warned(clock.now(), message))
            _remember(info, content_type)

        return AutoDecoder(
            declared=info.requested,
            content_type=info.content_type,
            rate_hz=info.rate_hz,
            channels=info.channels,
            is_file=info.is_file,
            is_checked=info.endpoint is not None and info.has_known_end,
            on_mislabelled=report,
        )

    return make_decoder


def _remember(info: SourceInfo, content_type: str) -> None:
    if info.endpoint is not None:
        from voicecli.sources.label_file import LabelFile  # noqa: PLC0415  rarely

        LabelFile().put(info.endpoint, content_type)
