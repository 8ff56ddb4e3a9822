"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import settings

from tests.support.soundserver import SoundServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says more of the machine's load than of the code.
settings.register_profile("voicecli", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("voicecli")


# Whoever starts the tests with it ignored (``nohup``) hands that on to every program in them.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """One private sound server for the whole run; recordings do not disturb each other."""
    with SoundServer() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _no_quiet_end() -> Iterator[None]:
    """Of the whole run, by ``os._exit`` in a test: it would pass for success."""
    leave, run = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        if os.getpid() != run:
            leave(status)  # a fork's
        raise AssertionError(f"os._exit({status}) would have ended the tests")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", told)
        yield
