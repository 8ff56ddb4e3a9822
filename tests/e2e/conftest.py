"""The command line, a speech server and a loudspeaker, wired together."""

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
    """A server without clips; a test gives it what it is to say."""
    with SpeechServer() as server:
        yield server


@pytest.fixture
def silent_cli(home: Path) -> Cli:
    """On a machine without a sound device."""
    return Cli(home)


@pytest.fixture
def cli(home: Path, sound_server: SoundServer) -> Cli:
    """On a machine that is listened to."""
    return Cli(home, sound_server)


@pytest.fixture
def timed_cli(home: Path, sound_server: SoundServer) -> Cli:
    """The same without coverage in the child, which costs time."""
    return Cli(home, sound_server, coverage=False)
