import json
import threading
import typing

import pytest
import trustme

from tests.sources.clients import KEY, Notes
from tests.sources.realtime_calls import MODEL, fails, read, realtime_client, source_of
from tests.support.realtime_server import RATE_HZ, RealtimeServer, Speech
from voicecli.errors import BadResponse, NetworkError, WordsDiffer
from voicecli.sources.realtime_events import IGNORED, parse_event

pytestmark = pytest.mark.usefixtures("no_proxy")

HANDLED = {
    "error",
    "rate_limits.updated",
    "response.created",
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.done",
}


def server_events():
    """The types of every event that the SDK knows a server to send."""
    from openai.types.realtime.realtime_server_event import RealtimeServerEvent

    union = typing.get_args(RealtimeServerEvent)[0]
    return [
        typing.get_args(event.model_fields["type"].annotation)[0]
        for event in typing.get_args(union)
    ]


def test_the_segments_of_a_run_share_one_session():
    with RealtimeServer() as server, realtime_client(server.url) as client:
        heard = [read(client, f"Sentence {number}.")[0] for number in range(3)]
    (connection,) = server.connections
    assert heard[0] == heard[1] == heard[2]
    assert len(heard[0]) == 0.2 * RATE_HZ * 2
    assert server.spoken == ["Sentence 0.", "Sentence 1.", "Sentence 2."]
    assert len(connection.of_type("session.update")) == 1
    assert connection.problems == []


def test_what_a_request_says():
    with RealtimeServer() as server, realtime_client(server.url) as client:
        extra = {"max_output_tokens": 4096, "stream": True}
        read(client, instructions="Whisper.", speed=1.25, extra_body=extra)
    (connection,) = server.connections
    session = connection.of_type("session.update")[0]["session"]
    response = connection.of_type("response.create")[0]["response"]
    assert connection.query == {"model": MODEL}
    assert connection.headers["authorization"] == f"Bearer {KEY}"
    assert session["audio"]["output"]["speed"] == 1.25
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["reasoning"] == {"effort": "minimal"}
    assert response["conversation"] == "none"
    assert "exactly its words" in response["instructions"]
    assert response["instructions"].endswith("Whisper.")
    assert response["audio"]["output"]["voice"] == "marin"
    assert response["max_output_tokens"] == 4096
    assert "stream" not in response  # which is for the speech API


def test_a_speed_out_of_range_is_clipped_with_a_warning():
    with (
        RealtimeServer() as server,
        realtime_client(server.url) as client,
        source_of(client, speed=4.0).open() as response,
    ):
        assert "1.5 times" in response.info.warnings[0]
        assert b"".join(response)
    (update,) = server.connections[0].of_type("session.update")
    assert update["session"]["audio"]["output"]["speed"] == 1.5


def test_each_voice_and_speed_has_a_session_of_its_own():
    with RealtimeServer() as server, realtime_client(server.url) as client:
        for voice, speed in (("marin", None), ("cedar", None), ("marin", None), ("marin", 1.1)):
            read(client, voice=voice, speed=speed)
    assert len(server.connections) == 3


def test_the_progress_of_a_request_is_reported():
    first, second = Notes(), Notes()
    with RealtimeServer() as server, realtime_client(server.url) as client:
        for notes in (first, second):
            with source_of(client).open(notes) as response:
                assert response.info.content_type == "audio/pcm;rate=24000;channels=1"
                assert b"".join(response)
    assert first.events == ["connected", "sent"]
    assert second.events == ["sent"]


def test_two_hundred_segments_on_one_connection():
    with (
        RealtimeServer(Speech(seconds=0.01)) as server,
        realtime_client(server.url) as client,
    ):
        sizes = {len(read(client, f"Sentence {number}.")[0]) for number in range(200)}
    assert sizes == {480}
    assert len(server.connections) == 1
    assert len(server.spoken) == 200


