"""The built-in voice: hibari-tts in this process, no key, no server, English at 24 kHz.

One sentence is spoken at a time. Hibari's own ``stream`` turns the whole text
into phonemes before the first sound; here the first sentence is audio while the
second is still text, and cancelling takes effect between pieces.

Starting cold is two loads that hardly share work: the network (onnxruntime
parses it outside the interpreter's lock) and the pronunciation tables (JSON,
all inside it). Side by side on two cores they take about 290 ms instead of 370,
so `VoiceCache.load` does one of them on a thread that its caller lends: threads
are the session's to make.

numpy, onnxruntime and hibari are imported by loading, not by this module.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from voicecli.audio import AudioFormat, to_int16
from voicecli.display import clean
from voicecli.errors import ConfigError, NetworkError, NothingToSay, SourceError
from voicecli.sources.base import SourceInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.audio import Samples
    from voicecli.request import SpeechRequest
    from voicecli.threads import Spawn

_T = TypeVar("_T")

FORMAT = AudioFormat(rate_hz=24_000, channels=1)
"""What the voice speaks in; Hibari's networks know no other rate."""

DEFAULT_VOICE = "heart"

CHUNK_S = 0.5
"""Longest chunk that is handed on, so that a consumer can stop between two of them."""

_WINDOW_S = 0.010
_SILENT_RMS = 0.001
"""−60 dBFS."""

_SPEEDS = (0.25, 4.0)

_MAX_CHARACTERS = 500
"""Longest text turned into phonemes at once: a page without a full stop must not hold sound up."""

_MAX_RUN = 32
"""Longest run without white space: Hibari's time for one grows with the cube of its parts, to a
minute for 500 characters, and it cannot read numbers of 37 digits. Words end before."""

_MAX_PHONEMES = 400
"""Longest input of the network, Hibari's own limit; its memory grows with the length."""


_LONG_RUN = re.compile(rf"\S{{{_MAX_RUN + 1},}}")
_RUN_PART = re.compile(  # the rest, up to a mark, or as much as may be
    rf"\S{{1,{_MAX_RUN}}}(?!\S)|\S{{1,{_MAX_RUN - 1}}}[^\w\s]|\S{{1,{_MAX_RUN}}}"
)


class Voice(Protocol):
    """The part of ``hibari.Hibari`` that is used here."""

    def split_sentences(self, text: str) -> list[str]:
        """Sentences of a text, none of them blank."""

    def g2p(self, text: str) -> str:
        """Phonemes of one sentence; empty where nothing in it can be said."""

    def ids(self, phonemes: str) -> list[int]:
        """The network's input."""

    def from_ids(self, ids: list[int], speed: float, rng: Any) -> Samples:
        """Samples of shape (frames,), float32 at 24 kHz."""


