"""Speak through `voicecli serve` with the OpenAI SDK; play the audio as it arrives.

    python examples/serve_openai_sdk.py ["text"] [pcm|wav|opus|mp3|aac|flac]

Only the base URL differs from a program that uses OpenAI: no key is needed on this
machine, and OpenAI's names of models and voices are accepted.
"""

from __future__ import annotations

import json
import subprocess
import sys

from openai import OpenAI

VOICECLI = [sys.executable, "-m", "voicecli"]


def main() -> int:
    defaults = ["Hello from the OpenAI SDK.", "opus"]
    text, response_format = sys.argv[1:] + defaults[len(sys.argv) - 1 :]
    # --port 0 picks a free port, --json prints it.
    serve = [*VOICECLI, "serve", "--port", "0", "--json", "--quiet"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE) as server:  # noqa: S603  our own command
        try:
            assert server.stdout is not None
            client = OpenAI(base_url=json.loads(server.stdout.readline())["url"], api_key="none")
            return play(client, text, response_format)
        finally:
            server.terminate()


def play(client: OpenAI, text: str, response_format: str) -> int:
    player = [*VOICECLI, "play", "-", "--quiet", "--format", response_format]
    with (
        client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=text, response_format=response_format
        ) as response,
        subprocess.Popen(player, stdin=subprocess.PIPE) as playing,  # noqa: S603  our own command
    ):
        assert playing.stdin is not None
        for chunk in response.iter_bytes():
            playing.stdin.write(chunk)
            playing.stdin.flush()
        playing.stdin.close()
        return playing.wait()


if __name__ == "__main__":
    sys.exit(main())
