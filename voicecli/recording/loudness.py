"""Loudness and silence of a saved clip, by pydub.

pydub works on whole clips in memory, which is what a finished recording is. It
would start ffmpeg for anything but WAV; ours are WAV, and are read with the
standard library, so it never does.
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
"""A window whose RMS is below this is silent; the line that metrics draw for the onset, too."""

WINDOW_MS = 10


def measure_clip(path: Path) -> dict[str, float | None]:
    """Measure a 16-bit WAV file.

    Returns ``duration_s``, ``peak_dbfs``, ``loudness_dbfs`` (RMS of the whole
    clip, not weighted for hearing), ``leading_silence_ms`` and
    ``trailing_silence_ms`` in steps of `WINDOW_MS`. 0 dBFS is the magnitude
    32768. A level of digital silence is minus infinity, which JSON cannot say:
    None. A clip that is silent throughout leads and trails with all of itself.

    Raises:
        SaveError: the file cannot be read, or is no 16-bit PCM WAV.
    """
    segment_of, leading_silence_ms = _pydub()
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:  # noqa: PLR2004  bytes a sample
                raise SaveError(f"cannot measure {path}: its samples are not 16-bit")
            rate_hz, frames = file.getframerate(), file.getnframes()
            segment = segment_of(
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


def _pydub() -> tuple[Any, Any]:
    """The segment class and the silence finder, without the warning that ffmpeg is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydub import AudioSegment  # noqa: PLC0415  needed once a clip is saved
        from pydub.silence import detect_leading_silence  # noqa: PLC0415  likewise
    return AudioSegment, detect_leading_silence


def _finite(level_dbfs: float) -> float | None:
    return round(level_dbfs, 2) if math.isfinite(level_dbfs) else None
