from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import zlib
from dataclasses import replace

import pytest

from tests.sources.clients import AUDIO, KEY, Notes, client, fails, listening, read, source
from tests.support.speech_server import FOREVER, Clip, Reply, error, sse
from voicecli.errors import BadResponse, NetworkError, RateLimited
from voicecli.request import SpeechRequest
from voicecli.sources.openai import OpenAISource

pytestmark = pytest.mark.usefixtures("no_proxy")


class TestRequest:
    def test_carries_every_field(self, server):
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

    def test_leaves_out_unset_fields(self, server):
        read(server.url)
        (asked,) = server.speech_requests
        assert set(asked.json) == {"input", "voice", "model", "response_format"}

    def test_the_label_is_the_endpoint(self, server):
        with source(server.url) as speech:
            assert speech.label == server.url

    def test_preparing_sends_nothing(self, server):
        with source(server.url) as speech:
            speech.prepare()
        assert server.requests == []

    def test_each_new_connection_is_reported_before_the_request(self, server):
        notes = Notes()
        with source(server.url) as speech:
            for _ in range(2):
                with speech.open(notes) as response:
                    assert b"".join(response) == AUDIO
        assert notes.events == ["connected", "sent", "sent"]

    def test_events_are_reported_while_opening(self, server):
        notes = Notes()
        with source(server.url) as speech:
            speech.open(notes)
            assert notes.events == ["connected", "sent"]

    def test_a_failed_source_can_be_opened_again(self, server):
        server.queued.append(error(500, {}))
        notes = Notes()
        with source(server.url) as speech:
            with pytest.raises(BadResponse):
                speech.open(notes)
            with speech.open(notes) as response:
                assert b"".join(response) == AUDIO
        assert notes.events.count("sent") == 2


