from __future__ import annotations

import math
import os
import subprocess
import sys
import wave

import numpy as np
import pytest

from voicecli.errors import SaveError
from voicecli.recording.loudness import measure_clip
from voicecli.recording.wavfile import WavWriter

RATE_HZ = 24_000


def save(path, *parts, channels=1):
    writer = WavWriter(path, RATE_HZ, channels)
    for part in parts:
        writer.write(np.repeat(np.asarray(part, np.float32)[:, None], channels, axis=1))
    writer.finish()
    return path


def silence(seconds):
    return np.zeros(round(seconds * RATE_HZ))


def tone(seconds, amplitude, frequency_hz=400):
    return amplitude * np.sin(
        np.arange(round(seconds * RATE_HZ)) * 2 * np.pi * frequency_hz / RATE_HZ
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_measures_a_tone_between_silences(tmp_path, channels):
    path = save(tmp_path / "a.wav", silence(0.25), tone(0.5, 0.5), silence(0.1), channels=channels)
    measured = measure_clip(path)
    assert measured["duration_s"] == pytest.approx(0.85)
    assert measured["peak_dbfs"] == pytest.approx(20 * math.log10(0.5), abs=0.01)
    rms_dbfs = 20 * math.log10(0.5 / math.sqrt(2) * math.sqrt(0.5 / 0.85))
    assert measured["loudness_dbfs"] == pytest.approx(rms_dbfs, abs=0.02)
    assert measured["leading_silence_ms"] == 250
    assert measured["trailing_silence_ms"] == 100


def test_audio_below_the_threshold_is_silence(tmp_path):
    path = save(tmp_path / "a.wav", tone(0.2, 0.012), tone(0.1, 0.016), tone(0.3, 0.012))
    measured = measure_clip(path)  # 0.012 is -41.4 dBFS RMS, 0.016 is -38.9
    assert measured["leading_silence_ms"] == 200
    assert measured["trailing_silence_ms"] == 300


def test_digital_silence_has_no_level(tmp_path):
    measured = measure_clip(save(tmp_path / "a.wav", silence(0.3)))
    assert measured == {
        "duration_s": pytest.approx(0.3),
        "peak_dbfs": None,
        "loudness_dbfs": None,
        "leading_silence_ms": 300,
        "trailing_silence_ms": 300,
    }


def test_an_empty_clip_is_measured(tmp_path):
    measured = measure_clip(save(tmp_path / "a.wav"))
    assert measured["duration_s"] == 0
    assert measured["leading_silence_ms"] == 0


@pytest.mark.parametrize("content", [b"", b"not a WAV at all, and longer than a header", b"RIFF"])
def test_a_file_that_is_not_a_wav_is_an_error(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SaveError, match="cannot measure"):
        measure_clip(tmp_path / "a.wav")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SaveError, match="No such file"):
        measure_clip(tmp_path / "a.wav")


def test_a_missing_ffmpeg_causes_no_warning(tmp_path):
    path = save(tmp_path / "a.wav", tone(0.1, 0.5))
    script = (
        "import sys; from voicecli.recording.loudness import measure_clip; "
        "measure_clip(sys.argv[1])"
    )
    run = subprocess.run(
        [sys.executable, "-W", "always::RuntimeWarning", "-c", script, str(path)],
        env={**os.environ, "PATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stderr == ""


def test_a_wav_of_another_depth_is_an_error(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes([128, 192]))
    with pytest.raises(SaveError, match="not 16-bit"):
        measure_clip(tmp_path / "a.wav")
