"""Encoders by name, and the checks of settings common to all."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from voicecli.codecs.formats import CODECS
from voicecli.errors import ConfigError, UnsupportedFormat

if TYPE_CHECKING:
    from voicecli.codecs.encoding.base import Encoder

_SETTINGS = {
    "opus": ("bitrate_bps", "page_ms"),
    "mp3": ("bitrate_bps",),
    "aac": ("bitrate_bps",),
    "flac": ("total_frames",),
}
"""Settings of each format besides rate and channels."""

_MAX_CHANNELS, _MAX_PCM_CHANNELS = 2, 8


def make_encoder(
    format: str,
    sample_rate_hz: int,
    channels: int,
    *,
    bitrate_bps: int | None = None,
    page_ms: int | None = None,
    total_frames: int | None = None,
) -> Encoder:
    """Make an encoder for one of the six formats.

    Args:
        format: pcm, wav, opus, mp3, aac or flac.
        sample_rate_hz: of the samples to be fed. A lossy codec that lacks it resamples
            to its next higher rate.
        channels: of the samples to be fed: 1 or 2, for pcm up to 8.
        bitrate_bps: of opus, mp3 and aac; one suited to speech if None.
        page_ms: length of Ogg pages, of opus only; the first is always 20 ms, the
            others 100 ms if None.
        total_frames: the length, of flac only, if it is known beforehand.

    Raises:
        UnsupportedFormat: no such format, or its library is missing.
        ConfigError: a setting that the format does not have, or out of its range.
    """
    if format not in CODECS:
        raise UnsupportedFormat(
            f"cannot encode unknown format {format!r}", remedy=f"choose one of {', '.join(CODECS)}"
        )
    max_channels = _MAX_PCM_CHANNELS if format == "pcm" else _MAX_CHANNELS
    if not 0 < channels <= max_channels:
        raise ConfigError(
            f"{format} cannot hold {channels} channels",
            remedy=f"it holds 1 to {max_channels}; mix them down first",
        )
    settings: dict[str, Any] = {}
    given = {"bitrate_bps": bitrate_bps, "page_ms": page_ms, "total_frames": total_frames}
    for name, value in given.items():
        if name in _SETTINGS.get(format, ()):
            settings[name] = value
        elif value is not None:
            raise ConfigError(f"{format} has no setting {name}", remedy="leave it out")
    module = importlib.import_module(f"voicecli.codecs.encoding.{format}")
    encoder: Encoder = getattr(module, f"{format.capitalize()}Encoder")(
        sample_rate_hz, channels, **settings
    )
    return encoder
