"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.soundserver import SoundServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says more of the machine's load than of the code.
settings.register_profile("voicecli", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("voicecli")


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """One private sound server for the whole run; recordings do not disturb each other."""
    with SoundServer() as server:
        yield server
