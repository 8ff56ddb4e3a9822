"""A resident for the commands of other tests."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.control.resident.wire import SOCKET_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def running_resident(env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a resident in an environment, whose XDG_RUNTIME_DIR is private, while the block runs."""
    command = [sys.executable, "-m", "voicecli", "resident", "run", "--idle-min", "60"]
    path = Path(env["XDG_RUNTIME_DIR"]) / "voicecli" / SOCKET_NAME
    with subprocess.Popen(command, env=env, start_new_session=True) as process:
        try:
            ends_at = time.monotonic() + 60
            while not path.exists():
                assert process.poll() is None, "the resident has ended"
                assert time.monotonic() < ends_at, "the resident has not started"
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            process.wait(30)
