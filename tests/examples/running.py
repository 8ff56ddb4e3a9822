"""Runs an example as a program, in a clean environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.cli import Cli

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(home, name, *arguments, sound=None, **extra):
    """Run ``python examples/name arguments…`` with HOME in ``home``; returns the result."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=Cli(home, sound).environment(),
        cwd=home,
        capture_output=True,
        timeout=60,
        check=False,
        **extra,
    )
