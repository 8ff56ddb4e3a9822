from __future__ import annotations

import io

import numpy as np
import pytest

from tests.support.tones import FORMATS, encode, tone

CLIP_S = 0.1


@pytest.fixture
def play(cli):
    def run(*argv, **how):
        flags = ("--json", "--device", "null", "--buffer-ms", "0")
        return cli.run("play", *flags, *argv, **how)

    return run


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_any_format(play, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encode(tone(CLIP_S, rate_hz=24_000), kind, rate_hz=24_000))
    result = play(str(path))
    assert result.exit_code == 0, result.stderr
    assert result.json["format"] == kind
    assert result.json["endpoint"] == str(path)
    assert result.json["spoken_s"] == pytest.approx(CLIP_S, abs=0.09)


def test_the_rate_of_raw_samples(cli, play, tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(1600))
    assert play("--sample-rate", "8000", str(path)).json["spoken_s"] == pytest.approx(0.1)
    cli.configure("sample_rate = 16000")
    assert play(str(path)).json["spoken_s"] == pytest.approx(0.05)


def test_standard_input(play):
    result = play("-", stdin=encode(tone(CLIP_S), "wav"))
    assert result.exit_code == 0, result.stderr
    assert result.json["endpoint"] == "standard input"
    assert result.json["spoken_s"] == pytest.approx(CLIP_S)


def test_a_terminal_is_not_played(play):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    result = play("-", stdin=Terminal())
    assert result.exit_code == 2
    assert "pipe audio into the command" in result.stderr


def test_standard_input_that_is_closed(play):
    result = play("-", stdin=None)
    assert result.exit_code == 4
    assert result.json["error"]["message"] == "cannot read standard input: it is closed"


def test_a_missing_file(play):
    result = play("nowhere.wav")
    assert result.exit_code == 4
    assert result.json["ok"] is False
    assert "nowhere.wav" in result.json["error"]["message"]


def test_a_file_that_is_not_audio(play, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(b"\x01\x02\x03\x04" * 500)
    assert play("--format", "mp3", str(path)).exit_code == 5


def test_no_file_is_a_usage_error(play):
    result = play()
    assert result.exit_code == 2
    assert "FILE" in result.stderr


def test_a_broken_configuration_is_3_and_one_object(cli, play):
    cli.configure("volume = loud")
    result = play("a.wav")
    assert result.exit_code == 3
    assert result.json["error"]["code"] == "config"


def test_a_file_can_be_saved_in_another_format(play, tmp_path):
    source, target = tmp_path / "a.flac", tmp_path / "b.wav"
    source.write_bytes(encode(tone(CLIP_S), "flac"))
    result = play("--no-play", "--save", str(target), str(source))
    assert result.exit_code == 0
    assert result.json["ttfa_ms"] is None
    assert target.exists()


def test_a_url_is_answered_with_curl(play):
    result = play("https://example.com/talk.mp3")
    assert result.exit_code == 2
    stderr = " ".join(result.stderr.split())
    assert "curl -sN https://example.com/talk.mp3 | voicecli play -" in stderr


@pytest.mark.parametrize("name", ["a.wav", "a.raw"])
def test_an_empty_file_is_reported(play, tmp_path, name):
    path = tmp_path / name
    path.touch()
    result = play(str(path))
    assert result.exit_code == 4
    assert result.json["error"]["message"] == f"{path} is empty"


def test_with_no_play_a_file_that_cannot_be_saved_is_7_before_reading(cli):
    result = cli.run("play", "--no-play", "--save", "/no/such/folder/a.wav", "nowhere.wav")
    assert result.exit_code == 7
    assert "no folder" in result.stderr


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"error": {"message": "no such voice"}}', "JSON"),
        ("<!doctype html><title>404</title>" + " " * 200, "HTML"),
        ("Dear all, this is a letter and no recording at all, whatever its name.", "text"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.mp3", "a.pcm"])
def test_a_text_file_is_called_what_it_is(play, tmp_path, text, kind, name):
    path = tmp_path / name
    path.write_text(text)
    result = play(str(path))
    assert (result.exit_code, result.json["error"]["code"]) == (5, "unsupported_format")
    assert result.json["error"]["message"] == f"this is {kind}, not audio"
    assert play("-", stdin=text.encode()).exit_code == 5


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Le garçon a mangé une crème brûlée.", "latin-1"),
        ("Сегодня хорошая погода.", "cp1251"),
        ("こんにちは 世界。今日は とても良い天気です。", "cp932"),
    ],
)
def test_a_text_file_in_another_encoding_is_text(play, tmp_path, text, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    error = play(str(path)).json["error"]
    assert error["message"] == "this looks like text, not audio"
    assert error["remedy"] == "voicecli say speaks text"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"PK\3\4\x14\0\0\0\x08\0", "a ZIP archive"),
        (b"SQLite format 3\0\x10\0", "a database"),
        (b"MZ\x90\0\3\0\0\0\4\0", "a program"),
    ],
)
def test_what_is_not_sound_needs_no_conversion(play, tmp_path, head, name):
    path = tmp_path / "a.mp3"
    path.write_bytes(head + bytes(100))
    error = play(str(path)).json["error"]
    assert error["message"] == f"{name} is not audio"
    assert error["remedy"] == "only audio can be played"


def test_a_foreign_format_is_named(play, tmp_path):
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x1cftypM4A " + bytes(2000))
    result = play(str(path))
    assert result.exit_code == 5
    assert "MP4/M4A is not supported" in result.json["error"]["message"]


@pytest.mark.parametrize("name", ["a.s16le", "a.pcm", "a.raw", "A.S16LE"])
def test_raw_samples_by_the_name_that_save_gives_them(play, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encode(tone(CLIP_S, rate_hz=24_000), "pcm", rate_hz=24_000))
    result = play(str(path))
    assert result.exit_code == 0, result.stderr
    assert (result.json["format"], result.json["spoken_s"]) == ("pcm", pytest.approx(CLIP_S))


@pytest.mark.parametrize(
    ("name", "sample_type", "rate_hz"),
    [
        ("a.s16be", ">i2", 24_000),
        ("a.s32le", "<i4", 24_000),
        ("a.f32", "<f4", 24_000),
        ("a.F64BE", ">f8", 24_000),
        ("a.s8", "i1", 24_000),
        ("a.ul", "u1", 8_000),
        ("a.alaw", "u1", 8_000),
    ],
)
def test_raw_samples_of_other_kinds_by_their_names(play, tmp_path, name, sample_type, rate_hz):
    sound = np.linspace(-0.9, 0.9, 1_200)
    if np.dtype(sample_type).kind != "f":
        sound = sound * np.iinfo(sample_type).max
    path, saved = tmp_path / name, tmp_path / "out.wav"
    path.write_bytes(sound.astype(sample_type).tobytes())
    result = play("--save", str(saved), str(path))
    assert result.exit_code == 0, result.stderr
    assert (result.json["format"], result.json["rate_hz"]) == ("pcm", rate_hz)
    assert result.json["spoken_s"] == pytest.approx(1_200 / rate_hz)
    if rate_hz == 24_000:
        heard = np.frombuffer(saved.read_bytes()[-2_400:], "<i2")
        assert np.abs(heard / 32_768 - np.linspace(-0.9, 0.9, 1_200)).max() < 0.02


def test_a_file_of_tags_alone_has_no_audio(play, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3\4\0\0\0\0\0\x0a" + bytes(10))
    result = play(str(path))
    assert result.exit_code == 5
    assert "no audio" in result.json["error"]["message"]