class VoiceCache:
    """The voices that this process has loaded, each once.

    A command makes one and drops it; a process that stays warm keeps it. Safe
    from any thread: who asks for a voice while it loads waits for it. Loaded
    voices may speak for several sources at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._voices: dict[str, Voice] = {}
        self._tables: dict[bool, Any] = {}  # by accent: True is British

    def load(self, name: str, spawn: Spawn | None = None) -> Voice:
        """The voice called ``name``; the first time takes 0.3 s, or a download of some 8 MB.

        With ``spawn``, the pronunciation tables load on a thread of its making.

        Raises:
            ConfigError: there is no such voice.
            NetworkError: its model is not on this machine and cannot be fetched.
            SourceError: the model or its runtime cannot be loaded.
        """
        with self._lock:
            if name not in self._voices:
                self._voices[name] = self._load(name, spawn)
            return self._voices[name]

    def _load(self, name: str, spawn: Spawn | None) -> Voice:
        # The name is looked up in hibari's registry, which arrives with numpy; the spawned thread
        # would wait for that import anyway.
        british = _registered(name)["british"]
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
            raise _unusable(failures[0]) from failures[0]
        model._g2p = self._tables[british]  # noqa: SLF001  its constructor would want them before the model
        voice: Voice = model
        return voice


class BuiltinSource:
    """Speaks one request with the built-in voice; a byte source of 24 kHz mono s16le PCM.

    Chunks are whole frames, at most `CHUNK_S` long. The noise in the voice is
    seeded, so the same request gives the same bytes. ``request.voice`` and
    ``request.speed`` count, the model, format and instructions do not.
    """

    def __init__(
        self, request: SpeechRequest, voices: VoiceCache, spawn: Spawn | None = None
    ) -> None:
        self._request = request
        self._voices = voices
        self._spawn = spawn
        self._sent: Callable[[], None] | None = None
        self._voice: Voice | None = None
        self._cancelled = False  # written by any thread, read by the iterating one

    @property
    def info(self) -> SourceInfo:
        """PCM at the voice's rate, whatever was requested; known from the start."""
        rate_hz, channels = FORMAT.rate_hz, FORMAT.channels
        content_type = f"audio/pcm;rate={rate_hz};channels={channels}"
        return SourceInfo("pcm", content_type, rate_hz, channels)

    @property
    def label(self) -> str:
        """The word that stands for the built-in voice in place of a URL."""
        return "builtin"

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Set what to call before loading: no request leaves, so nothing need wait for it."""
        self._sent = callback

    def warm(self) -> None:
        """Load the voice.

        Raises:
            ConfigError: no such voice, or a speed outside 0.25 to 4.
            SourceError: the voice cannot be loaded; `VoiceCache.load` says when.
        """
        if self._sent is not None:
            self._sent()
        slowest, fastest = _SPEEDS
        if self._request.speed is not None and not slowest <= self._request.speed <= fastest:
            raise ConfigError(f"the built-in voice's speed goes from {slowest:g} to {fastest:g}")
        self._voice = self._voices.load(self._request.voice, self._spawn)

    def __enter__(self) -> Self:
        """Load the voice unless `warm` did; raises what it raises."""
        if self._voice is None:
            self.warm()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._voice = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the text's sound, sentence by sentence.

        Raises:
            NothingToSay: nothing in the text can be said in English.
            SourceError: the voice failed.
        """
        assert self._voice is not None, "iterated before it was entered"
        voice, spoken = self._voice, False
        for phonemes in self._guarded(_phonemes(voice, self._request.text)):
            speed = self._request.speed or 1.0
            yield from self._guarded(_speak(voice, phonemes, speed, is_first=not spoken))
            spoken = True
        if not spoken and not self._cancelled:
            raise NothingToSay(
                "the built-in voice speaks English, and found nothing to say in the text",
                remedy="for other languages set an endpoint with --base-url",
            )

    def cancel(self) -> None:
        """End the iteration after the chunk or sentence at hand; from any thread, idempotent."""
        self._cancelled = True

    def _guarded(self, steps: Iterator[_T]) -> Iterator[_T]:
        """Pass ``steps`` on until cancelled, with hibari's exceptions turned into ours."""
        while not self._cancelled:
            try:
                step = next(steps)
            except StopIteration:
                return
            except Exception as error:
                raise _unusable(error) from error
            yield step


def _phonemes(voice: Voice, text: str) -> Iterator[str]:
    """What the network takes at once, in order; nothing that would come out as mere noise."""
    for sentence in voice.split_sentences(short_runs(plain_digits(text))):
        for part in pieces(sentence, _MAX_CHARACTERS):
            for phonemes in pieces(voice.g2p(part), _MAX_PHONEMES):
                # Punctuation alone has phonemes of its own: a breath that nobody asked for.
                if any(symbol.isalpha() for symbol in phonemes):
                    yield phonemes


