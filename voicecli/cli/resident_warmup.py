"""Warm up a worker with a short silent run, so that the next one starts faster.

A forked process shares its parent's memory until it writes to it. Each page that it then
copies takes time, as does the first use of much in libraries. A worker in reserve pays for
both before its command comes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from voicecli.cli.app import prepare_command
from voicecli.playback.output import Output, OutputSettings
from voicecli.request import SpeechRequest
from voicecli.session import Session
from voicecli.sources.builtin import BuiltinSource
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource
from voicecli.telemetry.metrics import Recorder

if TYPE_CHECKING:
    from voicecli.sources.voicecache import VoiceCache

_WAIT_S = 2.0

_SILENCE = bytes(4800)  # 0.1 s of PCM

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n" % len(_SILENCE)
)


def warm_up() -> None:
    """Parse a command line, and fetch, decode and discard a tenth of a second of silence.

    It comes from a socket of this process, on the loopback interface.
    """
    with contextlib.suppress(Exception):  # the command will report what is wrong
        _parse()
    with contextlib.suppress(Exception):
        _speak()


def warm_up_voice(name: str, voices: VoiceCache) -> None:
    """Speak a few words with a built-in voice, which allocates what it needs to compute."""
    request = SpeechRequest("Hello, this is a voice.", name, "", "pcm")
    with contextlib.suppress(Exception):  # the command will report it
        for _ in BuiltinSource(request, voices).open():
            pass


def _parse() -> None:
    group = prepare_command("say")
    with group.make_context("voicecli", ["say", "Hello."]) as above:
        group.commands["say"].make_context("say", ["Hello."], parent=above).close()


def _speak() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_WAIT_S)
        serving = threading.Thread(target=_answer, args=(listener,), daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        client = SpeechClient(url, connect_timeout_s=_WAIT_S, read_timeout_s=_WAIT_S)
        request = SpeechRequest("Hello.", "voice", "model", "pcm")
        output = Output(OutputSettings(output="discard"))
        Session(output, observers=[Recorder("warm-up", 0.0)]).run([OpenAISource(client, request)])
        client.close()
        serving.join(_WAIT_S)


def _answer(listener: socket.socket) -> None:
    """Answer one request, whatever it says."""
    with contextlib.suppress(OSError), listener.accept()[0] as connection:
        connection.settimeout(_WAIT_S)
        received = b""
        while b'"input"' not in received and (data := connection.recv(1 << 16)):
            received += data
        connection.sendall(_ANSWER + _SILENCE)
