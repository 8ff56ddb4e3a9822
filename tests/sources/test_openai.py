from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time

import pytest

from tests.sources.clients import AUDIO, KEY, fails, listening, read, source
from tests.support.speech_server import FOREVER, Clip, Reply, error, sse
from voicecli.errors import BadResponse, NetworkError, RateLimited

pytestmark = pytest.mark.usefixtures("no_proxy")


class TestRequest:
    def test_asks_for_what_was_asked_for(self, server):
        body = read(
            server.url,
            text="Good day.",
            voice="heart",
            model="m-1",
            response_format="opus",
            speed=1.5,
            instructions="cheerfully",
            extra_body={"stream": True, "lang": {"code": "en"}},
        )
        assert body == AUDIO
        (asked,) = server.speech_requests
        assert asked.json == {
            "input": "Good day.",
            "voice": "heart",
            "model": "m-1",
            "response_format": "opus",
            "speed": 1.5,
            "instructions": "cheerfully",
            "stream": True,
            "lang": {"code": "en"},
        }
        assert asked.headers["authorization"] == f"Bearer {KEY}"

    def test_leaves_out_what_was_not_said(self, server):
        read(server.url)
        (asked,) = server.speech_requests
        assert set(asked.json) == {"input", "voice", "model", "response_format"}

    def test_the_label_is_the_endpoint(self, server):
        with source(server.url) as speech:
            assert speech.label == server.url

    def test_it_is_told_once_that_the_request_has_left(self, server):
        told = []
        with source(server.url) as speech:
            speech.when_sent(lambda: told.append(len(server.speech_requests)))
            speech.warm()
            assert told == []
            with speech:
                assert len(told) == 1

    def test_each_new_connection_is_told_before_the_request(self, server):
        told = []
        with source(server.url) as speech:
            speech.when_connected(lambda: told.append("connected"))
            speech.when_sent(lambda: told.append("sent"))
            for _ in range(2):
                with speech:
                    assert b"".join(speech) == AUDIO
        assert told == ["connected", "sent", "sent"]

    def test_a_source_that_failed_may_be_entered_again(self, server):
        server.queued.append(error(500, {}))
        told = []
        with source(server.url) as speech:
            speech.when_sent(lambda: told.append(1))
            with pytest.raises(BadResponse), speech:
                pass
            with speech:
                assert b"".join(speech) == AUDIO
        assert told == [1, 1]


