"""Bytes to samples and samples to bytes; pure, see `voicecli.codecs.decoding.base`."""

from __future__ import annotations

from voicecli.codecs.decoding.auto import AutoDecoder, make_decoder, preload
from voicecli.codecs.decoding.base import Decoder
from voicecli.codecs.formats import CODECS, Codec, codec_for_suffix

__all__ = [
    "CODECS",
    "AutoDecoder",
    "Codec",
    "Decoder",
    "codec_for_suffix",
    "make_decoder",
    "preload",
]
