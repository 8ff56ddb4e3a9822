"""The last utterances are kept for a replay: whole, few, and only for their owner."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from tests.support.tones import read_wav, tone
from voicecli.audio.pcm import Pcm
from voicecli.control import recent
from voicecli.control.recent import MAX_FILES, RecentSpeech, recent_files
from voicecli.telemetry.events import Decoded


def keep(folder, name, *blocks, rate_hz=24_000):
    speech = RecentSpeech(folder, name)
    for block in blocks:
        pcm = Pcm(block.reshape(len(block), -1), rate_hz)
        speech(Decoded(0.0, pcm, 0.0))
    speech.close()
    speech.close()


def test_what_was_spoken_is_there_to_the_sample(folder):
    samples = tone(0.1, rate_hz=24_000)
    keep(folder, "1", samples[:700], samples[700:])
    (path,) = recent_files(folder)
    found, rate_hz = read_wav(Path(path).read_bytes())
    assert rate_hz == 24_000
    np.testing.assert_array_equal(found.reshape(-1), samples.reshape(-1))
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


def test_the_latest_are_kept(folder):
    for number in range(MAX_FILES + 3):
        keep(folder, f"{number:03}", tone(0.01))
    names = [Path(path).stem for path in recent_files(folder)]
    assert names == [f"{number:03}" for number in range(MAX_FILES + 2, 2, -1)]


def test_the_total_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(recent, "MAX_TOTAL_BYTES", 5_000)
    for number in range(4):
        keep(folder, str(number), tone(0.05, rate_hz=24_000))
    assert [Path(path).stem for path in recent_files(folder)] == ["3", "2"]


def test_one_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(recent, "MAX_BYTES", 1_000)
    keep(folder, "1", tone(0.01, rate_hz=24_000), tone(1.0, rate_hz=24_000))
    (path,) = recent_files(folder)
    assert len(read_wav(Path(path).read_bytes())[0]) == 240


def test_silence_leaves_nothing(folder):
    keep(folder, "1")
    assert recent_files(folder) == []


def test_a_folder_that_cannot_be_written_is_no_error(folder):
    speech = RecentSpeech(folder, "1")
    (Path(folder) / "recent").rmdir()
    speech(Decoded(0.0, Pcm(tone(0.01).reshape(-1, 1), 48_000), 0.0))
    speech.close()
    assert recent_files(folder) == []


@pytest.fixture
def cli(tmp_path):
    from tests.support.in_process import InProcessCli

    return InProcessCli(tmp_path)


class TestReplay:
    def test_nothing_to_replay_is_an_object_too(self, cli):
        result = cli.run("replay", "--json")
        assert (result.exit_code, result.json["ok"], result.json["spoken_s"]) == (0, True, 0)
        assert cli.run("replay", "-q").stderr == ""

    def test_the_last_utterances_are_spoken_again_in_order(self, cli, tmp_path):
        assert "nothing was spoken" in cli.run("replay", "--device", "null").stderr
        for number, duration_s in enumerate([0.1, 0.2, 0.3]):
            path = tmp_path / f"{number}.wav"
            from tests.support.tones import encode

            path.write_bytes(encode(tone(duration_s), "wav"))
            assert cli.run("play", "--device", "null", "-q", str(path)).exit_code == 0

        def replayed_s(*arguments):
            return cli.run("replay", "--device", "null", "--json", *arguments).json["audio_s"]

        assert replayed_s() == pytest.approx(0.3, abs=0.01)
        assert replayed_s("2") == pytest.approx(0.5, abs=0.01)
        assert replayed_s("--all") == pytest.approx(0.6, abs=0.01)
