from __future__ import annotations

import pytest

from tests.playback.clocks import virtual_clock


@pytest.fixture
def clock():
    """Virtual time; the threads of the test end with it."""
    with virtual_clock() as clock:
        yield clock
