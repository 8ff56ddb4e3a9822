"""What a server's ``Content-Type`` claims about its audio (RFC 9110 section 8.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voicecli.codecs.formats import RATES_HZ, codec_for_media_type

_CHANNELS = range(1, 65)


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type and its parameters; names in lower case, values as received."""

    name: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def codec(self) -> str | None:
        """The codec that the type names; None for any other type."""
        return codec_for_media_type(self.name)

    @property
    def is_text(self) -> bool:
        """Whether the type announces text rather than audio."""
        kind, _, subtype = self.name.partition("/")
        return kind == "text" or subtype in {"json", "xml"} or subtype.endswith(("+json", "+xml"))

    @property
    def rate_hz(self) -> int | None:
        """The parameter ``rate``; None if it is absent or implausible."""
        return self._number("rate", RATES_HZ)

    @property
    def channels(self) -> int | None:
        """The parameter ``channels``; None if it is absent or implausible."""
        return self._number("channels", _CHANNELS)

    @property
    def is_audio(self) -> bool:
        """Whether the type announces sound, of whatever kind."""
        return self.name.startswith(("audio/", "video/"))

    def _number(self, param: str, allowed: range) -> int | None:
        text = self.params.get(param, "")
        is_number = re.fullmatch("[0-9]{1,9}", text) is not None
        return int(text) if is_number and int(text) in allowed else None


def parse_media_type(text: str) -> MediaType:
    """Parse a content type such as ``audio/pcm; rate=22050;channels="1"``.

    Lenient: malformed parameters are skipped, and the first of two with the same
    name counts. A separator inside a quoted value is not supported; no audio type
    has one.
    """
    name, *rest = text.split(";")
    params: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            params.setdefault(key.strip().lower(), value.strip().strip('"').strip())
    return MediaType(name.strip().lower(), params)
