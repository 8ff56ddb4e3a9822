"""Requests to a Realtime API of the test's own, and their outcomes."""

from __future__ import annotations

import contextlib

from tests.sources.clients import KEY
from voicecli.config.server import Server
from voicecli.errors import VoiceError
from voicecli.request import SpeechRequest
from voicecli.sources.realtime import RealtimeSource
from voicecli.sources.realtime_client import RealtimeClient

MODEL = "gpt-realtime-2.1-mini"


@contextlib.contextmanager
def realtime_client(url, key=KEY, *, server=None, **limits):
    made = RealtimeClient(Server(url, key, **(server or {})), **limits)
    try:
        yield made
    finally:
        made.close()


def source_of(client, text="Hello there.", *, is_strict=False, **fields):
    request = SpeechRequest(**{
        "text": text, "voice": "marin", "model": MODEL, "response_format": "pcm", **fields
    })  # fmt: skip
    return RealtimeSource(client, request, is_strict=is_strict)


def read(client, *args, **fields):
    """Return the audio of one text, and its report."""
    with source_of(client, *args, **fields).open() as response:
        return b"".join(response), response.report()


def fails(client, kind, *args, **fields):
    """Return the error of one text, and the audio that came before it."""
    heard = b""
    source, fault = source_of(client, *args, **fields), None
    try:
        with source.open() as response:
            for chunk in response:
                heard += chunk
    except VoiceError as error:
        fault = error
    assert type(fault) is kind, fault
    return fault, heard
