"""What a server's ``Content-Type`` claims about its audio (RFC 9110 section 8.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voicecli.codecs.formats import RATES_HZ, codec_for_media_type

_CHANNELS = range(1, 65)
_CHANNEL_NAMES = {"mono": "1", "stereo": "2"}
_NUMBER = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?\s*(k?)(?:hz)?", re.IGNORECASE)
_SEPARATORS = re.compile(r"[;,]")
_GSTREAMER_TYPE = re.compile(r"^\((?:int|string)\)")


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
        """The parameter ``rate``, in any spelling; None if it is absent or implausible."""
        text = self.param("rate", "samplerate", "samplingrate", "sr", "frequency")
        return _number(text, RATES_HZ)

    @property
    def channels(self) -> int | None:
        """The parameter ``channels``, likewise."""
        text = self.param("channels", "channel", "numchannels", "ch")
        return _number(_CHANNEL_NAMES.get(text.lower(), text), _CHANNELS)

    @property
    def is_audio(self) -> bool:
        """Whether the type announces sound, of whatever kind."""
        return self.name.startswith(("audio/", "video/"))

    def param(self, *names: str) -> str:
        """Return the first parameter with one of these names, or an empty string.

        Names are compared without ``-`` and ``_``: servers write ``sample_rate``,
        ``sample-rate`` and ``samplerate``.
        """
        values = (v for k, v in self.params.items() if re.sub("[-_]", "", k) in names)
        return next(values, "")


def _number(text: str, allowed: range) -> int | None:
    """Return a number such as ``16000``, ``16000.0``, ``16000 Hz`` or ``44.1k``."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    scale = 1000 if match[3] else 1
    thousandths = (int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))) * scale
    number, rest = divmod(thousandths, 1000)
    return number if not rest and number in allowed else None


def parse_media_type(text: str) -> MediaType:
    """Parse a content type such as ``audio/pcm; rate=22050;channels="1"``.

    Lenient: malformed parameters are skipped, and the first of two with the same
    name counts. Commas separate too, as in GStreamer's ``audio/x-raw, rate=(int)16000``
    and in a header sent twice. A separator inside a quoted value is not supported; no
    audio type has one that matters.
    """
    name, *rest = _SEPARATORS.split(text)
    params: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            value = _GSTREAMER_TYPE.sub("", value.strip().strip('"').strip())
            params.setdefault(key.strip().lower(), value)
    return MediaType(name.strip().lower(), params)
