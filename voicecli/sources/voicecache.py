"""The voices of hibari-tts, loaded into this process, each once.

A cold start has two parts that share little: the network (parsed by onnxruntime without
the interpreter's lock) and the pronunciation tables (JSON, holding it). Side by side on
two cores they take about 290 ms instead of 370, so `VoiceCache.load` does one of them on
a thread that the caller lends: only the session starts threads.

numpy, onnxruntime and hibari are imported by loading, not by this module.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.errors import (
    ConfigError,
    NetworkError,
    SourceError,
    VoiceError,
    memory_limit_error,
)
from voicecli.sanitize import clean
from voicecli.sources import voicememory
from voicecli.sources.voicenames import DEFAULT_VOICE, builtin_voice

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.threads import Spawn


class Voice(Protocol):
    """The methods of ``hibari.Hibari`` that are used here."""

    def split_sentences(self, text: str) -> list[str]:
        """Split a text into sentences, none of them blank."""

    def g2p(self, text: str) -> str:
        """Return the phonemes of a sentence; empty if it cannot be spoken."""

    def ids(self, phonemes: str) -> list[int]:
        """Return the network's input for phonemes."""

    def from_ids(self, ids: list[int], speed: float, rng: Any) -> Samples:
        """Return samples of shape (frames,), float32 at 24 kHz."""


class VoiceCache:
    """The voices that this process has loaded, each once; any thread.

    Voices load one after another; one that is loaded is returned at once. A voice may speak
    for several sources at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._voices: dict[str, Voice] = {}
        self._tables: dict[bool, Any] = {}  # by accent: True is British

    @property
    def names(self) -> frozenset[str]:
        """The voices that are loaded."""
        return frozenset(self._voices)

    def load_tables(self, name: str) -> None:
        """Load only the pronunciation tables of a voice; start no thread.

        Raises:
            ConfigError: there is no such voice, or too little memory.
            SourceError: they cannot be loaded.
        """
        name = _registered_name(name)
        from hibari.voices import VOICES  # noqa: PLC0415  imported by now

        british = VOICES[name]["british"]
        with self._lock:
            if british not in self._tables:
                try:
                    from hibari.g2p import G2P  # noqa: PLC0415  loaded with the voice

                    self._tables[british] = G2P(british=british)
                except Exception as error:
                    raise voice_failed(error) from error

    def load(self, name: str, spawn: Spawn | None = None) -> Voice:
        """Return the voice ``name``; the first time takes 0.3 s, or a download of about 8 MB.

        ``name`` may be any name that `builtin_voice` knows. With ``spawn``, the
        pronunciation tables load on a thread that it starts.

        Raises:
            ConfigError: there is no such voice, or too little memory.
            NetworkError: its model is not on this machine and cannot be downloaded.
            SourceError: the model or its runtime cannot be loaded.
        """
        if name not in self._voices:
            name = _registered_name(name)
        if name not in self._voices:
            with self._lock:
                if name not in self._voices:
                    voicememory.limit_heaps()  # before its threads start
                    self._voices[name] = self._load(name, spawn)
        return self._voices[name]

    def _load(self, name: str, spawn: Spawn | None) -> Voice:
        from hibari.voices import VOICES  # noqa: PLC0415  imported by now

        british = VOICES[name]["british"]
        failures: list[Exception] = []

        def load_tables() -> None:
            try:
                if british not in self._tables:
                    from hibari.g2p import G2P  # noqa: PLC0415  loaded with the voice

                    self._tables[british] = G2P(british=british)
            except Exception as error:  # noqa: BLE001  raised again by the thread that waits
                failures.append(error)

        thread = spawn(load_tables, "voicecli-g2p") if spawn else None
        try:
            model = _model(name)
        finally:
            if thread:
                thread.join()
            else:
                load_tables()
        if failures:
            raise voice_failed(failures[0]) from failures[0]
        model._g2p = self._tables[british]  # noqa: SLF001  its constructor would load them before the model
        voice: Voice = model
        return voice


def _registered_name(name: str) -> str:
    """Return the name that the voice has in hibari's registry."""
    try:
        # Imports numpy, which the spawned thread would wait for anyway.
        from hibari.voices import VOICES  # noqa: PLC0415
    except ImportError as error:
        raise voice_failed(error) from error
    voice = builtin_voice(name, VOICES)
    if voice is None:
        profile, slash, _ = clean(name, 60).partition("/")
        raise ConfigError(
            f'no built-in voice is named "{clean(name, 60)}"; there are {", ".join(VOICES)}',
            remedy=f'"{profile}" is not a profile either; `voicecli config edit` can add it'
            if slash
            else "voicecli voices --base-url builtin lists them",
        )
    return voice


def _model(name: str) -> Any:
    """Return a ``Hibari`` with its network, but without its pronunciation tables."""
    # onnxruntime would store an identifier of this machine in the user's cache and send it to its
    # vendor, with the system, the processor and the interpreter's path.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import hibari  # noqa: PLC0415  loaded with the voice
        from hibari.voices import voice_path  # noqa: PLC0415

        try:
            path = voice_path(name)
        except (OSError, RuntimeError) as error:
            raise NetworkError(
                f'the voice "{name}" is not on this machine and could not be downloaded: '
                f"{clean(str(error)).removeprefix('hibari: ')}",
                remedy=f"the voice {DEFAULT_VOICE} is always available",
            ) from error
        return hibari.Hibari(voice=name, model=path)
    except NetworkError:
        raise
    except Exception as error:  # onnxruntime's own exceptions share no base
        raise voice_failed(error) from error


def voice_failed(error: Exception) -> VoiceError:
    """Return our error for an exception of hibari or its runtime."""
    return memory_limit_error(error) or SourceError(
        f"the built-in voice failed: {clean(str(error)) or type(error).__name__}",
        remedy="reinstall hibari-tts and onnxruntime, or set an endpoint with --base-url",
    )
