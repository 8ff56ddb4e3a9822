"""Files are valid to other tools: ffprobe, opusinfo and FFmpeg."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.codecs.encoding.roundtrip import encoded, sound

SHAPES = [(24_000, 1), (44_100, 2), (8_000, 1), (96_000, 2)]
WARNING = re.compile(
    "warning|error|invalid|missing|corrupt|negative|unknown|bad|not ", re.IGNORECASE
)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


def probed(path):
    shown = run("ffprobe", "-v", "warning", "-of", "json", "-show_streams", str(path))
    (stream,) = json.loads(shown.stdout)["streams"]
    return stream, shown.stderr


@pytest.mark.parametrize("frames", [0, 1, 30_001])
@pytest.mark.parametrize(("rate_hz", "channels"), SHAPES)
def test_opusinfo_reports_nothing(tmp_path, rate_hz, channels, frames):
    path = tmp_path / "sound.opus"
    path.write_bytes(encoded("opus", sound(frames, rate_hz, channels), rate_hz)[0])
    shown = run("opusinfo", str(path))
    assert shown.stderr == ""
    assert not WARNING.findall(shown.stdout)
    assert "Pre-skip: 312" in shown.stdout
    assert f"Original sample rate: {rate_hz} Hz" in shown.stdout
    minutes, seconds = re.search(r"Playback length: (\d+)m:([\d.]+)s", shown.stdout).groups()
    assert 60 * int(minutes) + float(seconds) == pytest.approx(frames / rate_hz, abs=0.002)


@pytest.mark.parametrize(("rate_hz", "channels"), SHAPES)
@pytest.mark.parametrize("codec", ["opus", "flac", "wav", "mp3", "aac"])
def test_ffprobe_reports_nothing_about_a_file(tmp_path, codec, rate_hz, channels):
    path = tmp_path / f"sound.{codec}"
    path.write_bytes(encoded(codec, sound(2 * rate_hz, rate_hz, channels), rate_hz)[1])
    stream, messages = probed(path)
    if codec == "aac":  # ADTS files do not state their length
        messages = "".join(
            line for line in messages.splitlines() if "Estimating duration" not in line
        )
    assert messages == ""
    assert stream["codec_name"] == {"wav": "pcm_s16le"}.get(codec, codec)
    assert stream["channels"] == channels
    # Opus is 48 kHz by definition, MP3 ends there.
    coded_hz = {"opus": 48_000, "mp3": min(rate_hz, 48_000)}.get(codec, rate_hz)
    assert int(stream["sample_rate"]) == coded_hz
    if codec != "aac":
        assert float(stream["duration"]) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("codec", ["opus", "flac"])
def test_ffprobe_reports_nothing_about_a_stream(tmp_path, codec):
    path = tmp_path / f"sound.{codec}"
    path.write_bytes(encoded(codec, sound(48_000))[0])
    assert probed(path)[1] == ""


@pytest.mark.parametrize(
    ("rate_hz", "channels", "bitrate_bps"),
    [(24_000, 1, None), (48_000, 2, None), (8_000, 1, 40_000), (44_100, 1, 48_000)],
)
@pytest.mark.parametrize("codec", ["mp3", "aac"])
def test_ffmpeg_ignores_the_padding_marker(tmp_path, codec, rate_hz, channels, bitrate_bps):
    path, raw = tmp_path / f"sound.{codec}", tmp_path / "decoded.raw"
    samples = sound(30_001, rate_hz, channels)
    path.write_bytes(encoded(codec, samples, rate_hz, bitrate_bps=bitrate_bps)[0])
    shown = run("ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", str(raw))
    assert shown.stderr == ""
    surplus = raw.stat().st_size // (2 * channels) - 30_001
    # FFmpeg also plays the silence after it, and the priming of AAC before it.
    assert 0 <= surplus < (2_048 if codec == "aac" else 1_152)


@pytest.mark.parametrize("codec", ["opus", "flac", "wav", "mp3"])
def test_ffmpeg_decodes_as_many_frames_as_were_encoded(tmp_path, codec):
    path, raw = tmp_path / f"sound.{codec}", tmp_path / "decoded.raw"
    path.write_bytes(encoded(codec, sound(30_001, 48_000), 48_000)[1])
    run("ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", str(raw))
    assert raw.stat().st_size == 2 * 30_001
