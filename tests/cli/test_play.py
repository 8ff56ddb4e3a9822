from __future__ import annotations

import os
import sys

import pytest

from tests.support.tones import FORMATS, encode, tone

CLIP_S = 0.1


@pytest.fixture
def play(house):
    def run(*argv):
        return house.run("play", "--json", "--device", "null", "--buffer-ms", "0", *argv)

    return run


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_any_format(play, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encode(tone(CLIP_S, rate_hz=24_000), kind, rate_hz=24_000))
    told = play(str(path))
    assert told.status == 0, told.err
    assert told.json["format"] == kind
    assert told.json["endpoint"] == str(path)
    assert told.json["spoken_s"] == pytest.approx(CLIP_S, abs=0.09)


def test_the_rate_of_bare_samples(house, play, tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(1600))
    assert play("--sample-rate", "8000", str(path)).json["spoken_s"] == pytest.approx(0.1)
    house.configure("sample_rate = 16000")
    assert play(str(path)).json["spoken_s"] == pytest.approx(0.05)


def test_standard_input(play, monkeypatch):
    read_end, write_end = os.pipe()
    os.write(write_end, encode(tone(CLIP_S), "wav"))
    os.close(write_end)
    with os.fdopen(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        told = play("-")
    assert told.status == 0, told.err
    assert told.json["endpoint"] == "standard input"
    assert told.json["spoken_s"] == pytest.approx(CLIP_S)


def test_a_terminal_is_nothing_to_play(play, monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    told = play("-")
    assert told.status == 2
    assert "pipe audio into it" in told.err


def test_standard_input_that_is_closed(play, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    told = play("-")
    assert told.status == 4
    assert told.json["error"]["message"] == "cannot read standard input: it is closed"


def test_a_file_that_is_not_there(play):
    told = play("nowhere.wav")
    assert told.status == 4
    assert told.json["ok"] is False
    assert "nowhere.wav" in told.json["error"]["message"]


def test_a_file_that_is_no_audio(play, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(b"\x01\x02\x03\x04" * 500)
    assert play("--format", "mp3", str(path)).status == 5


def test_no_file_is_a_usage_error(play):
    told = play()
    assert told.status == 2
    assert "FILE" in told.err


def test_a_broken_configuration_is_3_and_one_object(house, play):
    house.configure("volume = loud")
    told = play("a.wav")
    assert told.status == 3
    assert told.json["error"]["code"] == "config"


def test_what_is_played_may_be_saved(play, tmp_path):
    source, target = tmp_path / "a.flac", tmp_path / "b.wav"
    source.write_bytes(encode(tone(CLIP_S), "flac"))
    told = play("--no-play", "--save", str(target), str(source))
    assert told.status == 0
    assert told.json["ttfa_ms"] is None
    assert target.exists()


def test_an_address_is_for_curl(play):
    told = play("https://example.com/talk.mp3")
    assert told.status == 2
    assert "curl -sN https://example.com/talk.mp3 | voicecli play -" in " ".join(told.err.split())


@pytest.mark.parametrize("name", ["a.wav", "a.raw"])
def test_an_empty_file_is_told_as_one(play, tmp_path, name):
    path = tmp_path / name
    path.touch()
    told = play(str(path))
    assert told.status == 4
    assert told.json["error"]["message"] == f"{path} is empty"


def test_where_nothing_is_to_be_heard_and_nothing_can_be_saved_nothing_is_read(house):
    told = house.run("play", "--no-play", "--save", "/no/such/folder/a.wav", "nowhere.wav")
    assert told.status == 7
    assert "no folder" in told.err
