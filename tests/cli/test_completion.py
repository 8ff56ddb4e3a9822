from __future__ import annotations

import subprocess
import sys

import pytest

from voicecli.cli import completion
from voicecli.playback import portaudio as devices_module
from voicecli.playback.portaudio import OutputDevice
from voicecli.sources.voices import OPENAI_VOICES

PROFILES = """
[profiles.kokoro]
base_url = "http://localhost:8880/v1"
voice = "af_bella"

[profiles.kitchen]
voice = "nicole"

[profiles.cloud]
base_url = "https://api.openai.com/v1"
api_key_env = "CLOUD_KEY"
"""


@pytest.fixture
def offered(cli):
    """Complete the last of these words as bash does."""

    def ask(*words):
        env = {
            "_VOICECLI_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["voicecli", *words]),
            "COMP_CWORD": str(len(words)),
        }
        result = cli.run(env=env)
        assert result.exit_code == 0
        assert result.stderr == ""
        return result.stdout.split()

    return ask


def test_commands(offered):
    assert offered("d") == ["devices", "doctor"]
    assert offered("config", "s") == ["show"]


def test_options(offered):
    assert offered("say", "--pre") == ["--preroll-ms", "--prefetch"]


@pytest.mark.parametrize("command", ["say", "play"])
def test_formats(offered, command):
    assert offered(command, "--format", "o") == ["opus"]


def test_profiles(offered, cli):
    assert "openrouter" in offered("say", "--profile", "")
    assert offered("say", "--fallback", "bu") == ["builtin"]
    cli.configure(PROFILES)
    assert offered("say", "--profile", "k") == ["kitchen", "kokoro", "kokoro-fastapi"]


def test_base_urls(offered, cli):
    cli.configure(PROFILES)
    assert offered("voices", "--base-url", "") == [
        "builtin",
        "http://localhost:8880/v1",
        "https://api.openai.com/v1",
    ]


def test_networks(offered):
    assert offered("bench", "--network", "w") == ["wifi"]


def test_voices_of_the_last_of_several_servers(offered):
    argv = ("bench", "--base-url", "https://api.openai.com/v1", "--base-url", "builtin", "--voice")
    assert "heart" in offered(*argv, "h")
    assert "heart" in offered("bench", "--voice", "h")


def test_a_broken_file_offers_nothing_and_prints_nothing(offered, cli):
    cli.configure("[profiles")
    assert offered("say", "--profile", "") == []
    assert offered("say", "--base-url", "") == ["builtin"]
    assert offered("say", "--voice", "") == []


class TestVoices:
    def test_of_the_builtin_voice(self, offered):
        assert {"heart", "emma"} <= set(offered("say", "--voice", ""))
        assert offered("say", "--voice", "hea") == ["heart"]

    def test_of_openai(self, offered, cli):
        cli.env["OPENAI_API_KEY"] = "sk-1"
        assert offered("say", "--voice", "") == sorted(OPENAI_VOICES)

    def test_of_a_server_only_what_the_profiles_name(self, offered, cli):
        cli.configure(PROFILES)
        words = ("say", "--profile", "kokoro", "--voice", "")
        assert offered(*words) == ["af_bella", "nicole"]
        words = ("say", "--base-url", "http://localhost:1/v1", "--voice", "")
        assert offered(*words) == ["nicole"]


class TestDevices:
    def test_the_null_device_and_the_machine_s(self, monkeypatch):
        found = [OutputDevice(0, name, "ALSA", 2, 44_100, is_default=False) for name in "ab"]
        monkeypatch.setattr(devices_module, "list_output_devices", lambda: found)
        assert completion.devices("") == ["null", "a", "b"]
        assert completion.devices("n") == ["null"]

    def test_the_output_of_libraries_is_suppressed(self, monkeypatch, capfd):
        def noisy():
            subprocess.run(
                [sys.executable, "-c", "import os; os.write(2, b'no sound server')"], check=True
            )
            return []

        monkeypatch.setattr(devices_module, "list_output_devices", noisy)
        assert completion.devices("") == ["null"]
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(cli, shell):
    result = cli.run(env={"_VOICECLI_COMPLETE": f"source_{shell}"})
    assert result.exit_code == 0
    assert "_VOICECLI_COMPLETE" in result.stdout


def test_there_are_options_to_install_it(cli):
    out = cli.run("--help").stdout
    assert "--install-completion" in out
    assert "--show-completion" in out
