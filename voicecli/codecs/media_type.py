"""What a server's ``Content-Type`` claims about its audio (RFC 9110 section 8.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from voicecli.codecs.decoding.base import RATES_HZ

MEDIA_TYPES: dict[str, str] = {
    "audio/pcm": "pcm",
    "audio/x-pcm": "pcm",
    "audio/raw": "pcm",
    "audio/l16": "pcm",
    "audio/s16le": "pcm",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/ogg": "opus",
    "audio/opus": "opus",
    "application/ogg": "opus",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-mp3": "mp3",
    "audio/mpeg3": "mp3",
    "audio/aac": "aac",
    "audio/aacp": "aac",
    "audio/x-aac": "aac",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
}
"""Media types, in lower case, and the codec each names."""

_CHANNELS = range(1, 65)


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type and its parameters; names in lower case, values as they came."""

    name: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def codec(self) -> str | None:
        """The codec of ours that the type names; None for anything else."""
        return MEDIA_TYPES.get(self.name)

    @property
    def is_text(self) -> bool:
        """Whether the type announces something to read rather than to hear."""
        kind, _, subtype = self.name.partition("/")
        return kind == "text" or subtype in {"json", "xml"} or subtype.endswith(("+json", "+xml"))

    @property
    def rate_hz(self) -> int | None:
        """The parameter ``rate``, None where it is absent or no rate."""
        return self._number("rate", RATES_HZ)

    @property
    def channels(self) -> int | None:
        """The parameter ``channels``, None where it is absent or no such number."""
        return self._number("channels", _CHANNELS)

    @property
    def is_big_endian(self) -> bool:
        """Whether the samples are said to have their high byte first.

        RFC 2586 says so of every ``audio/L16``, but that is not what speech
        servers send under the name: only a parameter that says it is believed.
        """
        return self.params.get("endianness", "").lower().startswith("big")

    def _number(self, param: str, among: range) -> int | None:
        text = self.params.get(param, "")
        # isdecimal() alone accepts digits of every script, and int() any length of them.
        if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004
            return None
        return int(text) if int(text) in among else None


def parse_media_type(text: str) -> MediaType:
    """Read a content type such as ``audio/pcm; rate=22050;channels="1"``.

    Forgiving: whatever is no parameter is left out, and the first of two with
    the same name counts. A separator inside a quoted value is not recognised as
    quoted; no audio type has one.
    """
    name, *rest = text.split(";")
    params: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            params.setdefault(key.strip().lower(), value.strip().strip('"').strip())
    return MediaType(name.strip().lower(), params)
