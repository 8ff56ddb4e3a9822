"""Exit statuses that depend on the machine: its devices, its disk, its libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.speech_server import Reply, clips_of
from tests.support.tones import read_wav, tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli, Result
    from tests.support.speech_server import SpeechServer


@pytest.fixture
def say(silent_cli: Cli, speech: SpeechServer):
    """Say something at a server that speaks 0.5 s, on a machine without sound."""
    speech.clips = clips_of(tone(0.5), formats=["pcm", "mp3"])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})

    def run(*argv: str, **how) -> Result:
        return silent_cli.run("say", "--base-url", speech.url, *argv, "hello", **how)

    return run


class TestDevice:
    def test_no_sound_device_is_6_with_a_remedy(self, say) -> None:
        done = say()
        assert done.exit_code == 6, done
        assert done.stderr.count("error:") == 1
        assert "--save" in done.stderr

    def test_no_sound_device_with_save_is_0_with_one_message(self, say, home: Path) -> None:
        done = say("--save", "out.wav")
        assert done.exit_code == 0, done
        samples, rate_hz = read_wav((home / "out.wav").read_bytes())
        assert (len(samples), rate_hz) == (24_000, 48_000)
        lines = [line for line in done.stderr.splitlines() if "sound device" in line.lower()]
        assert len(lines) == 1, done

    def test_no_portaudio_is_6_with_its_remedy(self, say, home: Path) -> None:
        (home / "hidden").mkdir()
        (home / "hidden" / "sounddevice.py").write_text(
            'raise OSError("PortAudio library not found")\n'
        )
        done = say(env={"PYTHONPATH": str(home / "hidden")})
        assert done.exit_code == 6, done
        assert "portaudio" in done.stderr.lower()

    def test_an_unknown_device_is_6(self, say) -> None:
        assert say("--device", "theremin").exit_code == 6


def test_a_full_disk_is_7_and_does_not_disturb_playback(say, home: Path) -> None:
    """A file-size limit stands for the full disk: both fail during a write."""
    (home / "sitecustomize.py").write_text(
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
    )
    done = say("--json", "--device", "null", "--save", "out.wav", env={"PYTHONPATH": str(home)})
    assert done.exit_code == 7, done
    assert done.json["playback_ms"] >= 500


def test_an_internal_error_is_1_without_a_traceback(say, home: Path) -> None:
    """A broken dependency stands for the error: nothing in our code foresees it."""
    (home / "av").mkdir()
    (home / "av" / "__init__.py").write_text("raise ZeroDivisionError('planted')\n")
    done = say("--device", "null", "--format", "mp3", env={"PYTHONPATH": str(home)})
    assert done.exit_code == 1, done
    assert "Traceback" not in done.stderr
    assert "error: internal error: ZeroDivisionError: planted" in done.stderr