def test_answers_under_way_at_once_do_not_mix():
    def speak(text):
        level = int(text.split()[-1])
        return Speech(audio=bytes([level]) * 24_000, pace=40, delta_bytes=960)

    heard = {}
    with RealtimeServer(speak) as server, realtime_client(server.url) as client:

        def work(level):
            heard[level] = read(client, f"Level {level}")[0]

        threads = [threading.Thread(target=work, args=(level,)) for level in range(1, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert heard == {level: bytes([level]) * 24_000 for level in range(1, 7)}
    assert len(server.connections) == 1


@pytest.mark.parametrize("is_trusted", [True, False])
def test_https_is_a_websocket_over_tls_that_is_verified(is_trusted, tmp_path, monkeypatch):
    authority, other = trustme.CA(), trustme.CA()
    (authority if is_trusted else other).cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "server.pem"
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with (
        RealtimeServer(certificate=tmp_path / "server.pem") as server,
        realtime_client(server.url) as client,
    ):
        if is_trusted:
            assert len(read(client)[0]) == 9600
        else:
            fault, _ = fails(client, NetworkError)
            assert "could not be reached securely" in fault.message
            assert server.connections == []


def test_headers_of_the_profile_go_along():
    headers = (("X-Team", "seven"), ("Authorization", "Basic dXNlcjpwYXNz"))
    with (
        RealtimeServer() as server,
        realtime_client(server.url, server={"headers": headers}) as client,
    ):
        read(client)
    (connection,) = server.connections
    assert connection.headers["x-team"] == "seven"
    assert connection.headers["authorization"] == "Basic dXNlcjpwYXNz"


def test_headers_for_openai_go_nowhere_else(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: yes")
    with RealtimeServer() as server, realtime_client(server.url) as client:
        read(client)
    sent = json.dumps(server.connections[0].headers)
    assert "secret" not in sent.lower()


@pytest.mark.parametrize("options", [{"keeps_metadata": False}, {"beta": True}])
def test_compatible_servers(options):
    with RealtimeServer(**options) as server, realtime_client(server.url) as client:
        heard, report = read(client)
    assert len(heard) == 9600
    assert report is not None
    assert not report.is_reworded


def test_every_event_of_the_sdk_is_answered_or_ignored_on_purpose():
    known = server_events()
    assert len(known) > 40
    assert set(known) == HANDLED | set(IGNORED)
    assert not HANDLED & set(IGNORED)


def test_ignored_events_change_nothing():
    events = [
        json.dumps({"type": kind, "event_id": "event_0", "response_id": "RESPONSE"})
        for kind in (*IGNORED, "voicecli.of_the_future")
    ]
    with (
        RealtimeServer(Speech(raw=events), greeting=events) as server,
        realtime_client(server.url) as client,
    ):
        assert len(read(client)[0]) == 9600


def test_other_words_are_reported():
    usage = {"input_tokens": 50, "output_tokens": 30, "output_token_details": {"audio_tokens": 25}}
    with (
        RealtimeServer(Speech(said="Hello over there.", usage=usage)) as server,
        realtime_client(server.url) as client,
    ):
        _, report = read(client)
    assert report.is_reworded
    assert report.said == "Hello over there."
    assert report.usage.input_tokens == 50
    assert report.usage.audio_tokens == 25
    assert report.usage.cost_usd == pytest.approx(25 * 20e-6)


@pytest.mark.parametrize("said", [None, "hello there", "Hello, there!", ""])
def test_the_same_words_are_not_reported(said):
    with (
        RealtimeServer(Speech(said=said)) as server,
        realtime_client(server.url) as client,
    ):
        _, report = read(client)
    assert report.said is None
    assert not report.is_reworded


def test_strict_words_make_other_words_an_error_after_the_sound():
    with (
        RealtimeServer(Speech(said="Hello where?")) as server,
        realtime_client(server.url) as client,
    ):
        fault, heard = fails(client, WordsDiffer, is_strict=True)
        assert len(heard) == 9600
        assert '"where" instead of "there"' in fault.message
        assert not fault.retryable


def test_strict_words_need_a_transcript():
    with RealtimeServer(Speech(said="")) as server, realtime_client(server.url) as client:
        fails(client, WordsDiffer, is_strict=True)
    with RealtimeServer() as server, realtime_client(server.url) as client:
        assert read(client, is_strict=True)[0]


def test_cancelling_stops_one_answer_while_its_neighbours_go_on():
    speech = Speech(seconds=1.0, pace=2, delta_bytes=960)
    with RealtimeServer(speech) as server, realtime_client(server.url) as client:
        one, other = source_of(client, "One."), source_of(client, "Other.")
        with one.open() as response, other.open() as neighbour:
            chunks = iter(response)
            next(chunks)
            one.cancel()
            assert list(chunks) == []
            assert len(b"".join(neighbour)) == 2 * RATE_HZ
        assert len(read(client, "After.")[0]) == 2 * RATE_HZ
    (connection,) = server.connections
    created = connection.of_type("response.create")
    (cancelled,) = connection.of_type("response.cancel")
    assert len(created) == 3
    assert cancelled["response_id"].startswith("resp_")


def test_leaving_an_answer_early_cancels_it():
    with (
        RealtimeServer(Speech(seconds=5, pace=1)) as server,
        realtime_client(server.url) as client,
    ):
        with source_of(client).open() as response:
            next(iter(response))
        with source_of(client, "Next.").open() as response:
            next(iter(response))
    assert len(server.connections) == 1
    assert len(server.connections[0].of_type("response.cancel")) >= 1


@pytest.mark.parametrize("speech", [Speech(ttfb_s=60), Speech(hang_at=0.5, seconds=1)])
def test_cancelling_wakes_a_reader_that_waits(speech):
    with RealtimeServer(speech) as server, realtime_client(server.url) as client:
        source = source_of(client)
        with source.open() as response:
            timer = threading.Timer(0.1, source.cancel)
            timer.start()
            b"".join(response)
            timer.join()


def test_a_cancelled_source_makes_no_request():
    with RealtimeServer() as server, realtime_client(server.url) as client:
        source = source_of(client)
        source.cancel()
        with pytest.raises(NetworkError, match="cancelled"):
            source.open()
        assert server.connections == []


def test_a_dropped_connection_keeps_what_came_and_the_next_request_connects_again():
    cuts = iter([0.5, None])
    with (
        RealtimeServer(lambda _: Speech(seconds=1.0, cut_at=next(cuts))) as server,
        realtime_client(server.url) as client,
    ):
        fault, heard = fails(client, NetworkError)
        assert 0 < len(heard) <= RATE_HZ
        assert fault.retryable
        assert "before the end of the answer" in fault.message
        assert len(read(client)[0]) == 2 * RATE_HZ
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[1, 2]",
        '{"no": "type"}',
        "\u0001" * 100,
        '{"type":"response.output_audio.delta","response_id":"RESPONSE","delta":"!!!"}',
        '{"type":"response.output_audio.delta","response_id":"RESPONSE","delta":"AAA"}',
        '{"type":"response.output_audio.delta","response_id":"RESPONSE","delta":7}',
        '{"type":"response.output_audio.delta","response_id":"RESPONSE"}',
        "[" * 100_000,
        "x" * (8 * 1024 * 1024 + 1),
    ],
    ids=lambda message: message[-12:],
)
def test_garbage_is_a_bad_response(message):
    with (
        RealtimeServer(Speech(raw=[message])) as server,
        realtime_client(server.url) as client,
    ):
        fails(client, BadResponse)


@pytest.mark.slow
def test_an_endless_answer_is_a_bad_response():
    speech = Speech(audio=bytes(4 << 20), delta_bytes=4 << 20, endless=True)
    with RealtimeServer(speech) as server, realtime_client(server.url) as client:
        fault, _ = fails(client, BadResponse)
    assert "too long to be speech" in fault.message


def test_closing_ends_the_waiting_and_the_thread():
    with (
        RealtimeServer(Speech(ttfb_s=60)) as server,
        realtime_client(server.url) as client,
        source_of(client).open() as response,
    ):
        closing = threading.Timer(0.1, client.close)
        closing.start()
        with pytest.raises(NetworkError):
            b"".join(response)
        closing.join()
    assert not [each for each in threading.enumerate() if each.name == "voicecli-realtime"]


@pytest.mark.parametrize("message", [b"", b" \n"])
def test_an_empty_message_is_reported_as_such(message):
    with pytest.raises(BadResponse) as caught:
        parse_event(message)
    assert caught.value.message == ("the server sent an empty message instead of a realtime event")
