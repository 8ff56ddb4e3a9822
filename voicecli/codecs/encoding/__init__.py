"""Samples to the bytes of a valid file; pure, see `voicecli.codecs.encoding.base`."""

from __future__ import annotations

from voicecli.codecs.encoding.base import Encoded, Encoder
from voicecli.codecs.encoding.registry import make_encoder

__all__ = ["Encoded", "Encoder", "make_encoder"]
