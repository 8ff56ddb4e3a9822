"""Another endpoint speaks when one fails; what broke off is asked for again."""

from __future__ import annotations

import socket

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.spoken_tones import SpokenTones
from tests.support.tones import tone

CLIP_S = 0.4
PCM = Reply(headers={"X-Sample-Rate": "48000"})


@pytest.fixture
def spare(cli):
    """A second server, the profile ``spare``."""
    with SpeechServer(clips_of(tone(CLIP_S), formats=["pcm"]), reply=PCM) as running:
        cli.configure(
            f'[profiles.spare]\nbase_url = "{running.url}"\nvoice = "nova"\nmodel = "second"\n'
        )
        yield running


@pytest.fixture
def dead(cli):
    """A server that is not there, the default endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        cli.env["VOICECLI_BASE_URL"] = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    return cli.env["VOICECLI_BASE_URL"]


def say(cli, *argv):
    return cli.run("say", "--device", "null", "--buffer-ms", "0", "--json", *argv, "Hello there.")


def test_the_fallback_speaks_with_its_own_model_and_voice_and_says_so_once(cli, dead, spare):
    result = say(cli, "--fallback", "spare")
    assert result.exit_code == 0, result
    assert result.json["failed_over"] == 1
    assert [each["endpoint"] for each in result.json["segments"]] == [spare.url]
    (request,) = spare.speech_requests
    assert (request.json["model"], request.json["voice"]) == ("second", "nova")
    (warning,) = [line for line in result.stderr.splitlines() if "instead" in line]
    assert dead in warning
    assert f"{spare.url} speaks instead" in " ".join(result.stderr.split())


def test_the_next_run_does_not_wait_for_what_failed(cli, dead, spare):
    say(cli, "--fallback", "spare")
    again = say(cli, "--fallback", "spare")
    assert again.json["failed_over"] == 0
    assert "instead" not in again.stderr
    cli.run("config", "forget")
    assert say(cli, "--fallback", "spare").json["failed_over"] == 1


def test_what_is_learned_belongs_to_who_spoke(cli, dead, spare):
    def learned():
        found = cli.run("config", "show", "--json").json["learned"]
        return [(each["endpoint"], each["model"], each["runs"]) for each in found]

    say(cli, "--fallback", "spare")
    assert learned() == []
    again = say(cli, "-v", "--fallback", "spare")
    assert again.json["endpoint"] == spare.url
    assert learned() == [(spare.url, "second", 1)]
    assert f"{dead} failed recently: {spare.url} speaks instead" in " ".join(again.stderr.split())


@pytest.mark.slow
@pytest.mark.usefixtures("_voices_loaded")
def test_the_built_in_voice_can_be_the_last_resort(cli, dead):
    result = say(cli, "--fallback", "builtin")
    assert result.exit_code == 0, result
    assert result.json["segments"][0]["endpoint"] == "builtin"


def test_a_profile_names_its_fallback(cli, dead, spare):
    cli.configure(
        f'[profiles.main]\nbase_url = "{dead}"\nfallback = ["spare"]\n'
        f'[profiles.spare]\nbase_url = "{spare.url}"\n'
    )
    assert say(cli, "--profile", "main").exit_code == 0
    assert spare.speech_requests


def test_a_fallback_that_is_no_profile_is_an_error_before_the_request(cli, server):
    result = say(cli, "--fallback", "nobody")
    assert result.exit_code == 3
    assert "nobody" in result.stderr
    assert not server.requests


@pytest.mark.parametrize(
    "reply", [error(503, {}), error(401, {"detail": "no"}), Reply(body=b"<html>", status=200)]
)
def test_if_all_fail_the_error_of_the_last_counts(cli, server, spare, reply):
    server.reply = error(404, {"detail": "no such model"})
    spare.reply = reply
    result = say(cli, "--retries", "0", "--fallback", "spare")
    assert result.exit_code in {3, 4}
    assert result.json["spoken_s"] == 0
    assert len(server.speech_requests) == len(spare.speech_requests) == 1


def test_the_key_of_one_server_is_never_sent_to_another(cli, dead, spare):
    cli.env["VOICECLI_API_KEY"] = "first-key"
    cli.env["SPARE_KEY"] = "second-key"
    cli.configure(f'[profiles.spare]\nbase_url = "{spare.url}"\napi_key_env = "SPARE_KEY"\n')
    assert say(cli, "--fallback", "spare").exit_code == 0
    assert spare.speech_requests[0].headers["authorization"] == "Bearer second-key"


def test_another_model_of_the_same_server_is_another_endpoint(cli, server):
    tones = SpokenTones()
    refused = error(404, {"detail": "no"})
    server.speak = lambda fields: refused if fields["model"] == "first" else tones(fields)
    cli.configure(
        f'[profiles.main]\nbase_url = "{server.url}"\nmodel = "first"\nfallback = ["other"]\n'
        f'[profiles.other]\nbase_url = "{server.url}"\nmodel = "second"\n'
    )
    result = say(cli, "--profile", "main")
    assert result.exit_code == 0, result
    assert result.json["failed_over"] == 1
    assert f"{server.url} second speaks instead" in " ".join(result.stderr.split())


def test_a_profile_that_falls_back_on_itself_is_asked_once(cli, server, spare):
    server.reply = error(401, {"detail": "no"})
    cli.configure(
        f'[profiles.main]\nbase_url = "{server.url}"\nfallback = ["main", "spare", "main"]\n'
        f'[profiles.spare]\nbase_url = "{spare.url}"\nfallback = ["main"]\n'
    )
    result = say(cli, "--profile", "main")
    assert result.exit_code == 0, result
    assert result.json["failed_over"] == 1
    assert len(server.speech_requests) == len(spare.speech_requests) == 1


def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for(cli, server, spare):
    server.reply = error(429, {"error": {"message": "slow down"}}, Retry_After="3600")
    result = say(cli, "--fallback", "spare")
    assert result.exit_code == 0, result
    assert len(server.speech_requests) == len(spare.speech_requests) == 1


def test_a_server_that_never_answers_is_waited_for_once(cli, server, spare):
    server.reply = Reply(ttfb_s=5.0)
    result = say(cli, "--timeout", "2", "--fallback", "spare")  # time for the spare one
    assert result.exit_code == 0, result
    assert len(server.speech_requests) == 1
    assert say(cli, "--fallback", "spare").json["failed_over"] == 0


@pytest.mark.usefixtures("_voices_loaded")
def test_words_that_the_built_in_voice_leaves_out_are_mentioned(cli, dead):
    argv = ("say", "--device", "null", "--buffer-ms", "0", "--json", "--fallback", "builtin")
    result = cli.run(*argv, "Hello Привет there.")
    assert result.exit_code == 0, result
    assert "words are left out" in result.stderr


def test_a_voice_falls_back_as_its_own_profile_says(cli, server, dead, spare):
    cli.configure(
        f'[profiles.other]\nbase_url = "{dead}"\nfallback = ["spare"]\n'
        f'[profiles.spare]\nbase_url = "{spare.url}"\n'
    )
    argv = ("--base-url", server.url, "--say", "other/nova:Hello there.")
    result = cli.run("say", "--device", "null", "--buffer-ms", "0", "--json", *argv)
    assert result.exit_code == 0, result
    assert len(spare.speech_requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pcm", "mp3", "opus"])
def test_a_segment_that_breaks_twice_is_counted_whole(cli, server, how):
    """Each time three fifths of what was asked for arrive."""
    sentences = [f"This is number {number} of the story." for number in range(8)]
    speak = SpokenTones(seconds_per_character=0.06, gap_s=0.3)

    def breaking(fields):
        whole = speak(fields)
        is_cut = len(server.speech_requests) <= 2
        return Reply(whole.body, content_type=whole.content_type, cut_at=0.6) if is_cut else whole

    server.speak = breaking
    argv = ("say", "--no-play", "--segment", "whole", "--format", how, "--json")
    result = cli.run(*argv, "--save", str(cli.home / "a.wav"), " ".join(sentences))
    assert result.exit_code == 0, result
    assert result.json["recovered"] == 2
    assert result.json["sentences"] == {"spoken": 8, "known": 8}
    assert "spoken 8 of 8 sentences" in result.stderr
    (segment,) = result.json["segments"]
    assert segment["chars"] == pytest.approx(len(" ".join(sentences)), abs=2)  # spaces between
    assert segment["sentences"] == 8
    assert segment["at_s"] == pytest.approx(0.0, abs=0.1)
    asked = [request.json["input"].strip() for request in server.speech_requests]
    assert all(asked[0].endswith(each) for each in asked)


def test_a_sentence_that_is_asked_for_in_parts_is_one(cli, server):
    """Also if one of them breaks off."""
    speak = SpokenTones(seconds_per_character=0.01)

    def breaking(fields):
        whole = speak(fields)
        is_cut = len(server.speech_requests) == 2
        return Reply(whole.body, content_type=whole.content_type, cut_at=0.6) if is_cut else whole

    server.speak = breaking
    argv = ("say", "--no-play", "--json", "--save", str(cli.home / "a.wav"))
    result = cli.run(*argv, "word, " * 333 + "end. This is the next one.")
    assert result.exit_code == 0, result
    assert result.json["sentences"] == {"spoken": 2, "known": 2}
