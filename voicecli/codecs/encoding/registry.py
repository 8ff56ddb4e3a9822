"""Encoders by name, and what is common to refusing one."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.errors import ConfigError, UnsupportedFormat

if TYPE_CHECKING:
    from voicecli.codecs.encoding.base import Encoder


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where an encoder is, and which settings beside rate and channels it knows."""

    module: str
    encoder: str
    has_bitrate: bool = False
    has_pages: bool = False
    most_channels: int = 2


_ENTRIES = {
    "pcm": _Entry("pcm", "PcmEncoder", most_channels=8),
    "wav": _Entry("wav", "WavEncoder"),
    "opus": _Entry("opus", "OpusEncoder", has_bitrate=True, has_pages=True),
    "mp3": _Entry("mp3", "Mp3Encoder", has_bitrate=True),
    "aac": _Entry("aac", "AacEncoder", has_bitrate=True),
    "flac": _Entry("flac", "FlacEncoder"),
}


def make_encoder(
    codec: str,
    sample_rate_hz: int,
    channels: int,
    *,
    bitrate_bps: int | None = None,
    page_ms: int | None = None,
) -> Encoder:
    """A new encoder for one of the six formats.

    Args:
        codec: pcm, wav, opus, mp3, aac or flac.
        sample_rate_hz: of the samples to be fed. A lossy codec that lacks it
            resamples to its next rate above.
        channels: of the samples to be fed: 1 or 2, for pcm up to 8.
        bitrate_bps: of opus, mp3 and aac; a good one for speech if None.
        page_ms: length of Ogg pages, of opus only; the first is always 20 ms,
            the others 100 ms if None.

    Raises:
        UnsupportedFormat: no such format, or its library is missing.
        ConfigError: a setting that the format does not have, or out of its range.
    """
    entry = _ENTRIES.get(codec)
    if entry is None:
        raise UnsupportedFormat(
            f"there is no format {codec!r} to encode", remedy=f"choose one of {', '.join(_ENTRIES)}"
        )
    if not 0 < channels <= entry.most_channels:
        raise ConfigError(
            f"{codec} cannot hold {channels} channels",
            remedy=f"it holds 1 to {entry.most_channels}; mix them down first",
        )
    settings: dict[str, Any] = {}
    if entry.has_bitrate:
        settings["bitrate_bps"] = bitrate_bps
    elif bitrate_bps is not None:
        raise ConfigError(f"{codec} has no bitrate to choose", remedy="leave it out")
    if entry.has_pages:
        settings["page_ms"] = page_ms
    elif page_ms is not None:
        raise ConfigError(f"{codec} has no pages, only opus has", remedy="leave page_ms out")
    module = importlib.import_module(f"voicecli.codecs.encoding.{entry.module}")
    encoder: Encoder = getattr(module, entry.encoder)(sample_rate_hz, channels, **settings)
    return encoder
