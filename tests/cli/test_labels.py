"""Answers whose labels or sizes are wrong are played, and people are told."""

from __future__ import annotations

import json

import pytest

from tests.support.speech_server import Reply
from tests.support.tones import encode, tone
from voicecli.sources.label_file import LabelFile

RATE_HZ = 24_000
CLIP_S = 0.4
SOUND = tone(CLIP_S, rate_hz=RATE_HZ)
PCM = encode(SOUND, "pcm", rate_hz=RATE_HZ)


def test_samples_under_the_name_of_mp3_are_played_and_remembered(cli, say, server, tmp_path):
    server.reply = Reply(body=PCM, content_type="audio/mpeg")
    first = say("--json", "Hello.")
    assert first.exit_code == 0, first.stderr
    assert first.json["audio_s"] == pytest.approx(CLIP_S)
    assert first.stderr.count("the server labels raw PCM audio/mpeg") == 1
    file = LabelFile(tmp_path / "cache" / "voicecli" / "labels.json")
    assert file.all() == {server.url: {"audio/mpeg"}}
    again = say("--json", "Hello.")
    assert again.exit_code == 0, again.stderr
    assert again.json["audio_s"] == pytest.approx(CLIP_S)
    assert "audio/mpeg" not in again.stderr
    assert (again.json["format"], again.json["content_type"]) == ("pcm", "audio/mpeg")
    shown = cli.run("config", "show", "--json").stdout
    assert json.loads(shown)["labels"] == [{"endpoint": server.url, "pcm_labelled": ["audio/mpeg"]}]
    assert "labels raw PCM audio/mpeg" in cli.run("config", "show").stdout
    assert cli.run("config", "forget").exit_code == 0
    assert file.all() == {}


def test_a_remembered_label_does_not_hide_a_real_mp3(say, server, tmp_path):
    file = LabelFile(tmp_path / "cache" / "voicecli" / "labels.json")
    file.put(server.url, "audio/mpeg")
    server.reply = Reply(body=encode(SOUND, "mp3", rate_hz=RATE_HZ), content_type="audio/mpeg")
    result = say("--json", "Hello.")
    assert (result.exit_code, result.json["format"]) == (0, "mp3"), result.stderr


@pytest.mark.parametrize(
    "label",
    [
        "audio/pcm;samplerate=12000",
        "audio/pcm; sample_rate=12000 Hz",
        "audio/x-raw, layout=(string)interleaved, rate=(int)12000, format=(string)S16LE",
        "audio/pcm;rate=12000, audio/pcm;rate=12000",
    ],
)
def test_a_rate_is_read_in_any_spelling(say, server, label):
    server.reply = Reply(body=PCM, content_type=label)
    result = say("--json", "Hello.")
    assert result.exit_code == 0, result.stderr
    assert result.json["audio_s"] == pytest.approx(2 * CLIP_S)
    flagged = say("--json", "--sample-rate", "24000", "Hello.")
    assert flagged.json["audio_s"] == pytest.approx(CLIP_S)
    assert "the server states 12000 Hz" in flagged.stderr


def test_a_rate_in_a_header_of_its_own_may_have_decimals(say, server):
    server.reply = Reply(body=PCM, content_type="audio/pcm", headers={"X-Sample-Rate": "12000.0"})
    assert say("--json", "Hello.").json["audio_s"] == pytest.approx(2 * CLIP_S)


def test_samples_in_another_coding_are_decoded(say, server):
    server.reply = Reply(body=bytes([0xFF]) * 4_000, content_type="audio/x-mulaw;rate=8000")
    result = say("--json", "Hello.")
    assert result.exit_code == 0, result.stderr
    assert result.json["audio_s"] == pytest.approx(0.5)
    server.reply = Reply(body=PCM, content_type="audio/G722")
    result = say("--json", "Hello.")
    assert (result.exit_code, result.json["error"]["code"]) == (5, "unsupported_format")
    assert "audio/g722" in result.json["error"]["message"]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_placeholder_in_a_complete_answer_is_not_a_cut(say, server, framing):
    whole = encode(SOUND, "wav", rate_hz=RATE_HZ)
    at = whole.index(b"data") + 4
    body = whole[:at] + (2_000_000_000).to_bytes(4, "little") + whole[at + 4 :]
    server.reply = Reply(body=body, content_type="audio/wav", framing=framing)
    result = say("--json", "-v", "Hello.")
    assert result.exit_code == 0, result.stderr
    assert result.json["audio_s"] == pytest.approx(CLIP_S)
    assert ("the server gave no length" in result.stderr) == (framing == "close")


def test_a_true_size_shows_a_cut_where_nothing_else_does(say, server):
    body = encode(SOUND, "wav", rate_hz=RATE_HZ, sized=True)[:-100]
    server.reply = Reply(body=body, content_type="audio/wav", framing="close")
    assert say("--json", "Hello.").exit_code == 5


def test_a_size_beyond_the_end_of_a_file_is_a_cut(cli, tmp_path):
    path = tmp_path / "cut.wav"
    path.write_bytes(encode(SOUND, "wav", rate_hz=RATE_HZ, sized=True)[:-100])
    assert cli.run("play", "--json", "--device", "null", str(path)).exit_code == 5
