"""The six formats: their names, media types, file suffixes and rates.

The only table of them. Nothing here imports a codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

RATES_HZ = range(1_000, 768_001)
"""Sample rates accepted from a stream: 1 Hz would expand 48,000-fold on the way to a device."""

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Rates that Opus encodes from and decodes to (RFC 6716 section 2)."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One format.

    ``name`` is its name in requests; `voicecli.codecs.decoding` and
    `voicecli.codecs.encoding` have a module of that name. ``media_types`` are in
    lower case; the first is the one to send, all are accepted. The first suffix is
    the one to show.
    """

    name: str
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]

    @property
    def media_type(self) -> str:
        """The media type to send."""
        return self.media_types[0]


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec(
            "pcm",
            ("audio/pcm", "audio/x-pcm", "audio/raw", "audio/l16", "audio/s16le"),
            (".pcm", ".raw", ".s16le"),
        ),
        Codec(
            "wav", ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), (".wav", ".wave")
        ),
        Codec("opus", ("audio/ogg", "audio/opus", "application/ogg"), (".opus", ".ogg", ".oga")),
        Codec("mp3", ("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3"), (".mp3",)),
        Codec("aac", ("audio/aac", "audio/aacp", "audio/x-aac"), (".aac", ".adts")),
        Codec("flac", ("audio/flac", "audio/x-flac"), (".flac",)),
    )
}
"""The formats by name, in the order in which messages list them."""


def codec_for_media_type(name: str) -> str | None:
    """Return the codec that a lower-case media type names, or None."""
    return next((codec.name for codec in CODECS.values() if name in codec.media_types), None)


def codec_for_suffix(path: str) -> str | None:
    """Return the codec that a file name suggests, or None."""
    suffix = PurePath(path).suffix.lower()
    return next((codec.name for codec in CODECS.values() if suffix in codec.suffixes), None)


RAW_MEDIA_TYPES: dict[str, str] = {
    **{
        f".{kind}{order}": f"audio/pcm;encoding={kind}{order}"
        for kind in ("s16", "s24", "s32", "f32", "f64")
        for order in ("", "le", "be")
    },
    **{f".{kind}": f"audio/pcm;encoding={kind}" for kind in ("s8", "u8")},
    **dict.fromkeys((".ul", ".ulaw", ".mulaw"), "audio/pcmu"),
    **dict.fromkeys((".al", ".alaw"), "audio/pcma"),
}
"""Media types of raw samples by the suffixes that SoX and FFmpeg write."""


def raw_media_type(path: str) -> str | None:
    """Return the media type of the raw samples that a file name suggests, or None."""
    return RAW_MEDIA_TYPES.get(PurePath(path).suffix.lower())
