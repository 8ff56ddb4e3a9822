"""Speak from Python with the built-in voice: no key, no server.

python examples/speak.py ["text"]
"""

from __future__ import annotations

import sys

from voicecli import BuiltinSource, Output, Recorder, Session, SpeechRequest, VoiceCache


def main() -> int:
    text = " ".join(sys.argv[1:]) or "Hello from Python."
    request = SpeechRequest(text, voice="heart", model="hibari", response_format="pcm")
    recorder = Recorder("example")
    session = Session(Output(), observers=[recorder])
    # Keep the cache to speak again: the voice is then loaded already.
    result = session.run([BuiltinSource(request, VoiceCache(), session.spawn)])
    if result.error is not None:
        lines = filter(None, (result.error.message, result.error.remedy))
        print(*lines, sep="\n  ", file=sys.stderr)
        return result.error.exit_status
    print(f"spoke {result.spoken_s:.2f} s, first sound {recorder.ttfa_ms} ms after the request")
    return 0


if __name__ == "__main__":
    sys.exit(main())
