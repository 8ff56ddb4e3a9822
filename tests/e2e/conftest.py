"""The command line, a speech server and a sound server, connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import Cli
from tests.support.speech_server import SpeechServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.sound_server import SoundServer


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def speech() -> Iterator[SpeechServer]:
    """A server without clips, which the test sets."""
    with SpeechServer() as server:
        yield server


@pytest.fixture
def silent_cli(home: Path) -> Cli:
    """Run on a machine without a sound device."""
    return Cli(home)


@pytest.fixture
def cli(home: Path, sound_server: SoundServer) -> Cli:
    """Run on the recorded sound server."""
    return Cli(home, sound_server)