class TestAnswer:
    def test_the_headers_describe_the_bytes(self, server):
        server.reply = Reply(
            body=AUDIO,
            content_type="audio/pcm",
            headers={"X-Sample-Rate": "22050", "X-Channels": "2"},
        )
        with source(server.url, pcm_rate_hz=8000) as speech, speech.open() as response:
            assert response.info[:4] == ("pcm", "audio/pcm", 22050, 2)
            assert response.info.has_known_end

    def test_the_rate_of_another_format_is_no_reason_to_warn(self, server):
        headers = {"X-Sample-Rate": "22050"}
        server.reply = Reply(body=AUDIO, content_type="audio/wav", headers=headers)
        given = {"pcm_rate_hz": 16_000, "overrides_rate": True}
        with source(server.url, **given) as speech, speech.open() as response:
            assert response.info.warnings == ()

    @pytest.mark.parametrize(
        ("content_type", "shown", "headers"),
        [
            ("audio/pcm", "audio/pcm", {"X-Sample-Rate": "22050"}),
            ("audio/pcm; rate=22050;channels=1", "audio/pcm;channels=1", {}),
            ('audio/L16;Rate="22050"', "audio/L16", {"X-Sample-Rate": "8000"}),
        ],
    )
    def test_an_overriding_rate_wins_with_a_warning(self, server, content_type, shown, headers):
        server.reply = Reply(body=AUDIO, content_type=content_type, headers=headers)
        given = {"pcm_rate_hz": 16_000, "overrides_rate": True}
        with source(server.url, **given) as speech, speech.open() as response:
            assert (response.info.rate_hz, response.info.content_type) == (16_000, shown)
            (warning,) = response.info.warnings
        assert "16000 Hz, although the server states 22050 Hz" in warning

    def test_an_overriding_rate_that_the_server_states_too_is_not_warned_of(self, server):
        server.reply = Reply(body=AUDIO, content_type="audio/pcm;rate=16000")
        given = {"pcm_rate_hz": 16_000, "overrides_rate": True}
        with source(server.url, **given) as speech, speech.open() as response:
            assert (response.info.rate_hz, response.info.warnings) == (16_000, ())

    @pytest.mark.parametrize(("framing", "known"), [("close", False), ("length", True)])
    def test_an_answer_without_length_has_no_known_end(self, server, framing, known):
        server.reply = Reply(body=AUDIO, framing=framing)
        with source(server.url) as speech, speech.open() as response:
            assert response.info.has_known_end is known

    def test_an_event_stream_without_length_has_a_known_end(self, server):
        server.reply = replace(sse(AUDIO), framing="close")
        with source(server.url) as speech, speech.open() as response:
            assert response.info.has_known_end

    @pytest.mark.parametrize(
        "nonsense", ["", "fast", "-1", "0", "3999", "999999999", "44100.5", "0x5000", "1e5"]
    )
    def test_nonsense_in_the_headers_is_ignored(self, server, nonsense):
        headers = {"X-Sample-Rate": nonsense, "X-Channels": nonsense}
        server.reply = Reply(body=AUDIO, headers=headers)
        with source(server.url, pcm_rate_hz=16_000) as speech, speech.open() as response:
            assert (response.info.rate_hz, response.info.channels) == (16_000, None)

    def test_bytes_arrive_as_they_are_sent(self, server):
        server.reply = Reply(body=AUDIO, chunk_bytes=1001)
        with source(server.url) as speech, speech.open() as response:
            chunks = list(response)
        assert b"".join(chunks) == AUDIO
        assert len(chunks) > 1
        assert all(chunks)

    def test_the_first_byte_is_not_held_back_for_more(self, server):
        server.clips = {"pcm": Clip(b"\1\2", 1.0, "audio/pcm")}
        server.reply = Reply(chunk_bytes=1, stall_at_s=0.5, stall_for_s=FOREVER)
        with source(server.url) as speech, speech.open() as response:
            assert next(iter(response)) == b"\1"

    def test_a_compressed_answer_comes_in_bounded_pieces(self, server):
        clear = bytes(8 * 1024 * 1024)
        server.reply = Reply(
            body=gzip.compress(clear, 9), chunk_bytes=None, headers={"Content-Encoding": "gzip"}
        )
        with source(server.url) as speech, speech.open() as response:
            sizes = [len(chunk) for chunk in response]
        assert sum(sizes) == len(clear)
        assert max(sizes) <= 1024 * 1024

    @pytest.mark.parametrize("coding", ["br", "gzip, ZSTD", "dcz", "x-compress"])
    def test_an_unsupported_compression_is_an_error(self, server, coding):
        server.reply = Reply(body=bytes(100), headers={"Content-Encoding": coding})
        message = fails(server.url, BadResponse).message
        assert f"compressed its answer with {coding.split(', ')[-1].lower()}" in message

    def test_a_badly_compressed_answer_is_an_error(self, server):
        server.reply = Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})
        fault = fails(server.url, BadResponse)
        assert "compressed" in fault.message
        assert fault.remedy

    @pytest.mark.parametrize("framing", ["chunked", "length", "close"])
    def test_a_compressed_answer_that_ends_early_is_an_error(self, server, framing):
        cut = gzip.compress(AUDIO)[:-9]
        server.reply = Reply(body=cut, framing=framing, headers={"Content-Encoding": "gzip"})
        assert "ended early" in fails(server.url, NetworkError).message

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    @pytest.mark.parametrize("after", [bytes(512), b"rubbish", b"\r\n"])
    def test_what_follows_a_whole_compressed_answer_is_ignored(self, server, coding, after):
        body = {"gzip": gzip, "deflate": zlib}[coding].compress(AUDIO) + after
        for chunk_bytes in (7, None):
            server.reply = Reply(
                body=body, headers={"Content-Encoding": coding}, chunk_bytes=chunk_bytes
            )
            assert read(server.url) == AUDIO

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    @pytest.mark.parametrize("before", [b"", bytes(9) + b"\r\n", b"data: "])
    def test_an_error_behind_a_whole_compressed_answer_is_an_error(self, server, coding, before):
        error = b'{"error": {"message": "out of memory"}}'
        body = {"gzip": gzip, "deflate": zlib}[coding].compress(AUDIO) + before + error
        for chunk_bytes in (1, 7, None):
            server.reply = Reply(
                body=body, headers={"Content-Encoding": coding}, chunk_bytes=chunk_bytes
            )
            assert "out of memory" in fails(server.url, BadResponse).message

    @pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate"])
    def test_a_compressed_answer_is_decompressed(self, server, coding):
        body = gzip.compress(AUDIO[:5000]) + gzip.compress(AUDIO[5000:])
        if coding == "deflate":
            body = zlib.compress(AUDIO)
        elif coding == "raw deflate":
            body = zlib.compress(AUDIO)[2:-4]
        headers = {"Content-Encoding": coding.split()[-1]}
        server.reply = Reply(body=body, headers=headers, chunk_bytes=13)
        assert read(server.url) == AUDIO

    @pytest.mark.parametrize("prefix", [b"", b"data: "])
    def test_an_error_behind_samples_is_an_error(self, server, prefix):
        message = f"out of memory, key {KEY}"
        body = AUDIO + prefix + json.dumps({"error": message}).encode()
        server.reply = Reply(body=body, content_type="audio/pcm")
        fault = fails(server.url, BadResponse)
        assert "out of memory" in fault.message
        assert KEY not in fault.message

    @pytest.mark.parametrize("framing", ["chunked", "length"])
    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_connection_is_an_error_after_the_bytes(self, server, framing, reset):
        server.reply = Reply(body=AUDIO, framing=framing, cut_at=0.5, reset=reset, chunk_bytes=None)
        got = []
        cut = pytest.raises(NetworkError, match=r"cut after \d+ bytes")
        with source(server.url) as speech, cut as caught, speech.open() as response:
            got += response
        assert not caught.value.retryable
        if not reset:  # what a reset overtakes may be lost on the way
            assert b"".join(got) == AUDIO[: len(AUDIO) // 2]


class TestEvents:
    def test_the_audio_of_an_event_stream(self, server):
        server.reply = sse(AUDIO, chunk_bytes=1000)
        wanted = {"pcm_rate_hz": 24_000, "extra_body": {"stream_format": "sse"}}
        with source(server.url, **wanted) as speech, speech.open() as response:
            assert response.info.content_type.startswith("text/event-stream")
            assert response.info.of_audio[:4] == ("pcm", None, 24_000, None)
            assert b"".join(response) == AUDIO
        assert server.speech_requests[0].json["stream_format"] == "sse"

    def test_the_connection_s_end_is_not_waited_for(self):
        body = sse(AUDIO).body
        closed = threading.Event()

        def talk(connection):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            connection.sendall(head + body)
            connection.settimeout(10)
            with contextlib.suppress(OSError):
                while connection.recv(65536):
                    pass
                closed.set()

        with listening(talk) as (address, _):
            assert read(f"http://{address}/v1", limits={"read_timeout_s": 5}) == AUDIO
            assert closed.wait(5)

    def test_a_stream_that_stops_before_its_last_event_is_an_error(self, server):
        whole = sse(AUDIO)
        server.reply = Reply(
            body=whole.body[: whole.body.index(b"speech.audio.done")],
            content_type="text/event-stream",
        )
        assert "last event" in fails(server.url, NetworkError).message

    def test_the_connection_is_used_again(self, server):
        server.reply = sse(AUDIO)
        notes = Notes()
        with client(server.url) as made:
            for _ in range(2):
                request = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")
                with OpenAISource(made, request).open(notes) as response:
                    assert b"".join(response) == AUDIO
        assert notes.events == ["connected", "sent", "sent"]

    def test_an_error_event_is_raised_after_the_audio_before_it(self, server):
        delta = sse(AUDIO).body.partition(b"\n\n")[0]
        server.reply = Reply(
            body=delta + b'\n\ndata: {"type": "error", "error": {"message": "voice lost"}}\n\n',
            content_type="text/event-stream",
            chunk_bytes=None,
        )
        got = []
        lost = pytest.raises(BadResponse, match="voice lost")
        with source(server.url) as speech, lost, speech.open() as response:
            got += response
        assert b"".join(got) == AUDIO[:4096]

    def test_an_error_event_does_not_show_the_key(self, server):
        body = b'data: {"error": {"message": "bad key %s"}}\n\n' % KEY.encode()
        server.reply = Reply(body=body, content_type="text/event-stream")
        assert KEY not in fails(server.url, BadResponse).message


class TestRefusals:
    def test_429_says_how_long_to_wait(self, server):
        server.reply = error(429, {"detail": "busy"}, Retry_After="7")
        fault = fails(server.url, RateLimited)
        assert (fault.retry_after_s, fault.retryable) == (7.0, True)

    def test_an_error_message_with_status_200_does_not_show_the_key(self, server):
        server.reply = Reply(
            body=json.dumps({"error": f"no such key {KEY}"}).encode(),
            content_type="application/json",
        )
        body = read(server.url)
        assert b"no such key" in body
        assert KEY.encode() not in body

    def test_a_closed_port_is_named_in_the_error(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        fault = fails(f"http://127.0.0.1:{port}/v1", NetworkError)
        assert str(port) in fault.message
        assert fault.remedy

    def test_a_server_that_hangs_up_can_be_tried_again(self):
        with listening(lambda connection: None) as (address, _):
            assert fails(f"http://{address}/v1", NetworkError).retryable

    def test_a_server_without_http_is_a_network_error(self):
        with listening(lambda c: c.sendall(b"220 mail.example ESMTP\r\n")) as (address, _):
            fails(f"http://{address}/v1", NetworkError)

    def test_bugs_are_not_blamed_on_the_server(self, server):
        with pytest.raises(TypeError):
            read(server.url, extra_body={"what": object()})
