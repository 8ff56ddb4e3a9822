"""Loudness and silence of a saved clip, by pydub.

pydub works on whole clips in memory, as finished recordings are. It runs ffmpeg for
every format but WAV; WAVs are read here with the standard library, so it never does.
"""

from __future__ import annotations

import math
import warnings
import wave
from typing import TYPE_CHECKING, Any

from voicecli.errors import SaveError

if TYPE_CHECKING:
    from pathlib import Path

SILENCE_DBFS = -40.0
"""A window whose RMS is below this is silent; the onset in the metrics has the same limit."""

WINDOW_MS = 10


def measure_clip(path: Path) -> dict[str, float | None]:
    """Measure a 16-bit WAV file.

    Returns ``duration_s``, ``peak_dbfs``, ``loudness_dbfs`` (RMS of the whole clip,
    unweighted), ``leading_silence_ms`` and ``trailing_silence_ms`` in steps of
    `WINDOW_MS`. 0 dBFS is the magnitude 32768. The level of digital silence is None,
    as JSON has no infinity. A silent clip is all leading and all trailing silence.

    Raises:
        SaveError: the file cannot be read, or is not a 16-bit PCM WAV.
    """
    segment_class, leading_silence_ms = _import_pydub()
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:  # noqa: PLR2004  bytes per sample
                raise SaveError(f"cannot measure {path}: its samples are not 16-bit")
            rate_hz, frames = file.getframerate(), file.getnframes()
            segment = segment_class(
                data=file.readframes(frames),
                sample_width=2,
                frame_rate=rate_hz,
                channels=file.getnchannels(),
            )
    except (OSError, EOFError, wave.Error) as error:
        raise SaveError(f"cannot measure {path}: {error}") from error
    silence = {"silence_threshold": SILENCE_DBFS, "chunk_size": WINDOW_MS}
    return {
        "duration_s": frames / rate_hz,
        "peak_dbfs": _finite(segment.max_dBFS),
        "loudness_dbfs": _finite(segment.dBFS),
        "leading_silence_ms": float(leading_silence_ms(segment, **silence)),
        "trailing_silence_ms": float(leading_silence_ms(segment.reverse(), **silence)),
    }


def _import_pydub() -> tuple[Any, Any]:
    """Import pydub without its warning that ffmpeg is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydub import AudioSegment  # noqa: PLC0415  only after a clip was saved
        from pydub.silence import detect_leading_silence  # noqa: PLC0415
    return AudioSegment, detect_leading_silence


def _finite(level_dbfs: float) -> float | None:
    return round(level_dbfs, 2) if math.isfinite(level_dbfs) else None
