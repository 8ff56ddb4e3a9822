"""Another endpoint speaks when one fails; what broke off is asked for again."""

from __future__ import annotations

import socket

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of, error
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


@pytest.mark.slow
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
