"""Speak a language model's answer while it is still being written.

python examples/llm_pipe.py [--device null] ["question"]

The stream has the shape of the OpenAI SDK's chat completions; here a stand-in writes it, so
the example needs no key and no server. With the SDK it is
``client.chat.completions.create(model=…, messages=…, stream=True)``.
"""

from __future__ import annotations

import argparse
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

from voicecli import Engine, Output, OutputSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANSWER = (
    "The Moon pulls the sea towards it. On the far side the water bulges as well. "
    "As the Earth turns, each coast passes **both** bulges once a day."
)


def completion(question: str) -> Iterator[SimpleNamespace]:
    """Stand in for ``chat.completions.create(…, stream=True)``: a word every 40 ms."""
    del question
    for word in ANSWER.split(" "):
        time.sleep(0.04)
        delta = SimpleNamespace(content=f"{word} ")
        yield SimpleNamespace(choices=[SimpleNamespace(delta=delta)])


def words(stream: Iterable[SimpleNamespace]) -> Iterator[str]:
    """Yield the text of each chunk, and show it as it comes."""
    for chunk in stream:
        if text := chunk.choices[0].delta.content:
            print(text, end="", flush=True)
            yield text
    print()


def main() -> int:
    parser = argparse.ArgumentParser(description="Speak an answer while it is being written.")
    parser.add_argument("question", nargs="?", default="Explain tides.")
    parser.add_argument("--device", help="a sound device; null plays in silence")
    options = parser.parse_args()
    output = "null" if options.device == "null" else "device"
    device = None if output == "null" else options.device
    with Engine(output=Output(OutputSettings(output=output, device=device))) as engine:
        playback = engine.say(words(completion(options.question)))
        result = playback.wait()
    assert result is not None
    if result.error is not None:
        lines = filter(None, (result.error.message, result.error.remedy))
        print(*lines, sep="\n  ", file=sys.stderr)
        return result.error.exit_status
    heard, known = playback.sentences
    print(f"spoke {heard} of {known} sentences in {result.spoken_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