def _speak(voice: Voice, phonemes: str, speed: float, *, is_first: bool) -> Iterator[bytes]:
    import numpy as np  # noqa: PLC0415  it came with the voice

    sound = voice.from_ids(voice.ids(phonemes), speed, np.random.default_rng(0))
    if is_first:
        sound = sound[_silent_frames(sound) :]
    data = to_int16(sound).astype("<i2", copy=False).tobytes()
    step = FORMAT.frames(CHUNK_S) * FORMAT.bytes_per_frame
    for start in range(0, len(data), step):
        yield data[start : start + step]


def _silent_frames(sound: Samples) -> int:
    """Frames of silence in front of speech, cut by whole windows of 10 ms.

    The network begins every sentence with some 0.3 s below −80 dBFS. Between
    sentences that is the pause; in front of the first it is only late. The line
    lies well below the softest consonant, and one window before it is kept.
    """
    import numpy as np  # noqa: PLC0415  it came with the voice

    window = FORMAT.frames(_WINDOW_S)
    windows = sound[: len(sound) // window * window].reshape(-1, window)
    heard = np.flatnonzero(np.mean(np.square(windows), axis=1) > _SILENT_RMS**2)
    return int(max(0, heard[0] - 1)) * window if len(heard) else 0


def plain_digits(text: str) -> str:
    """The text with digits that are no decimals (H₂O, ①) as plain ones.

    Hibari takes them for numbers and then cannot read them as such. It knows
    squares and cubes, so those stay.
    """
    return "".join(
        str(unicodedata.digit(character))
        if character.isdigit() and not character.isdecimal() and character not in "²³"
        else character
        for character in text
    )


def short_runs(text: str) -> str:
    """The text with a space within each run that is longer than `_MAX_RUN`: behind a mark, or so.

    Such runs are paths, addresses and long numbers, and what somebody sends on purpose.
    """
    return _LONG_RUN.sub(lambda run: " ".join(_RUN_PART.findall(run[0])), text)


def pieces(text: str, limit: int) -> Iterator[str]:
    """``text`` in parts of at most ``limit`` characters, cut after a clause, else a word.

    A run longer than ``limit`` without white space is cut where it must be.
    """
    while len(text) > limit:
        window = text[: limit + 1]
        clause = max(window.rfind(mark) for mark in (", ", "; ", ": ", "— "))
        cut = clause + 1 if clause > 0 else window.rfind(" ")
        cut = cut if cut > 0 else limit
        yield text[:cut]
        text = text[cut:].lstrip()
    if text:
        yield text


def _registered(name: str) -> Any:
    """The registry's entry of a voice."""
    try:
        from hibari.voices import VOICES  # noqa: PLC0415  brings numpy along
    except ImportError as error:
        raise _unusable(error) from error
    if name not in VOICES:
        raise ConfigError(
            f'the built-in voice has no "{clean(name, 60)}"; it knows {", ".join(VOICES)}',
            remedy="voicecli voices --base-url builtin lists them",
        )
    return VOICES[name]


def _model(name: str) -> Any:
    """A ``Hibari`` whose network is loaded and whose tables are not."""
    # onnxruntime would keep an identifier of this machine in the user's cache, and send it to its
    # maker with the system, the processor and the path of the interpreter.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import hibari  # noqa: PLC0415  loaded with the voice
        from hibari.voices import voice_path  # noqa: PLC0415

        try:
            path = voice_path(name)
        except (OSError, RuntimeError) as error:
            raise NetworkError(
                f'the voice "{name}" is not on this machine and could not be fetched: '
                f"{clean(str(error)).removeprefix('hibari: ')}",
                remedy=f"the voice {DEFAULT_VOICE} is always there",
            ) from error
        return hibari.Hibari(voice=name, model=path)
    except NetworkError:
        raise
    except Exception as error:  # onnxruntime's own exceptions share no base
        raise _unusable(error) from error


def _unusable(error: Exception) -> SourceError:
    return SourceError(
        f"the built-in voice failed: {clean(str(error)) or type(error).__name__}",
        remedy="reinstall hibari-tts and onnxruntime, or set an endpoint with --base-url",
    )
