"""Event streams that break off at once: nothing of them is heard, and they are asked for again."""

from __future__ import annotations

import base64
import json

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import encode, tone

LOUD = b"\xff\x7f" * 6


def sound(audio):
    return {"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode()}


def events(*given):
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in given)
    return Reply(body=body.encode(), content_type="text/event-stream")


BROKEN = events(sound(LOUD), {"type": "error", "error": {"message": "upstream broke"}})
CUT = {
    "error in events": BROKEN,
    "events cut": events(sound(LOUD)),
}


@pytest.mark.parametrize("reply", CUT.values(), ids=CUT)
@pytest.mark.parametrize("how", [(), ("--format", "wav"), ("--format", "mp3")])
def test_nothing_of_twelve_bytes_is_heard(cli, server, say, tmp_path, reply, how):
    server.reply = reply
    result = say(*how, "--json", "--retries", "0", "--save", str(tmp_path / "a.wav"), "Hello.")
    assert result.exit_code == 4, result
    assert result.json["audio_s"] == result.json["spoken_s"] == 0
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("reply", CUT.values(), ids=CUT)
def test_it_is_asked_for_again_and_spoken_whole(server, say, reply):
    whole = server.clips["pcm"].body
    replies = iter([reply, Reply(body=whole, headers=server.reply.headers)])
    server.speak = lambda _: next(replies)
    result = say("--format", "pcm", "--json", "Hello.")
    assert result.exit_code == 0, result
    assert result.json["retries"] == 1
    assert result.json["spoken_s"] == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["pcm", "wav", "opus", "mp3", "aac", "flac"])
def test_an_error_behind_sound_is_a_failure_in_every_format(server, say, name):
    sound = encode(tone(0.4, rate_hz=24_000), name, rate_hz=24_000)
    body = sound + b'{"error": {"message": "out of memory"}}'
    server.reply = Reply(body=body, content_type=f"audio/{name}")
    result = say("--format", name, "--json", "--no-recover", "Hello.")
    assert result.exit_code == 4, result
    assert "out of memory" in result.json["error"]["message"]
    assert result.json["spoken_s"] == pytest.approx(0.4, abs=0.03)


def test_another_endpoint_speaks_instead(cli, server, say):
    server.reply = BROKEN
    with SpeechServer(clips_of(tone(0.4), formats=["pcm"])) as spare:
        cli.configure(f'[profiles.spare]\nbase_url = "{spare.url}"\n')
        how = ("--format", "pcm", "--retries", "0", "--fallback", "spare")
        result = say(*how, "--json", "Hello.")
    assert result.exit_code == 0, result
    assert result.json["failed_over"] == 1
