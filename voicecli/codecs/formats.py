"""The six formats: their names, their media types, the suffixes of their files.

The one table of them. Nothing here imports a codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from voicecli.codecs.media_type import MEDIA_TYPES


@dataclass(frozen=True, slots=True)
class Codec:
    """One format: its name in requests, where its decoder is, what its files are called.

    ``media_type`` is the one to send; `media_types` are those to accept.
    """

    name: str
    module: str
    decoder: str
    media_type: str
    suffixes: tuple[str, ...]

    @property
    def media_types(self) -> tuple[str, ...]:
        """Every media type that names this codec, in lower case."""
        return tuple(name for name, codec in MEDIA_TYPES.items() if codec == self.name)


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec(
            "pcm",
            "voicecli.codecs.decoding.pcm",
            "PcmDecoder",
            "audio/pcm",
            (".pcm", ".raw", ".s16le"),
        ),
        Codec("wav", "voicecli.codecs.decoding.wav", "WavDecoder", "audio/wav", (".wav", ".wave")),
        Codec(
            "opus",
            "voicecli.codecs.decoding.opus",
            "OpusDecoder",
            "audio/ogg",
            (".opus", ".ogg", ".oga"),
        ),
        Codec("mp3", "voicecli.codecs.decoding.mp3", "Mp3Decoder", "audio/mpeg", (".mp3",)),
        Codec("aac", "voicecli.codecs.decoding.aac", "AacDecoder", "audio/aac", (".aac", ".adts")),
        Codec("flac", "voicecli.codecs.decoding.flac", "FlacDecoder", "audio/flac", (".flac",)),
    )
}
"""The formats by name, in the order in which they are named to people."""


def codec_for_suffix(path: str) -> str | None:
    """Name of the codec that a file's name suggests, None if it suggests none."""
    suffix = PurePath(path).suffix.lower()
    return next((name for name, codec in CODECS.items() if suffix in codec.suffixes), None)
