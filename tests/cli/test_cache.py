import json

import pytest

from tests.codecs.samples import encoded
from tests.support.speech_server import Reply


def speak(cli, server, *flags):
    return cli.run(
        "say", "--no-play", "--json", *flags, "--base-url", server.url, "Hello there. Good morning."
    )


def test_a_second_run_makes_no_request(cli, server):
    first, second = speak(cli, server, "--cache"), speak(cli, server, "--cache")
    assert first.exit_code == second.exit_code == 0, first
    assert not any(each["cached"] for each in first.json["segments"])
    assert all(each["cached"] for each in second.json["segments"])
    assert first.json["audio_s"] == second.json["audio_s"]
    assert len(server.speech_requests) == len(first.json["segments"])
    requests = len(server.speech_requests)
    assert speak(cli, server).exit_code == 0
    assert len(server.speech_requests) == 2 * requests


def test_how_much_came_from_the_cache_is_mentioned(cli, server):
    for segment, words in (("sentence", "2 of 2 segments"), ("whole", "1 of 1 segment")):
        flags = ("--cache", "--segment", segment, "-v")
        speak(cli, server, *flags)
        assert f"{words} came from the cache" in speak(cli, server, *flags).stderr


def test_the_cache_says_nothing_of_how_fast_the_server_is(cli, server):
    def say(*flags):
        text = "The tide is coming in tonight. The boats begin to float."
        argv = ("say", "--device", "null", "--segment", "sentence", "--cache", *flags)
        return cli.run(*argv, "--base-url", server.url, text)

    assert say().exit_code == 0
    folder = cli.home / "cache" / "voicecli"
    learned = {path.name: path.read_bytes() for path in folder.glob("*.json*")}
    assert {"arrivals.jsonl", "pace.json"} <= set(learned)
    assert say().exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.glob("*.json*")} == learned


@pytest.mark.parametrize(
    "body", [bytes(range(7, 256)) * 80, b"Out of memory, try again later. " * 9, b""]
)
@pytest.mark.parametrize("flags", [("--segment", "whole"), ()])
def test_what_is_no_sound_is_not_kept(cli, server, body, flags):
    server.reply = Reply(body=body, content_type="audio/mpeg")
    first = speak(cli, server, "--cache", "--format", "mp3", *flags)
    assert first.exit_code in (4, 5), first
    server.reply = Reply(body=encoded("mp3", 24_000), content_type="audio/mpeg")
    for _ in range(2):
        later = speak(cli, server, "--cache", "--format", "mp3", *flags)
        assert later.exit_code == 0, later
    assert all(each["cached"] for each in later.json["segments"])


def test_a_profile_turns_it_on_and_a_flag_off(cli, server):
    cli.configure(f'[profiles.x]\nbase_url = "{server.url}"\ncache = true\n')
    for flags in ((), (), ("--no-cache",)):
        assert cli.run("say", "--no-play", "--profile", "x", *flags, "Hello.").exit_code == 0
    assert len(server.speech_requests) == 2


def test_info_and_clear(cli, server):
    assert json.loads(cli.run("cache", "info", "--json").stdout)["answers"] == 0
    assert "nothing to delete" in cli.run("cache", "clear").stderr
    speak(cli, server, "--cache")
    shown = json.loads(cli.run("cache", "info", "--json").stdout)
    assert shown["answers"] >= 1
    assert 0 < shown["bytes"] < shown["max_bytes"]
    assert str(cli.home) in cli.run("cache", "info").stdout
    assert "deleted" in cli.run("cache", "clear").stderr
    assert json.loads(cli.run("cache", "info", "--json").stdout)["answers"] == 0


def test_help(cli):
    assert cli.run("cache").exit_code in (0, 2)
    assert "hash of its request" in cli.run("cache", "info", "--help").stdout
