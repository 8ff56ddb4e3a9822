"""`voicecli say` with a Realtime API."""

import pytest

from tests.support.realtime_server import RealtimeServer, Speech

TEXT = "Hello there. Good morning."
USAGE = {"input_tokens": 50, "output_tokens": 30, "output_token_details": {"audio_tokens": 30}}


def speak(cli, server, *flags, text=TEXT):
    return cli.run(
        "say", "--no-play", "--base-url", server.url, "--model", "gpt-realtime-2.1-mini",
        "--segment", "sentence", *flags, text,
    )  # fmt: skip


def test_a_text_is_spoken_on_one_connection(cli):
    with RealtimeServer(Speech(usage=USAGE)) as server:
        result = speak(cli, server, "--json", "-v", "--instructions", "Whisper.")
    assert result.exit_code == 0, result
    assert server.spoken == ["Hello there.", "Good morning."]
    assert len(server.connections) == 1
    assert [each["said"] for each in result.json["segments"]] == [None, None]
    assert result.json["usage"]["input_tokens"] == 100
    assert result.json["usage"]["cost_usd"] == pytest.approx(60 * 20e-6)
    assert "used 100 tokens in and 60 out, about $0.0012" in result.stderr


def test_other_words_are_in_the_closing_line_and_in_the_metrics(cli):
    def speech(text):
        return Speech(said="Good evening." if "morning" in text else None)

    with RealtimeServer(speech) as server:
        result = speak(cli, server, "--json", "-v")
    assert result.exit_code == 0, result
    assert "reworded: segment 2" in result.stderr
    assert 'segment 2 was reworded: "Good evening."' in result.stderr
    assert [each["said"] for each in result.json["segments"]] == [None, "Good evening."]


def test_strict_words_make_that_an_error(cli):
    with RealtimeServer(Speech(said="Good evening.")) as server:
        result = speak(cli, server, "--json", "--strict-words", text="Good morning.")
    assert result.exit_code == 4, result
    assert result.json["error"]["code"] == "words_differ"
    assert result.json["segments"][0]["said"] == "Good evening."
    assert result.json["audio_s"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("speech", "words"),
    [
        (Speech(text="I cannot do that."), "in text instead of speech"),
        (Speech(status="incomplete", details={"reason": "content_filter"}), "content filter"),
        (Speech(cut_at=0.5, seconds=1), "closed the connection"),
    ],
)
def test_refused_and_cut_answers_are_errors(cli, speech, words):
    with RealtimeServer(speech) as server:
        result = speak(cli, server, "--json", "--retries", "0", text="Hello there.")
    assert result.exit_code == 4, result
    assert words in result.json["error"]["message"]


@pytest.mark.parametrize(
    ("speech", "timeout_s", "words"),
    [
        (Speech(ttfb_s=60), 0.3, "sent nothing"),
        (Speech(hang_at=0.5, seconds=1), 3.0, "stopped sending"),  # time for the first byte
    ],
)
def test_a_server_that_falls_silent(cli, speech, timeout_s, words):
    flags = ("--json", "--timeout", str(timeout_s), "--retries", "0", "--no-recover")
    with RealtimeServer(speech) as server:
        result = speak(cli, server, *flags, text="Hi.")
    assert result.exit_code == 4, result
    assert words in result.json["error"]["message"]
    assert server.connections[0].of_type("response.cancel")


def test_a_profile_chooses_the_protocol(cli):
    with RealtimeServer() as server:
        cli.configure(
            f'[profiles.x]\nbase_url = "{server.url}"\nprotocol = "realtime"\nmodel = "local"\n'
        )
        result = cli.run("say", "--no-play", "--profile", "x", "Hello.")
    assert result.exit_code == 0, result
    assert server.connections[0].query == {"model": "local"}


def test_a_kept_answer_needs_no_connection(cli):
    with RealtimeServer() as server:
        for _ in range(2):
            result = speak(cli, server, "--cache", "--json")
        assert result.exit_code == 0, result
    assert len(server.connections) == 1
    assert [each["cached"] for each in result.json["segments"]] == [True, True]
