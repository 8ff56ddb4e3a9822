"""Requests to a server of the test's own, and their outcomes."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from voicecli.config.server import Server
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource

KEY = "sk-0123456789abcdef"
AUDIO = bytes(range(256)) * 64


@contextlib.contextmanager
def client(url, key=KEY, *, server=None, **limits):
    made = SpeechClient(Server(url, key, **(server or {})), **limits)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def source(url, key=KEY, *, pcm_rate_hz=None, overrides_rate=False, limits=None, **fields):
    request = SpeechRequest(**{
        "text": "Hello.", "voice": "alloy", "model": "tts-1", "response_format": "pcm", **fields
    })  # fmt: skip
    with client(url, key, **(limits or {})) as made:
        yield OpenAISource(made, request, pcm_rate_hz=pcm_rate_hz, overrides_rate=overrides_rate)


def read(url, *args, **fields):
    with source(url, *args, **fields) as speech, speech.open() as response:
        return b"".join(response)


def fails(url, kind, *args, **fields):
    with pytest.raises(kind) as caught:
        read(url, *args, **fields)
    assert type(caught.value) is kind
    return caught.value


class Notes:
    """`RequestEvents` that remembers them."""

    def __init__(self):
        self.events = []

    def connected(self):
        self.events.append("connected")

    def sent(self):
        self.events.append("sent")


@contextlib.contextmanager
def listening(talk):
    """Raw TCP: ``talk(connection)`` for every connection, after its request's headers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heads = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        head = b""
                        while b"\r\n\r\n" not in head:
                            head += connection.recv(65536)
                        heads.append(head)
                        talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", heads
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()
