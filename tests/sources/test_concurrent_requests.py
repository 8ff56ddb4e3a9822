"""Cancelling a request, alone and beside others of the same client."""

from __future__ import annotations

import threading
import time

import pytest

from tests.sources.clients import AUDIO, Notes, client, source
from tests.support.speech_server import FOREVER, Reply
from voicecli.errors import NetworkError
from voicecli.request import SpeechRequest
from voicecli.sources.openai import OpenAISource
from voicecli.sources.transport import Transport

REQUEST = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")

pytestmark = pytest.mark.usefixtures("no_proxy")


def read_in_background(speech):
    """Read on a thread; ``seen`` gets the bytes, then the exception, if any."""
    seen = []

    def work():
        try:
            with speech.open() as response:
                seen.extend(response)
        except Exception as fault:  # noqa: BLE001
            seen.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, seen


def wait_until(condition):
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.005)


class TestCancel:
    def test_wakes_a_reader_that_waits_for_the_answer(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        with source(server.url) as speech:
            thread, seen = read_in_background(speech)
            wait_until(lambda: server.speech_requests)
            speech.cancel()
            thread.join(5)
            assert not thread.is_alive()
        assert isinstance(seen[0], NetworkError)

    def test_wakes_a_reader_in_the_body(self, server):
        server.reply = Reply(body=AUDIO, framing="length", stall_for_s=FOREVER)
        with source(server.url) as speech:
            thread, seen = read_in_background(speech)
            wait_until(lambda: server.speech_requests and server.speech_requests[0].first_byte_at)
            speech.cancel()
            speech.cancel()
            thread.join(5)
            assert not thread.is_alive()
        assert isinstance(seen[-1], NetworkError)

    @pytest.mark.parametrize("requests", [0, 1], ids=["new connection", "kept connection"])
    def test_nothing_is_sent_afterwards(self, server, requests):
        with client(server.url) as made:
            for _ in range(requests):
                with OpenAISource(made, REQUEST).open() as response:
                    assert b"".join(response) == AUDIO
            cancelled = OpenAISource(made, REQUEST)
            cancelled.cancel()
            with pytest.raises(NetworkError):
                cancelled.open()
        assert len(server.requests) == requests

    def test_does_not_touch_the_connection_of_a_later_request(self, server, monkeypatch):
        with client(server.url) as made:
            first, second = OpenAISource(made, REQUEST), OpenAISource(made, REQUEST)
            with first.open() as response:
                assert b"".join(response) == AUDIO
            interrupted = []

            def interrupt(transport):
                interrupted.append(transport)

            monkeypatch.setattr(Transport, "interrupt", interrupt)
            with second.open() as response:
                first.cancel()
                assert b"".join(response) == AUDIO
                assert interrupted == []
                second.cancel()
                assert len(interrupted) == 1


class TestSeveralRequests:
    """Of one client, at once."""

    def test_cancelling_one_leaves_the_other_whole_and_a_third_reuses_its_connection(self, server):
        server.queued.extend([
            Reply(body=AUDIO, framing="length", stall_for_s=FOREVER),
            Reply(body=AUDIO, ttfb_s=0.05),
        ])  # fmt: skip
        with client(server.url) as made:
            cancelled, whole = OpenAISource(made, REQUEST), OpenAISource(made, REQUEST)
            stalled, seen = read_in_background(cancelled)
            wait_until(lambda: server.speech_requests)
            with whole.open() as response:
                chunks = iter(response)
                received = [next(chunks)]
                cancelled.cancel()
                stalled.join(5)
                assert isinstance(seen[-1], NetworkError)
                received += chunks
            assert b"".join(received) == AUDIO
            notes = Notes()
            with OpenAISource(made, REQUEST).open(notes) as response:
                assert b"".join(response) == AUDIO
        assert notes.events == ["sent"], "no new connection"

    def test_many_at_once_are_all_whole(self, server):
        server.reply = Reply(body=AUDIO, ttfb_s=0.05, chunk_bytes=1001)
        with client(server.url) as made:
            sources = [OpenAISource(made, REQUEST) for _ in range(8)]
            threads = [read_in_background(each) for each in sources]
            for thread, _ in threads:
                thread.join(10)
            assert all(b"".join(seen) == AUDIO for _, seen in threads)
            notes = Notes()
            with sources[0].open(notes) as response:
                assert b"".join(response) == AUDIO
        assert notes.events == ["sent"], "no new connection"
