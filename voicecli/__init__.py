"""Speak streamed text-to-speech: heard before the server has finished."""

from __future__ import annotations

__version__ = "0.1.0"
