"""Run the command line in a worker of the resident."""

from __future__ import annotations

import contextlib
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.cli.app import prepare_command
from voicecli.cli.launch import started_at_of, this_launch
from voicecli.cli.resident_warmup import warm_up, warm_up_voice
from voicecli.config.file import find_config
from voicecli.control.resident.client import COMMANDS
from voicecli.errors import VoiceError
from voicecli.sources.voicecache import VoiceCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.control.resident.wire import Call

MODULES = (
    "voicecli.cli.app", "voicecli.cli.say", "voicecli.cli.play", "voicecli.cli.reporting",
    "voicecli.cli.short_text", "voicecli.cli.text_input", "voicecli.codecs.decoding.auto",
    "voicecli.control.server", "voicecli.control.speaker", "voicecli.playback.null",
    "voicecli.session.limit_file", "voicecli.session.planner", "voicecli.sources.builtin",
    "voicecli.sources.openai", "voicecli.text.markdown", "voicecli.text.stage",
    "rich.console", "rich.live", "tomllib", "platformdirs",
)  # fmt: skip
"""Modules that commands import while they run.

Nothing here may start a thread or open PortAudio: this process is forked.
"""

_DEVICES = Path("/dev/snd")


def load(voices: frozenset[str]) -> VoiceCache:
    """Import what commands need, and the tables of built-in ``voices`` [resident]."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see `voicecli.sources.voicecache`
    threads = os.environ.get("OPENBLAS_NUM_THREADS")
    # numpy would start more threads, and a fork would lose them.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name in MODULES:
        importlib.import_module(name)
    from voicecli.codecs.decoding.auto import preload  # noqa: PLC0415  numpy comes with it
    from voicecli.codecs.formats import CODECS  # noqa: PLC0415  likewise
    from voicecli.sources.client import SpeechClient  # noqa: PLC0415  likewise

    for name in COMMANDS:
        prepare_command(name)
    for name in CODECS:
        with contextlib.suppress(VoiceError):
            preload(name)
    client = SpeechClient("http://127.0.0.1:9/v1")
    client.prepare()  # imports the SDK; connects to nothing
    client.close()
    if threads is None:
        del os.environ["OPENBLAS_NUM_THREADS"]
    else:
        os.environ["OPENBLAS_NUM_THREADS"] = threads
    cache = VoiceCache()
    with contextlib.suppress(VoiceError, ImportError):
        for name in voices:
            cache.load_tables(name)
            importlib.import_module("onnxruntime")  # starts no threads before a network is loaded
    return cache


class CommandLine:
    """Runs one command line, in a worker: a `voicecli.control.resident.worker.Program`.

    ``voices`` is what the resident has loaded of the built-in voices.
    """

    def __init__(self, voices: VoiceCache) -> None:
        self._devices_at: int | None = None
        self._voices = voices

    def prepare_sound(self) -> None:
        """Load PortAudio, and note which devices there are."""
        self._devices_at = _changed_at(_DEVICES)
        with contextlib.suppress(VoiceError):
            from voicecli.playback import blocking, callback, portaudio  # noqa: F401, PLC0415

            portaudio.find_output_device(None)

    def refresh_sound(self) -> None:
        """Look again if devices have come or gone."""
        if _changed_at(_DEVICES) != self._devices_at:
            with contextlib.suppress(VoiceError):
                from voicecli.playback import portaudio  # noqa: PLC0415  loaded by now

                portaudio.refresh()

    def prepare(self, useful: frozenset[str]) -> None:
        """Load the built-in voices that were used lately, and warm up."""
        warm_up()
        for name in useful:
            with contextlib.suppress(VoiceError):
                self._voices.load(name)
                warm_up_voice(name, self._voices)

    def useful(self) -> frozenset[str]:
        """Return the built-in voices that were used."""
        return self._voices.names

    def press(self, key: str) -> None:
        """Carry out a key of the terminal, or ``suspend`` or ``continue``."""
        if this_launch.press is not None:
            this_launch.press(key)

    def refusal(self, environ: dict[str, str]) -> str | None:
        """Return why a command with this environment is refused; None if it is served."""
        if environ.get("VOICECLI_RESIDENT"):  # overrides the configuration
            return None
        try:
            is_off = find_config(environ).resident == "off"
        except VoiceError:
            return None  # the command reports it
        return 'the configuration has resident = "off"' if is_off else None

    def run(self, call: Call, show_keys: Callable[[], None]) -> int:
        """Run a command line, and return its exit status."""
        from voicecli.cli.app import run  # noqa: PLC0415  loaded by now

        exact = started_at_of(call.pid, call.started_at)
        this_launch.started_at = call.started_at if exact is None else exact
        this_launch.pid, this_launch.parent = call.pid, call.parent
        this_launch.voices = self._voices
        this_launch.show_keys = show_keys
        return run(call.argv)


def _changed_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
