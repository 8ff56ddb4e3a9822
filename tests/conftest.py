"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.soundserver import SoundServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """One private sound server for the whole run; recordings do not disturb each other."""
    with SoundServer() as server:
        yield server
