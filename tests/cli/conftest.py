"""The command line in this process, in a clean house."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.tones import tone
from voicecli.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Told:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class House:
    """Runs commands with no configuration, key or endpoint but what a test puts there."""

    def __init__(self, home: Path, capsys: Any) -> None:
        self.home = home
        self.config = home / "config" / "voicecli" / "config.toml"
        self._capsys = capsys

    def configure(self, text: str) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)

    def run(self, *argv: str) -> Told:
        self._capsys.readouterr()
        status = run(list(argv))
        captured = self._capsys.readouterr()
        return Told(status, captured.out, captured.err)


@pytest.fixture
def house(tmp_path, monkeypatch, capsys):
    for name in list(os.environ):
        if name.startswith(("VOICECLI_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path / "voices"))
    monkeypatch.setenv("COLUMNS", "100")
    return House(tmp_path, capsys)


@pytest.fixture
def server(monkeypatch):
    """The endpoint of whoever names none: it speaks 0.4 s of PCM at 48 kHz."""
    clips = clips_of(tone(0.4), formats=["pcm"])
    reply = Reply(headers={"X-Sample-Rate": "48000"})
    with SpeechServer(clips, reply=reply) as running:
        monkeypatch.setenv("VOICECLI_BASE_URL", running.url)
        yield running
