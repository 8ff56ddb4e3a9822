"""The built-in voice: hibari-tts in this process, no key, no server, English at 24 kHz.

One sentence is spoken at a time. Hibari's own ``stream`` turns the whole text into
phonemes before the first sound; here the first sentence is audio while the second is
still text, and cancelling takes effect between pieces.

numpy is imported by speaking, not by this module.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from voicecli.audio.pcm import AudioFormat, to_int16
from voicecli.errors import ConfigError, NothingToSay
from voicecli.sources.base import Response, SourceInfo
from voicecli.sources.english import english_part, nothing_english
from voicecli.sources.phrases import phrases
from voicecli.sources.voicecache import voice_failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import RequestEvents
    from voicecli.sources.voicecache import Voice, VoiceCache
    from voicecli.threads import Spawn

_T = TypeVar("_T")

FORMAT = AudioFormat(rate_hz=24_000, channels=1)
"""The voice's output format; Hibari's networks have no other rate."""

CHUNK_S = 0.5
"""Longest chunk, so that a consumer can stop between two of them."""

_INFO = SourceInfo(
    "pcm",
    f"audio/pcm;rate={FORMAT.rate_hz};channels={FORMAT.channels}",
    FORMAT.rate_hz,
    FORMAT.channels,
)

_LEFT_OUT = "words are left out: the built-in voice speaks English"

_WINDOW_S = 0.010
_SILENT_RMS = 0.001
"""−60 dBFS."""

_LONG = 100
"""Phonemes at normal speed in an input of the network that takes much memory: 30 MB or more."""

_one_long = threading.Lock()
"""Held while such an input is spoken, so that requests made ahead do not add up."""

_MIN_SPEED, _MAX_SPEED = 0.25, 4.0


class BuiltinSource:
    """Speaks one request with the built-in voice, as 24 kHz mono s16le PCM.

    Chunks are whole frames of one sentence, at most ``chunk_s`` long. The noise in the
    voice is seeded, so the same request gives the same bytes. Only ``request.text``,
    ``voice`` and ``speed`` count. ``spawn`` lends a thread for loading.
    """

    label = "builtin"
    sends_request = False

    def __init__(
        self,
        request: SpeechRequest,
        voices: VoiceCache,
        spawn: Spawn | None = None,
        *,
        chunk_s: float = CHUNK_S,
    ) -> None:
        self._request = request
        self._voices = voices
        self._spawn = spawn
        self._chunk_bytes = FORMAT.frames(chunk_s) * FORMAT.bytes_per_frame
        self._voice: Voice | None = None
        self._cancelled = False  # written by any thread, read by the iterating one

    def prepare(self) -> None:
        """Load the voice.

        Raises:
            ConfigError: no such voice, a speed outside 0.25 to 4, or too little memory.
            SourceError: the voice cannot be loaded; `VoiceCache.load` says when.
        """
        speed = self._request.speed
        if speed is not None and not _MIN_SPEED <= speed <= _MAX_SPEED:
            raise ConfigError(
                f"the built-in voice's speed must be {_MIN_SPEED:g} to {_MAX_SPEED:g}"
            )
        self._voice = self._voices.load(self._request.voice, self._spawn)

    def open(self, events: RequestEvents | None = None) -> Response:  # noqa: ARG002  no request
        """Load the voice unless `prepare` did, and return its speech.

        Iterating raises:
            NothingToSay: nothing in the text can be said, or nothing in English.
            SourceError: the voice failed.
        """
        if self._voice is None:
            self.prepare()
        assert self._voice is not None
        text, left_out = english_part(self._request.text)
        info = _INFO._replace(warnings=(_LEFT_OUT,)) if left_out and text else _INFO
        return Response(info, self._speech(self._voice, text, is_foreign=left_out > 0))

    def cancel(self) -> None:
        """End the iteration after the current chunk or sentence; any thread, idempotent."""
        self._cancelled = True

    def _speech(self, voice: Voice, text: str, *, is_foreign: bool) -> Iterator[bytes]:
        is_first = True
        speed = self._request.speed or 1.0
        for phonemes in self._until_cancelled(phrases(voice, text, speed)):
            chunks = _speak(voice, phonemes, speed, self._chunk_bytes, is_first=is_first)
            yield from self._until_cancelled(chunks)
            is_first = False
        if is_first and not self._cancelled:
            raise nothing_english() if is_foreign else NothingToSay("nothing to say in the text")

    def _until_cancelled(self, steps: Iterator[_T]) -> Iterator[_T]:
        """Yield ``steps`` until cancelled, mapping hibari's exceptions to ours."""
        while not self._cancelled:
            try:
                step = next(steps)
            except StopIteration:
                return
            except Exception as error:
                raise voice_failed(error) from error
            yield step


def _speak(
    voice: Voice, phonemes: str, speed: float, chunk_bytes: int, *, is_first: bool
) -> Iterator[bytes]:
    import numpy as np  # noqa: PLC0415  loaded with the voice

    with _one_long if len(phonemes) / speed > _LONG else nullcontext():
        samples = voice.from_ids(voice.ids(phonemes), speed, np.random.default_rng(0))
    if is_first:
        samples = samples[_leading_silence(samples) :]
    data = to_int16(samples).astype("<i2", copy=False).tobytes()
    del samples  # a consumer may take minutes
    for start in range(0, len(data), chunk_bytes):
        yield data[start : start + chunk_bytes]


def _leading_silence(samples: Samples) -> int:
    """Return the frames of silence before speech, in whole windows of 10 ms.

    The network begins every sentence with about 0.3 s below −80 dBFS. Between sentences
    that is the pause; before the first it only delays the sound. The threshold lies
    well below the softest consonant, and one window before speech is kept.
    """
    import numpy as np  # noqa: PLC0415  loaded with the voice

    window = FORMAT.frames(_WINDOW_S)
    windows = samples[: len(samples) // window * window].reshape(-1, window)
    loud = np.flatnonzero(np.mean(np.square(windows), axis=1) > _SILENT_RMS**2)
    return int(max(0, loud[0] - 1)) * window if len(loud) else 0
