"""The built-in voice: hibari-tts in this process, no key, no server, English at 24 kHz.

One sentence is spoken at a time. Hibari's own ``stream`` turns the whole text
into phonemes before the first sound; here the first sentence is audio while the
second is still text, and cancelling takes effect between pieces.

numpy is imported by speaking, not by this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from voicecli.audio.pcm import AudioFormat, to_int16
from voicecli.errors import ConfigError, NothingToSay
from voicecli.sources.base import SourceInfo
from voicecli.sources.phrases import phrases
from voicecli.sources.voicecache import voice_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.audio.pcm import Samples
    from voicecli.request import SpeechRequest
    from voicecli.sources.voicecache import Voice, VoiceCache
    from voicecli.threads import Spawn

_T = TypeVar("_T")

FORMAT = AudioFormat(rate_hz=24_000, channels=1)
"""What the voice speaks in; Hibari's networks know no other rate."""

CHUNK_S = 0.5
"""Longest chunk that is handed on, so that a consumer can stop between two of them."""

_WINDOW_S = 0.010
_SILENT_RMS = 0.001
"""−60 dBFS."""

_SPEEDS = (0.25, 4.0)


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
        for phonemes in self._guarded(phrases(voice, self._request.text)):
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
                raise voice_failed(error) from error
            yield step


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
