"""Decode a stream of any of the six formats as it arrives on standard input.

    curl -sN https://example.com/speech.opus | python examples/decode.py

Decoders are pure: bytes in, samples out. The caller provides the bytes and uses the samples.
"""

from __future__ import annotations

import os
import sys

from voicecli import AutoDecoder, VoiceError


def main() -> int:
    decoder = AutoDecoder()
    seconds = 0.0
    try:
        while chunk := os.read(sys.stdin.fileno(), 4096):
            seconds += sum(block.duration_s for block in decoder.feed(chunk))
            while decoder.pending:  # a call returns a bounded amount
                seconds += sum(block.duration_s for block in decoder.feed(b""))
        seconds += sum(block.duration_s for block in decoder.flush())
        while decoder.pending:
            seconds += sum(block.duration_s for block in decoder.flush())
    except VoiceError as error:
        print(f"after {seconds:.3f} s: {error.message}", file=sys.stderr)
        return error.exit_status
    print(f"{decoder.name}: {seconds:.3f} s, {decoder.format}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