class TestAnswer:
    def test_what_the_headers_say_is_known_once_entered(self, server):
        server.reply = Reply(
            body=AUDIO,
            content_type="audio/pcm",
            headers={"X-Sample-Rate": "22050", "X-Channels": "2"},
        )
        with source(server.url, pcm_rate_hz=8000) as speech:
            assert speech.info.rate_hz == 8000
            with speech:
                assert speech.info.requested == "pcm"
                assert speech.info.content_type == "audio/pcm"
                assert speech.info.rate_hz == 22050
                assert speech.info.channels == 2

    @pytest.mark.parametrize(
        "nonsense", ["", "fast", "-1", "0", "3999", "999999999", "44100.5", "0x5000", "1e5"]
    )
    def test_nonsense_in_the_headers_is_ignored(self, server, nonsense):
        headers = {"X-Sample-Rate": nonsense, "X-Channels": nonsense}
        server.reply = Reply(
            body=AUDIO, headers={k: v.encode().decode("latin-1") for k, v in headers.items()}
        )
        with source(server.url, pcm_rate_hz=16_000) as speech, speech:
            assert (speech.info.rate_hz, speech.info.channels) == (16_000, None)

    def test_bytes_arrive_as_they_are_sent(self, server):
        server.reply = Reply(body=AUDIO, chunk_bytes=1001)
        with source(server.url) as speech, speech:
            chunks = list(speech)
        assert b"".join(chunks) == AUDIO
        assert len(chunks) > 1
        assert all(chunks)

    def test_the_first_byte_is_not_held_back_for_more(self, server):
        server.clips = {"pcm": Clip(b"ab", 1.0, "audio/pcm")}
        server.reply = Reply(chunk_bytes=1, stall_at_s=0.5, stall_for_s=FOREVER)
        with source(server.url) as speech, speech:
            assert next(iter(speech)) == b"a"

    def test_a_compressed_answer_comes_in_bounded_pieces(self, server):
        clear = bytes(32 * 1024 * 1024)
        server.reply = Reply(
            body=gzip.compress(clear, 9), chunk_bytes=None, headers={"Content-Encoding": "gzip"}
        )
        with source(server.url) as speech, speech:
            sizes = [len(chunk) for chunk in speech]
        assert sum(sizes) == len(clear)
        assert max(sizes) <= 1024 * 1024

    @pytest.mark.parametrize("coding", ["br", "gzip, ZSTD"])
    def test_a_compression_that_nobody_undoes_is_no_sound(self, server, coding):
        server.reply = Reply(body=bytes(100), headers={"Content-Encoding": coding})
        message = fails(server.url, BadResponse).message
        assert f"compressed its answer with {coding.split(', ')[-1].lower()}" in message

    def test_a_badly_compressed_answer_is_told(self, server):
        server.reply = Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})
        assert "compressed" in fails(server.url, BadResponse).message

    @pytest.mark.parametrize("framing", ["chunked", "length"])
    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_is_told_after_what_came(self, server, framing, reset):
        server.reply = Reply(body=AUDIO, framing=framing, cut_at=0.5, reset=reset, chunk_bytes=None)
        got = []
        cut = pytest.raises(NetworkError, match=r"cut after \d+ bytes")
        with source(server.url) as speech, cut as caught, speech:
            got += speech
        assert not caught.value.retryable
        if not reset:  # what a reset overtakes may be lost on the way
            assert b"".join(got) == AUDIO[: len(AUDIO) // 2]


class TestEvents:
    def test_the_audio_of_an_event_stream(self, server):
        server.reply = sse(AUDIO, chunk_bytes=1000)
        wanted = {"pcm_rate_hz": 24_000, "extra_body": {"stream_format": "sse"}}
        with source(server.url, **wanted) as speech, speech:
            assert speech.info.content_type.startswith("text/event-stream")
            assert b"".join(speech) == AUDIO
            # what the events carry has no type of its own
            assert speech.info.content_type is None
            assert (speech.info.requested, speech.info.rate_hz) == ("pcm", 24_000)
        assert server.speech_requests[0].json["stream_format"] == "sse"

    def test_a_stream_that_stops_before_its_last_event_is_an_error(self, server):
        whole = sse(AUDIO)
        server.reply = Reply(
            body=whole.body[: whole.body.index(b"speech.audio.done")],
            content_type="text/event-stream",
        )
        assert "last event" in fails(server.url, NetworkError).message

    def test_an_error_event_is_told_after_the_audio_before_it(self, server):
        delta = sse(b"abc").body.partition(b"\n\n")[0]
        server.reply = Reply(
            body=delta + b'\n\ndata: {"type": "error", "error": {"message": "voice lost"}}\n\n',
            content_type="text/event-stream",
            chunk_bytes=None,
        )
        got = []
        with source(server.url) as speech, pytest.raises(BadResponse, match="voice lost"), speech:
            got += speech
        assert got == [b"abc"]

    def test_an_error_event_does_not_show_the_key(self, server):
        body = b'data: {"error": {"message": "bad key %s"}}\n\n' % KEY.encode()
        server.reply = Reply(body=body, content_type="text/event-stream")
        assert KEY not in fails(server.url, BadResponse).message


class TestRefusals:
    def test_429_says_how_long_to_wait(self, server):
        server.reply = error(429, {"detail": "busy"}, Retry_After="7")
        fault = fails(server.url, RateLimited)
        assert (fault.retry_after_s, fault.retryable) == (7.0, True)

    def test_a_complaint_with_status_200_does_not_repeat_the_key(self, server):
        server.reply = Reply(
            body=json.dumps({"error": f"no such key {KEY}"}).encode(),
            content_type="application/json",
        )
        body = read(server.url)
        assert b"no such key" in body
        assert KEY.encode() not in body

    def test_nobody_there(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        fault = fails(f"http://127.0.0.1:{port}/v1", NetworkError)
        assert str(port) in fault.message
        assert fault.remedy

    def test_a_server_that_hangs_up(self):
        with listening(lambda connection: None) as (address, _):
            assert fails(f"http://{address}/v1", NetworkError).retryable

    def test_a_server_that_speaks_no_http(self):
        with listening(lambda c: c.sendall(b"220 mail.example ESMTP\r\n")) as (address, _):
            fails(f"http://{address}/v1", NetworkError)

    def test_defects_are_not_blamed_on_the_server(self, server):
        with pytest.raises(TypeError):
            read(server.url, extra_body={"what": object()})


class TestCancel:
    def read_in_background(self, speech):
        """Iterate on a thread; ``seen`` gets the bytes, then the exception, if any."""
        seen = []

        def work():
            try:
                with speech:
                    seen.extend(speech)
            except Exception as fault:  # noqa: BLE001
                seen.append(fault)

        thread = threading.Thread(target=work)
        thread.start()
        return thread, seen

    def wait_until(self, condition):
        give_up_at = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < give_up_at
            threading.Event().wait(0.005)

    def test_it_wakes_a_reader_that_waits_for_the_answer(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        with source(server.url) as speech:
            thread, seen = self.read_in_background(speech)
            self.wait_until(lambda: server.speech_requests)
            speech.cancel()
            thread.join(5)
            assert not thread.is_alive()
        assert isinstance(seen[0], NetworkError)

    def test_it_wakes_a_reader_in_the_body(self, server):
        server.clips = {}
        server.reply = Reply(body=AUDIO, framing="length", stall_for_s=FOREVER)
        with source(server.url) as speech:
            thread, seen = self.read_in_background(speech)
            self.wait_until(
                lambda: server.speech_requests and server.speech_requests[0].first_byte_at
            )
            speech.cancel()
            speech.cancel()
            thread.join(5)
            assert not thread.is_alive()
        assert isinstance(seen[-1], NetworkError)

    def test_nothing_is_asked_once_it_was_called(self, server):
        with source(server.url) as speech:
            speech.cancel()
            with pytest.raises(NetworkError), speech:
                pass
        assert server.requests == []
