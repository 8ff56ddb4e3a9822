"""Speak standard input with RealtimeTTS as it arrives; run by ``pipe.py`` in its environment.

Takes the server's URL. Prints "ready" once everything is loaded.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def text() -> Iterator[str]:
    """Yield standard input as it arrives."""
    while data := os.read(0, 4096):
        yield data.decode()


def main() -> None:
    """Load RealtimeTTS with its fastest settings, and speak."""
    os.environ.update(OPENAI_BASE_URL=sys.argv[1], OPENAI_API_KEY="none")
    from RealtimeTTS import OpenAIEngine, TextToAudioStream  # noqa: PLC0415  not in our environment

    engine = OpenAIEngine(response_format="pcm", api_key="none")
    stream = TextToAudioStream(engine, tokenizer="rule-based")
    print("ready", flush=True)
    stream.feed(text())
    stream.play()


if __name__ == "__main__":
    main()
