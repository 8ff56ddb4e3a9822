"""Bytes to samples and samples to bytes; pure, see `voicecli.codecs.decoding.base`."""

from __future__ import annotations

from voicecli.codecs.decoding.auto import AutoDecoder, make_decoder, preload
from voicecli.codecs.formats import CODECS

__all__ = ["CODECS", "AutoDecoder", "make_decoder", "preload"]
