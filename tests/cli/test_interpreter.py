"""Settings of the interpreter, each tried in one of its own."""

from __future__ import annotations

import subprocess
import sys

from voicecli.cli.interpreter import SWITCH_INTERVAL_S


def printed(*lines: str) -> list[str]:
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_nothing_holds_up_the_callback_once_there_is_sound():
    state = "print(gc.isenabled(), gc.get_freeze_count() > 0, sys.getswitchinterval())"
    before, after = printed(
        "import gc, sys",
        "from voicecli.cli.interpreter import speed_up_start, favour_audio_callback",
        "from voicecli.playback.base import SinkSnapshot",
        "from voicecli.telemetry.events import Progressed",
        "speed_up_start()",
        "favour_audio_callback(Progressed(0.0, SinkSnapshot(False, False, 1.0, 0.0)))",
        state,
        "favour_audio_callback(Progressed(0.1, SinkSnapshot(True, False, 1.0, 0.1)))",
        state,
    )
    assert before.split()[:2] == ["False", "False"]
    assert float(before.split()[2]) > SWITCH_INTERVAL_S
    assert after.split() == ["True", "True", str(SWITCH_INTERVAL_S)]


def test_what_would_search_for_plugins_is_not_run_until_it_is_used():
    is_loaded, version, is_found = printed(
        "import sys",
        "from voicecli.cli.interpreter import speed_up_start",
        "speed_up_start()",
        "import voicecli.cli.app, pydantic",
        "from importlib.metadata import entry_points",
        "print('zipfile' in sys.modules)",
        "import importlib.metadata as metadata",
        "print(metadata.version('typer'))",
        "print('voicecli' in entry_points(group='console_scripts', name='voicecli').names)",
    )
    assert is_loaded == "False"
    assert version[0].isdigit()
    assert is_found == "True"


def test_numpy_starts_no_threads():
    (threads,) = printed(
        "import os",
        "from voicecli.cli.interpreter import speed_up_start",
        "speed_up_start()",
        "import numpy",
        "print(os.listdir('/proc/self/task') == [str(os.getpid())])",
    )
    assert threads == "True"
